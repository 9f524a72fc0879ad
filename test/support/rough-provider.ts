/**
 * Answers of a hand-made provider, in each wire format, as awkward as a right one may be: comments, lines that end in
 * CRLF, pieces that break in the middle of anything; and as wrong as a broken one is.
 */
import type { Format } from './clients.ts';
import {
  chatEvent,
  DONE_EVENT,
  FINISH_EVENT,
  type Reply,
  textEvent,
  usageEvent,
  usageOf,
} from './fake-provider.ts';

const typed = (data: { readonly type: string; readonly [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

const plain = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;

interface Wording {
  /** All of a stream before its texts. */
  readonly start: string;
  text(text: string): string;
  /** The events from the last text to the end, with usage. */
  readonly end: string;
  /** The provider's own error event. */
  readonly error: string;
  /** The name that clients have for it. */
  readonly raised: { readonly code: string } | { readonly type: string };
}

const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 1 },
};

const responseOf = (status: string, more: object = {}) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'm',
  status,
  output: [],
  ...more,
});
const AT = { output_index: 0, content_index: 0, item_id: 'item_1' };
const itemOf = (status: string, content: readonly object[]) => ({
  id: 'item_1',
  type: 'message',
  role: 'assistant',
  status,
  content,
});

const candidate = (text: string, more: object = {}) => ({
  candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...more }],
});

/** Bills 10 tokens of input and 20 of output. */
export const WORDINGS: Readonly<Record<Format, Wording>> = {
  chat: {
    start: `: a comment\n\n${chatEvent({ role: 'assistant', content: '' }, { usage: null })}`,
    text: textEvent,
    end: FINISH_EVENT + usageEvent(usageOf(10, 20)) + DONE_EVENT,
    error: plain({ error: { message: 'no more', type: 'server_error', code: 'engine_gone' } }),
    raised: { code: 'engine_gone' },
  },
  responses: {
    start:
      typed({ type: 'response.created', sequence_number: 0, response: responseOf('in_progress') }) +
      typed({
        type: 'response.output_item.added',
        sequence_number: 1,
        output_index: 0,
        item: itemOf('in_progress', []),
      }) +
      typed({
        type: 'response.content_part.added',
        sequence_number: 2,
        ...AT,
        part: { type: 'output_text', text: '', annotations: [] },
      }),
    text: (delta) =>
      typed({
        type: 'response.output_text.delta',
        sequence_number: 3,
        ...AT,
        delta,
        logprobs: [],
      }),
    end: typed({
      type: 'response.completed',
      sequence_number: 4,
      response: responseOf('completed', {
        usage: {
          input_tokens: 10,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 20,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 30,
        },
      }),
    }),
    error: typed({
      type: 'error',
      sequence_number: 4,
      code: 'engine_gone',
      message: 'no more',
      param: null,
    }),
    raised: { code: 'engine_gone' },
  },
  messages: {
    start:
      `: a comment\n\n${typed({ type: 'message_start', message: MESSAGE })}` +
      typed({ type: 'ping' }) +
      typed({
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '' },
      }),
    text: (text) =>
      typed({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
    end:
      typed({ type: 'content_block_stop', index: 0 }) +
      typed({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 20 },
      }) +
      typed({ type: 'message_stop' }),
    error: typed({ type: 'error', error: { type: 'overloaded_error', message: 'no more' } }),
    raised: { type: 'overloaded_error' },
  },
  google: {
    start: `: a comment\n\n${plain({ ...candidate(''), usageMetadata: { promptTokenCount: 10, totalTokenCount: 10 } })}`,
    text: (text) => plain(candidate(text)),
    end: plain({
      ...candidate('', { finishReason: 'STOP' }),
      usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 20, totalTokenCount: 30 },
    }),
    error: plain({ error: { code: 503, message: 'no more', status: 'UNAVAILABLE' } }),
    raised: { type: 'UNAVAILABLE' },
  },
};

const PIECE_BYTES = 11;

/** Returns a reply in pieces that end anywhere, with CRLF as line ends, which the standard allows. */
export function inPieces(text: string): Reply {
  const bytes = Buffer.from(text.replaceAll('\n', '\r\n'));
  const pieces = Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) }, (_, index) =>
    bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
  );
  return {
    headers: { 'content-type': 'Text/Event-Stream;charset=UTF-8' },
    steps: pieces.map((write) => ({ write })),
  };
}
