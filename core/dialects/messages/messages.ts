/**
 * Anthropic's messages, and the counting of their tokens. https://docs.anthropic.com/en/api/messages
 */
import { toErrorBody } from '../../base/error-body.ts';
import type { GatewayError } from '../../base/errors.ts';
import type { Headers } from '../../base/http.ts';
import { isRecord, type JsonObject } from '../../base/json.ts';
import type { Dialect, PreparedRequest, RequestRules } from '../dialect.ts';
import { makeEventMeter } from '../event-meter.ts';
import { isGiven, notBounded, notOwned, readFlag, readWhole, unreadable } from '../fields.ts';
import { findUnboundedField } from './fields.ts';
import { boundMessagesInput } from './input.ts';
import { readMessagesUsage } from './usage.ts';

const DEFAULT_VERSION = '2023-06-01';

function prepareMessages(body: JsonObject, rules: RequestRules): PreparedRequest {
  const cap = readWhole('max_tokens', body.max_tokens) ?? rules.defaultMaxOutputTokens;
  const { sent, serialised, inputTokens } = check(body, rules);
  const toBody = (sentCap: number): string => JSON.stringify({ ...sent, max_tokens: sentCap });
  return {
    isStream: readFlag('stream', body.stream),
    isUsageAsked: true,
    inputTokens: inputTokens ?? Buffer.byteLength(serialised),
    cap,
    outputTokens: (sentCap) => sentCap,
    toBody,
    headers: versionHeaders(rules),
  };
}

function prepareCount(body: JsonObject, rules: RequestRules): PreparedRequest {
  const { serialised } = check(body, { ...rules, isBounded: false });
  return {
    isStream: false,
    isUsageAsked: true,
    inputTokens: 0,
    cap: 0,
    outputTokens: () => 0,
    toBody: () => serialised,
    headers: versionHeaders(rules),
  };
}

interface Checked {
  /** Without the output cap. */
  readonly sent: JsonObject;
  readonly serialised: string;
  readonly inputTokens: number | undefined;
}

function check(body: JsonObject, rules: RequestRules): Checked {
  if (!Array.isArray(body.messages)) {
    throw unreadable('messages', 'a list of messages', body.messages);
  }
  const refusal = rules.isCapped ? findUnboundedField(body) : undefined;
  if (refusal !== undefined) throw notBounded(refusal);
  const { max_tokens: _cap, ...rest } = body;
  const sent = { ...rest, model: rules.model };
  const serialised = JSON.stringify(sent);
  const { imageTokensMax } = rules.row;
  const { contextWindow } = rules;
  const input = boundMessagesInput(sent, serialised, { imageTokensMax, contextWindow });
  if (input.stored !== undefined && !rules.isServerKey) {
    throw notOwned(input.stored);
  }
  if (input.tokens === undefined && rules.isBounded) {
    const allowed = 'an image or a text in the request itself';
    throw notBounded({ param: input.reference ?? 'messages', allowed });
  }
  return { sent, serialised, inputTokens: input.tokens };
}

/** What a beta is called before its date. */
const BETA = /^([a-z0-9-]{1,64}?)-(?:\d{8}|\d{4}-\d{2}-\d{2})$/;
const BETAS_MAX = 32;

/** Betas that change neither what a token costs nor what is counted as one. */
const FREE_BETAS: ReadonlySet<string> = new Set([
  ...['claude-code', 'interleaved-thinking', 'fine-grained-tool-streaming', 'prompt-caching'],
  ...['token-efficient-tools', 'token-counting', 'structured-outputs', 'effort', 'output-128k'],
  ...['context-management', 'pdfs', 'computer-use', 'tool-examples', 'max-tokens-3-5-sonnet'],
  ...['prompt-caching-scope', 'redact-thinking', 'adaptive-thinking'],
]);

/** The client's version and betas; with a spending limit only betas that change no price go on. */
function versionHeaders({ headers, isCapped }: RequestRules): Record<string, string> {
  const version = headers.get('anthropic-version')?.[0] ?? '';
  const betas = readBetas(headers).filter((beta) => !isCapped || isFreeBeta(beta));
  return {
    'anthropic-version': /^\d{4}-\d{2}-\d{2}$/.test(version) ? version : DEFAULT_VERSION,
    ...(betas.length > 0 && { 'anthropic-beta': betas.join(',') }),
  };
}

const readBetas = (headers: Headers): readonly string[] =>
  (headers.get('anthropic-beta') ?? [])
    .flatMap((value) => value.split(','))
    .map((beta) => beta.trim())
    .filter((beta) => BETA.test(beta))
    .slice(0, BETAS_MAX);

const isFreeBeta = (beta: string): boolean => FREE_BETAS.has(BETA.exec(beta)?.[1] ?? '');

const toErrorEvents = (error: GatewayError): string =>
  `event: error\ndata: ${JSON.stringify(toErrorBody('anthropic', error))}\n\n`;

const END = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

export const MESSAGES: Dialect = {
  name: 'messages',
  errors: 'anthropic',
  isBilled: true,
  ownProvider: 'anthropic',
  prepare: prepareMessages,
  makeMeter: () =>
    makeEventMeter({
      said: /"(?:text|thinking|partial_json)"\s*:\s*"/g,
      telling: /"(?:usage|error)"\s*:\s*\{|"message_stop"/,
      read: (event, state) => {
        switch (event.type) {
          case 'message_start': {
            const { usage } = isRecord(event.message) ? event.message : {};
            return { ...state, usage: readMessagesUsage(usage, state.usage) };
          }
          case 'message_delta': {
            const usage = readMessagesUsage(event.usage, state.usage);
            const stopped = isRecord(event.delta) && isGiven(event.delta.stop_reason);
            return { ...state, usage, isFinished: state.isFinished || stopped };
          }
          case 'message_stop':
            return { ...state, isFinished: true, isLast: true };
          case 'error':
            return { ...state, hasFailed: true };
          default:
            return state;
        }
      },
    }),
  readUsage: ({ usage }) => readMessagesUsage(usage),
  toErrorEvents,
  endEvents: END,
  toCutEvents: (_, meter) => {
    const output = meter.usage()?.tokens.output ?? 0;
    const delta = { stop_reason: 'max_tokens', stop_sequence: null };
    const data = { type: 'message_delta', delta, usage: { output_tokens: output } };
    return `event: message_delta\ndata: ${JSON.stringify(data)}\n\n${END}`;
  },
};

/** Counted by the provider at no price: it counts as a request and no more. */

export const COUNT_TOKENS: Dialect = {
  ...MESSAGES,
  name: 'count_tokens',
  isBilled: false,
  prepare: prepareCount,
  readUsage: () => undefined,
};
