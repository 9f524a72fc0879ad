/**
 * A chat completion request, checked and made ready to be sent to its provider.
 * Flow: policy > price > **request** > reserve > forward. Invariant: what is sent is the serialisation of what was
 * checked, with one output cap in the one field that the provider reads.
 */
import { findStoredReference, findUnboundedField } from './chat-fields.ts';
import type { PreparedRequest, RequestRules } from './dialects/dialect.ts';
import { GatewayError } from './errors.ts';
import { boundInput } from './input-bound.ts';
import type { JsonObject } from './request-body.ts';

const CHOICES_MAX = 128;
const CAP_MAX = 10_000_000;

/**
 * Checks a body and readies it.
 * @throws invalid_request naming the field that cannot be read, or that this credential may not send
 */
export function prepareChat(body: JsonObject, rules: RequestRules): PreparedRequest {
  const { row, isBounded, defaultMaxOutputTokens } = rules;
  if (!Array.isArray(body.messages)) throw invalid('messages', 'a list of messages', body);
  if (body.background === true) throw refused('background', 'false');
  if (rules.isCapped) requireBounded(body, rules);
  if (!rules.isServerKey) requireOwnData(body);
  const given = readCap(body);
  const cap = given ?? defaultMaxOutputTokens;
  const choices = readWhole(body, 'n', CHOICES_MAX) ?? 1;
  const isStream = readFlag(body, 'stream');
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
  };
}

function requireBounded(body: JsonObject, { model, row }: RequestRules): void {
  const refusal = findUnboundedField(body);
  if (refusal !== undefined) throw refused(refusal.param, refusal.allowed);
  // OpenRouter's web search by a suffix of the model id; billed by the result.
  if (row.reportsCost && model.endsWith(':online'))
    throw refused('model', 'a model without ":online"');
}

function requireOwnData(body: JsonObject): void {
  const param = findStoredReference(body);
  if (param === undefined) return;
  throw new GatewayError('invalid_request', {
    message: `"${param}" names what is stored at the provider, which only a server key may do`,
    param,
  });
}

const refused = (param: string, allowed?: string): GatewayError =>
  new GatewayError('invalid_request', {
    message: `"${param}" may not be used with a spending limit${allowed === undefined ? '' : `, allowed is ${allowed}`}`,
    param,
  });

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
  } else if (options !== undefined && !row.dropFields.includes('stream_options')) {
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
    .map((name) => readWhole(body, name, CAP_MAX))
    .filter((cap) => cap !== undefined);
  return caps.length === 0 ? undefined : Math.min(...caps);
}

function requireInputBound(body: JsonObject, serialised: string, rules: RequestRules): number {
  const bound = boundInput(
    { body, serialised },
    {
      imageTokensMax: rules.row.imageTokensMax,
      contextWindow: rules.contextWindow,
    },
  );
  if (bound.tokens !== undefined) return bound.tokens;
  if (!rules.isBounded) return Buffer.byteLength(serialised);
  throw refused(bound.reference ?? 'messages', 'an image as a base64 data: URL');
}

const bytesOf = (value: unknown): number =>
  value === undefined || value === null ? 0 : Buffer.byteLength(JSON.stringify(value));

function readWhole(body: JsonObject, name: string, max: number): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max)
    return value;
  throw invalid(name, `a whole number from 1 to ${max}`, body);
}

function readFlag(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw invalid(name, 'true or false', body);
}

function readObject(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  throw invalid(name, 'an object', body);
}

/** Says what was got by its kind alone, or as a number: a text may be a prompt. */
function invalid(param: string, allowed: string, body: JsonObject): GatewayError {
  const value = body[param];
  const got =
    typeof value === 'number' ? String(value) : value === undefined ? 'nothing' : typeof value;
  return new GatewayError('invalid_request', {
    message: `"${param}" must be ${allowed}, got ${got}`,
    param,
  });
}
