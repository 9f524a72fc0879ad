/**
 * OpenAI's embeddings: input alone is billed. https://platform.openai.com/docs/api-reference/embeddings
 */
import * as v from 'valibot';
import { toErrorBody } from '../base/error-body.ts';
import type { JsonObject } from '../base/json.ts';
import type { Dialect, ParsedRequest } from './dialect.ts';
import { makeSilentMeter } from './event-meter.ts';
import { readRequest } from './read-request.ts';
import { countInput, type RequestInput } from './request-input.ts';
import { NO_OUTPUT } from './request-output.ts';
import type { RequestRules } from './request-rules.ts';
import {
  byKind,
  each,
  flag,
  list,
  maybe,
  number,
  objectShapes,
  type Read,
  type Shape,
  type Strictness,
  text,
} from './shapes.ts';
import { type ReportedUsage, readUsage } from './usage.ts';

const TEXTS_MAX = 4_096;
const INPUT = `a text, a list of tokens, or a list of 1 to ${TEXTS_MAX} of either`;

const token = v.pipe(v.number(INPUT), v.integer(INPUT), v.minValue(0, INPUT));
const tokens = v.pipe(list(token), v.minLength(1, INPUT));
const inputs = v.pipe(
  list(byKind({ text, list: tokens })),
  v.minLength(1, INPUT),
  v.maxLength(TEXTS_MAX, INPUT),
);
type Tokens = Read<typeof tokens>;
type Inputs = Read<typeof inputs>;

const input = byKind({
  text,
  list: v.lazy(
    (items): Shape<Tokens | Inputs> =>
      typeof (items as readonly unknown[])[0] === 'number' ? tokens : inputs,
  ),
});

const shapeOf = (strictness: Strictness) =>
  objectShapes(strictness).object({
    model: maybe(text),
    input,
    ...each(maybe(text), 'encoding_format', 'user', 'truncate', 'task', 'input_type'),
    dimensions: maybe(number),
    normalized: maybe(flag),
  });

const SHAPES = {
  bounded: shapeOf('bounded'),
  scoped: shapeOf('scoped'),
  open: v.looseObject({ input }),
};

/** Models that are told the task put a text of their own before each text. */
const PREFIX_TOKENS_MAX = 64;

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
function parseEmbeddings(body: JsonObject, rules: RequestRules): ParsedRequest {
  const request = readRequest(body, SHAPES, rules);
  const sent = Object.entries({ ...request, model: rules.model }).filter(
    ([name]) => !rules.row.dropFields.includes(name),
  );
  const serialised = JSON.stringify(Object.fromEntries(sent));
  return {
    isStream: false,
    isUsageAsked: true,
    input: countEmbeddings(request),
    output: NO_OUTPUT,
    dropped: [],
    write: () => serialised,
  };
}

function countEmbeddings(request: Read<typeof SHAPES.bounded>): RequestInput {
  const items = textsOf(request.input);
  const texts = items.filter((item) => typeof item === 'string');
  const tokenLists = items.filter((item) => typeof item !== 'string');
  const hasPrefix = Boolean(request.task ?? request.input_type);
  return countInput({
    head: {},
    messages: items.map((item) => ({
      message: typeof item === 'string' ? item : '',
      role: 'user',
      endsInToolResult: false,
      hasHiddenReasoning: false,
    })),
    listName: 'input',
    tools: { count: 0, typed: 0 },
    tokens:
      tokenLists.reduce((sum, { length }) => sum + length, 0) +
      (hasPrefix ? texts.length * PREFIX_TOKENS_MAX : 0),
  });
}

/** The texts and token lists of an input: a text alone, tokens alone, or a list of either. */
const textsOf = (given: Tokens | Inputs | string): Inputs => {
  if (typeof given === 'string') return [given];
  return typeof given[0] === 'number' ? [given as Tokens] : (given as Inputs);
};

/** Some providers report only the total, which is all input. */
function readEmbeddingUsage({ usage }: JsonObject): ReportedUsage | undefined {
  const { prompt_tokens: prompt, total_tokens: total } = Object(usage);
  return readUsage({ ...Object(usage), prompt_tokens: prompt ?? total, completion_tokens: 0 });
}

export const EMBEDDINGS: Dialect = {
  name: 'embeddings',
  family: 'openai',
  isBilled: true,
  parse: parseEmbeddings,
  makeMeter: makeSilentMeter,
  readUsage: readEmbeddingUsage,
  toErrorEvents: (error) => `data: ${JSON.stringify(toErrorBody('openai', error))}\n\n`,
  endEvents: '',
  toCutEvents: () => '',
};
