/**
 * A chat completion request, checked and made ready to be sent to its provider.
 * Flow: policy > price > **request** > reserve > forward. Invariant: what is sent is the serialisation of what was
 * checked, with one output cap in the one field that the provider reads.
 */

import type { JsonObject } from '../../base/json.ts';
import { notBounded, notOwned, readFlag, readWhole, unreadable } from '../fields.ts';
import type { PreparedRequest } from '../legacy.ts';
import { readOpenAiBetas } from '../openai-betas.ts';
import type { RequestRules } from '../request-rules.ts';
import { findStoredReference, findUnboundedField } from './fields.ts';
import { boundChatInput } from './input.ts';

const CHOICES_MAX = 128;

/**
 * Checks a body and readies it.
 * @throws invalid_request naming the field that cannot be read, or that this credential may not send
 */

export function prepareChat(body: JsonObject, rules: RequestRules): PreparedRequest {
  const { row, isBounded, defaultMaxOutputTokens } = rules;
  if (!Array.isArray(body.messages)) {
    throw unreadable('messages', 'a list of messages', body.messages);
  }
  if (body.background === true) throw notBounded({ param: 'background', allowed: 'false' });
  if (rules.isCapped) requireBounded(body, rules);
  if (!rules.isServerKey) requireOwnData(body);
  const given = readCap(body);
  const cap = given ?? defaultMaxOutputTokens;
  const choices = readWhole('n', body.n, CHOICES_MAX) ?? 1;
  const isStream = readFlag('stream', body.stream);
  const options = readObject(body, 'stream_options');
  const sent = toSent(body, rules, isStream, options);
  const sendsCap = isBounded || given !== undefined;
  const toBody = (sentCap: number): string =>
    JSON.stringify(sendsCap ? { ...sent, [row.capField]: sentCap } : sent);
  const serialised = toBody(cap);
  return {
    isStream,
    isUsageAsked: options?.include_usage === true,
    inputTokens: requireInputBound(sent, serialised, rules),
    cap,
    // Rejected tokens of a prediction are billed as output, beyond the cap.
    outputTokens: (sentCap) => (sentCap + bytesOf(body.prediction)) * choices,
    toBody: (sentCap) => (sentCap === cap ? serialised : toBody(sentCap)),
    headers: readOpenAiBetas(rules),
  };
}

function requireBounded(body: JsonObject, { model, row }: RequestRules): void {
  const refusal = findUnboundedField(body);
  if (refusal !== undefined) throw notBounded(refusal);
  // OpenRouter's web search by a suffix of the model id; billed by the result.
  if (row.reportsCost && model.endsWith(':online'))
    throw notBounded({ param: 'model', allowed: 'a model without ":online"' });
}

function requireOwnData(body: JsonObject): void {
  const param = findStoredReference(body);
  if (param !== undefined) throw notOwned(param);
}

/** The fields that go upstream, without the output cap. Both cap fields are dropped here, and one is set later. */
function toSent(
  body: JsonObject,
  { row, model }: RequestRules,
  isStream: boolean,
  options: JsonObject | undefined,
): JsonObject {
  const sent: Record<string, unknown> = { model };
  for (const [name, value] of Object.entries(body)) {
    if (UNSENT.has(name) || row.dropFields.includes(name)) continue;
    const sentName = Object.hasOwn(row.renameFields, name)
      ? (row.renameFields[name] ?? name)
      : name;
    // Not by assignment: a member called "__proto__" is a member like any other.
    Object.defineProperty(sent, sentName, { value, enumerable: true, configurable: true });
  }
  if (isStream && row.includeUsage === 'inject') {
    sent.stream_options = { ...options, include_usage: true };
  } else if (options !== undefined && row.includeUsage !== 'never') {
    sent.stream_options = options;
  }
  return sent;
}

/** Set anew, or never sent: nothing is stored at a provider on a caller's word, nothing runs on unseen. */
const UNSENT: ReadonlySet<string> = new Set([
  ...['model', 'max_tokens', 'max_completion_tokens', 'stream_options', 'store', 'background'],
]);

/** Both cap fields may be given; the smaller one holds. */
function readCap(body: JsonObject): number | undefined {
  const caps = ['max_tokens', 'max_completion_tokens']
    .map((name) => readWhole(name, body[name]))
    .filter((cap) => cap !== undefined);
  return caps.length === 0 ? undefined : Math.min(...caps);
}

function requireInputBound(body: JsonObject, serialised: string, rules: RequestRules): number {
  const { imageTokensMax } = rules.row;
  const { contextWindow } = rules;
  const input = boundChatInput(body, serialised, { imageTokensMax, contextWindow });
  if (input.tokens !== undefined) return input.tokens;
  if (!rules.isBounded) return Buffer.byteLength(serialised);
  const allowed = 'an image as a base64 data: URL';
  throw notBounded({ param: input.reference ?? 'messages', allowed });
}

const bytesOf = (value: unknown): number =>
  value === undefined || value === null ? 0 : Buffer.byteLength(JSON.stringify(value));

function readObject(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  throw unreadable(name, 'an object', value);
}
