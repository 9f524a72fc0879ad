/**
 * OpenAI's responses. https://platform.openai.com/docs/api-reference/responses
 */
import { isRecord } from '../../base/json.ts';
import type { Dialect } from '../dialect.ts';
import { makeMeter } from '../meter.ts';
import { type ReportedUsage, readUsage } from '../usage.ts';
import { parseResponses } from './request.ts';

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

/** The number of an event that the gateway adds. Clients demand one. It is larger than all of the provider's. */
const LAST_SEQUENCE_NUMBER = 2_147_483_647;

const LAST_EVENTS: ReadonlySet<unknown> = new Set([
  ...['response.completed', 'response.incomplete', 'response.failed'],
]);

export const RESPONSES: Dialect = {
  name: 'responses',
  family: 'openai',
  isBilled: true,
  ownProvider: 'openai',
  parse: parseResponses,
  makeMeter: () =>
    makeMeter({
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
    const type = error.types.openai;
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
