/**
 * Anthropic's messages, and the counting of their tokens. https://docs.anthropic.com/en/api/messages
 */
import { toErrorBody } from '../../base/error-body.ts';
import type { GatewayError } from '../../base/errors.ts';
import { isGiven, isRecord } from '../../base/json.ts';
import type { Dialect } from '../dialect.ts';
import { makeMeter } from '../meter.ts';
import { parseCount, parseMessages } from './request.ts';
import { readMessagesUsage } from './usage.ts';

const toErrorEvents = (error: GatewayError): string =>
  `event: error\ndata: ${JSON.stringify(toErrorBody('anthropic', error))}\n\n`;

const END = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

export const MESSAGES: Dialect = {
  name: 'messages',
  family: 'anthropic',
  isBilled: true,
  ownProvider: 'anthropic',
  parse: parseMessages,
  makeMeter: () =>
    makeMeter({
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
  parse: parseCount,
  readUsage: () => undefined,
};
