/**
 * OpenAI's embeddings: input alone is billed. https://platform.openai.com/docs/api-reference/embeddings
 */
import { toErrorBody } from '../base/error-body.ts';
import { GatewayError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { utf8BytesMax } from './bound/utf8-bytes.ts';
import type { Dialect } from './dialect.ts';
import { makeEventMeter } from './event-meter.ts';
import { nameField, notBounded } from './fields.ts';
import { fromPrepared, type PreparedRequest } from './legacy.ts';
import type { RequestRules } from './request-rules.ts';
import { type ReportedUsage, readUsage } from './usage.ts';

/** Marks that a tokenizer puts around each text. */
const TEXT_OVERHEAD_TOKENS = 8;
const TEXTS_MAX = 4_096;

/** Every field that a credential with a USD limit may send. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['model', 'input', 'encoding_format', 'dimensions', 'user', 'truncate', 'task', 'normalized'],
]);

export function prepareEmbeddings(body: JsonObject, rules: RequestRules): PreparedRequest {
  if (rules.isCapped) requireKnownFields(body);
  const inputTokens = boundInput(body.input);
  const serialised = JSON.stringify({ ...withoutDropped(body, rules), model: rules.model });
  return {
    isStream: false,
    isUsageAsked: true,
    inputTokens,
    cap: 0,
    outputTokens: () => 0,
    toBody: () => serialised,
  };
}

const withoutDropped = (body: JsonObject, { row }: RequestRules): JsonObject =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !row.dropFields.includes(name)));

function requireKnownFields(body: JsonObject): void {
  const name = Object.keys(body).find((field) => body[field] !== null && !FIELDS.has(field));
  if (name === undefined) return;
  throw notBounded({ param: nameField(name) });
}

/** A text, tokens, or a list of either: one token is at least a byte of a text, and is itself otherwise. */
function boundInput(input: unknown): number {
  const items: readonly unknown[] = Array.isArray(input) && !isTokens(input) ? input : [input];
  if (items.length === 0 || items.length > TEXTS_MAX || !items.every(isItem)) {
    throw new GatewayError('invalid_request', {
      message: `"input" must be a text, a list of tokens, or a list of 1 to ${TEXTS_MAX} of either`,
      param: 'input',
    });
  }
  return items.reduce<number>(
    (sum, item) =>
      sum + TEXT_OVERHEAD_TOKENS + (typeof item === 'string' ? utf8BytesMax(item) : item.length),
    0,
  );
}

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every(Number.isInteger);

const isItem = (value: unknown): value is string | readonly number[] =>
  typeof value === 'string' || isTokens(value);

/** Some providers say only the total, which is all input. */
function readEmbeddingUsage({ usage }: JsonObject): ReportedUsage | undefined {
  const { prompt_tokens: prompt, total_tokens: total } = Object(usage);
  return readUsage({ ...Object(usage), prompt_tokens: prompt ?? total, completion_tokens: 0 });
}

export const EMBEDDINGS: Dialect = {
  name: 'embeddings',
  family: 'openai',
  isBilled: true,
  parse: fromPrepared(prepareEmbeddings),
  // An answer is never a stream; nothing of it is output.
  makeMeter: () => makeEventMeter({ said: /(?!)/g, telling: /(?!)/, read: (_, state) => state }),
  readUsage: readEmbeddingUsage,
  toErrorEvents: (error) => `data: ${JSON.stringify(toErrorBody('openai', error))}\n\n`,
  endEvents: '',
  toCutEvents: () => '',
};
