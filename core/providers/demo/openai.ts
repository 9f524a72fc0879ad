/**
 * The built-in provider in OpenAI's dialects: chat completions, responses, embeddings.
 */
import { isRecord } from '../../base/json.ts';
import { embed } from './embed.ts';
import {
  capOf,
  type DemoAnswer,
  type DemoFacts,
  type DemoFormat,
  data,
  given,
  textOf,
  textsOf,
  typed,
} from './format.ts';

export const DEMO_CHAT: DemoFormat = {
  read: ({ messages, max_tokens, stream }) => ({
    texts: textsOf(messages),
    cap: capOf(max_tokens),
    isStream: stream === true,
  }),
  toWhole: (answer, facts) => ({
    ...chatEnvelope(facts),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: answer.words.join('') },
        finish_reason: chatReason(answer),
      },
    ],
    usage: chatUsage(answer),
  }),
  toPart: (part, answer, facts) => {
    const chunk = (choices: readonly object[], more: object = {}): string =>
      data({ ...chatEnvelope(facts), object: 'chat.completion.chunk', choices, ...more });
    if (part === 'start') return '';
    if (part === 'end') {
      const { stream_options: options } = facts.body;
      const isAsked = isRecord(options) && options.include_usage === true;
      const last = chunk([{ index: 0, delta: {}, finish_reason: chatReason(answer) }]);
      return `${last}${isAsked ? chunk([], { usage: chatUsage(answer) }) : ''}data: [DONE]\n\n`;
    }
    const content = answer.words[part];
    const delta = part === 0 ? { role: 'assistant', content } : { content };
    return chunk([{ index: 0, delta, finish_reason: null }]);
  },
};

const chatEnvelope = ({ id, createdSeconds, model }: DemoFacts) => ({
  id: `chatcmpl-${id}`,
  created: createdSeconds,
  model,
});

const chatReason = ({ isCut }: DemoAnswer): string => (isCut ? 'length' : 'stop');
const chatUsage = ({ inputTokens, words }: DemoAnswer) => ({
  prompt_tokens: inputTokens,
  completion_tokens: words.length,
  total_tokens: inputTokens + words.length,
});

export const DEMO_RESPONSES: DemoFormat = {
  read: ({ instructions, input, max_output_tokens, stream }) => ({
    texts: [...given(instructions), ...(typeof input === 'string' ? [input] : textsOf(input))],
    cap: capOf(max_output_tokens),
    isStream: stream === true,
  }),
  toWhole: (answer, facts) => ({
    ...responseOf(facts),
    status: answer.isCut ? 'incomplete' : 'completed',
    incomplete_details: answer.isCut ? { reason: 'max_output_tokens' } : null,
    output: [itemOf(facts, 'completed', [partOf(answer.words.join(''))])],
    usage: {
      input_tokens: answer.inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: answer.words.length,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: answer.inputTokens + answer.words.length,
    },
  }),
  toPart: (part, answer, facts) => {
    const at = { output_index: 0, content_index: 0, item_id: `msg_${facts.id}` };
    const text = answer.words.join('');
    if (part === 'start') {
      const item = itemOf(facts, 'in_progress', []);
      return toEvents(0, [
        ['response.created', { response: responseOf(facts) }],
        ['response.output_item.added', { output_index: 0, item }],
        ['response.content_part.added', { ...at, part: partOf('') }],
      ]);
    }
    if (part === 'end') {
      const response = DEMO_RESPONSES.toWhole(answer, facts);
      const item = itemOf(facts, 'completed', [partOf(text)]);
      return toEvents(STARTING_EVENTS + answer.words.length, [
        ['response.output_text.done', { ...at, text, logprobs: [] }],
        ['response.content_part.done', { ...at, part: partOf(text) }],
        ['response.output_item.done', { output_index: 0, item }],
        [answer.isCut ? 'response.incomplete' : 'response.completed', { response }],
      ]);
    }
    const delta = { ...at, delta: answer.words[part], logprobs: [] };
    return toEvents(STARTING_EVENTS + part, [['response.output_text.delta', delta]]);
  },
};

const STARTING_EVENTS = 3;
const toEvents = (from: number, events: readonly (readonly [string, object])[]): string =>
  events
    .map(([type, more], index) => typed(type, { sequence_number: from + index, ...more }))
    .join('');
const responseOf = ({ id, createdSeconds, model }: DemoFacts) => ({
  id: `resp_${id}`,
  object: 'response',
  created_at: createdSeconds,
  model,
  status: 'in_progress',
  output: [],
  error: null,
});

const itemOf = ({ id }: DemoFacts, status: string, content: readonly object[]) => ({
  id: `msg_${id}`,
  type: 'message',
  role: 'assistant',
  status,
  content,
});

const partOf = (text: string) => ({ type: 'output_text', text, annotations: [] });

export const DEMO_EMBEDDINGS: DemoFormat = {
  read: ({ input }) => ({
    texts: (Array.isArray(input) ? input : [input]).map(textOf),
  }),
  toWhole: ({ texts, inputTokens }, { model, body }) => ({
    object: 'list',
    model,
    data: texts.map((text, index) => ({
      object: 'embedding',
      index,
      embedding: body.encoding_format === 'base64' ? toBase64(embed(text)) : embed(text),
    })),
    usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
  }),
};

const toBase64 = (vector: readonly number[]): string =>
  Buffer.from(new Float32Array(vector).buffer).toString('base64');
