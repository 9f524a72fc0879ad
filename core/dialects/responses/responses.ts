/**
 * OpenAI's responses. https://platform.openai.com/docs/api-reference/responses
 */
import { ERRORS, GatewayError } from '../../base/errors.ts';
import { isRecord, type JsonObject } from '../../base/json.ts';
import type { Dialect } from '../dialect.ts';
import { makeEventMeter } from '../event-meter.ts';
import { isGiven, notBounded, notOwned, readFlag, readWhole, unreadable } from '../fields.ts';
import { boundOf, type FoundInput, INLINE_IMAGE, nothingFound } from '../input-bound.ts';
import { fromPrepared, type PreparedRequest } from '../legacy.ts';
import { readOpenAiBetas } from '../openai-betas.ts';
import type { RequestRules } from '../request-rules.ts';
import { type ReportedUsage, readUsage } from '../usage.ts';
import { findStoredReference, findUnboundedField } from './fields.ts';

export function prepareResponses(body: JsonObject, rules: RequestRules): PreparedRequest {
  const { input } = body;
  const isPrompted = isGiven(body.prompt) || isGiven(body.conversation);
  if (typeof input !== 'string' && !Array.isArray(input) && !isPrompted) {
    throw unreadable('input', 'a text or a list of items', input);
  }
  const isStream = readFlag('stream', body.stream);
  if (body.background === true) {
    throw new GatewayError('invalid_request', {
      message: '"background" must be false: what runs on unseen cannot be billed',
      param: 'background',
    });
  }
  const refusal = rules.isCapped ? findUnboundedField(body) : undefined;
  if (refusal !== undefined) throw notBounded(refusal);
  const stored = findStoredReference(body);
  if (stored !== undefined && !rules.isServerKey) throw notOwned(stored);
  return toPrepared(body, isStream, rules);
}

function toPrepared(body: JsonObject, isStream: boolean, rules: RequestRules): PreparedRequest {
  const given = readWhole('max_output_tokens', body.max_output_tokens);
  const cap = given ?? rules.defaultMaxOutputTokens;
  const { max_output_tokens: _cap, background: _background, ...rest } = body;
  // Nothing is stored at a provider on a caller's word.
  const sent = { ...rest, model: rules.model, store: false };
  const sendsCap = rules.isBounded || given !== undefined;
  const toBody = (sentCap: number): string =>
    JSON.stringify(sendsCap ? { ...sent, max_output_tokens: sentCap } : sent);
  const serialised = toBody(cap);
  const inputTokens = requireInputBound(sent, serialised, rules);
  return {
    isStream,
    isUsageAsked: true,
    inputTokens,
    cap,
    outputTokens: (sentCap) => sentCap,
    toBody: (sentCap) => (sentCap === cap ? serialised : toBody(sentCap)),
    headers: readOpenAiBetas(rules),
  };
}

/** Never under; see `input-bound.ts`. What is given by reference is bounded by the context window, or refused. */
function requireInputBound(body: JsonObject, serialised: string, rules: RequestRules): number {
  const items = Array.isArray(body.input) ? body.input : [];
  const found = nothingFound();
  found.reference = findStoredReference(body);
  for (const [index, item] of items.entries()) look(item, `input[${index}]`, found);
  const parts = {
    messages: items.length,
    tools: Array.isArray(body.tools) ? body.tools.length : 0,
  };
  const { imageTokensMax } = rules.row;
  const { contextWindow } = rules;
  const tokens = boundOf(serialised, found, parts, { imageTokensMax, contextWindow });
  if (tokens !== undefined) return tokens;
  if (!rules.isBounded) return Buffer.byteLength(serialised);
  const allowed = 'an image as a base64 data: URL';
  throw notBounded({ param: found.reference ?? 'input', allowed });
}

function look(item: unknown, path: string, found: FoundInput): void {
  for (const [name, parts] of Object.entries(isRecord(item) ? item : {})) {
    for (const [at, part] of Array.isArray(parts) ? parts.entries() : []) {
      if (!isRecord(part) || !/^input_(image|file|audio)$/.test(String(part.type))) continue;
      const url = part.image_url;
      if (part.type === 'input_image' && typeof url === 'string' && INLINE_IMAGE.test(url)) {
        found.images += 1;
        found.imageChars += url.length;
      } else found.reference ??= `${path}.${name}[${at}]`;
    }
  }
}

/** The report under the names of a chat completion, whose rules hold for it. */
function readResponseUsage(usage: unknown): ReportedUsage | undefined {
  const report = Object(usage);
  return readUsage({
    prompt_tokens: report.input_tokens,
    completion_tokens: report.output_tokens,
    total_tokens: report.total_tokens,
    prompt_tokens_details: report.input_tokens_details,
    completion_tokens_details: report.output_tokens_details,
    cost: report.cost,
  });
}

/** Of an event that the gateway adds: behind all of the provider's, in every client's integer. Clients demand one. */
const LAST_SEQUENCE_NUMBER = 2_147_483_647;

const LAST_EVENTS: ReadonlySet<unknown> = new Set([
  ...['response.completed', 'response.incomplete', 'response.failed'],
]);

export const RESPONSES: Dialect = {
  name: 'responses',
  family: 'openai',
  isBilled: true,
  ownProvider: 'openai',
  parse: fromPrepared(prepareResponses),
  makeMeter: () =>
    makeEventMeter({
      // Texts come as deltas; what follows them repeats them whole.
      said: /"delta"\s*:\s*"/g,
      telling: /"type"\s*:\s*"(?:response\.(?:completed|incomplete|failed)|error)"/,
      read: (event, state) => {
        if (event.type === 'error') return { ...state, hasFailed: true };
        if (!LAST_EVENTS.has(event.type)) return state;
        const { usage } = isRecord(event.response) ? event.response : {};
        return {
          usage: readResponseUsage(usage) ?? state.usage,
          isFinished: true,
          isLast: true,
          hasFailed: event.type === 'response.failed',
        };
      },
    }),
  readUsage: ({ usage }) => readResponseUsage(usage),
  toErrorEvents: (error) => {
    const { code, message, facts } = error;
    const { type } = ERRORS[code];
    const param = facts.param ?? null;
    const data = { type: 'error', sequence_number: LAST_SEQUENCE_NUMBER, code, message, param };
    // SDKs read either the event's own members or an error object inside it.
    return `event: error\ndata: ${JSON.stringify({ ...data, error: { type, code, message, param } })}\n\n`;
  },
  endEvents: '',
  toCutEvents: ({ requestId, model, nowMs }) => {
    const response = {
      id: `resp_${requestId}`,
      object: 'response',
      created_at: Math.floor(nowMs / 1000),
      model,
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [],
      error: null,
    };
    const sequence_number = LAST_SEQUENCE_NUMBER;
    const data = { type: 'response.incomplete', sequence_number, response };
    return `event: response.incomplete\ndata: ${JSON.stringify(data)}\n\n`;
  },
};
