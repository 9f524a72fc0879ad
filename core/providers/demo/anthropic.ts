/**
 * The built-in provider in Anthropic's dialect.
 */
import {
  capOf,
  type DemoAnswer,
  type DemoFacts,
  type DemoFormat,
  given,
  textsOf,
  typed,
} from './format.ts';

export const DEMO_MESSAGES: DemoFormat = {
  read: ({ system, messages, max_tokens, stream }) => ({
    texts: [...given(system), ...textsOf(messages)],
    cap: capOf(max_tokens),
    isStream: stream === true,
  }),
  toWhole: (answer, facts) => ({
    ...messageOf(answer, facts),
    content: [{ type: 'text', text: answer.words.join('') }],
    stop_reason: messageReason(answer),
    usage: { input_tokens: answer.inputTokens, output_tokens: answer.words.length },
  }),
  toPart: (part, answer, facts) => {
    if (part === 'start') {
      return (
        typed('message_start', { message: messageOf(answer, facts) }) +
        typed('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
      );
    }
    if (part === 'end') {
      const delta = { stop_reason: messageReason(answer), stop_sequence: null };
      return (
        typed('content_block_stop', { index: 0 }) +
        typed('message_delta', { delta, usage: { output_tokens: answer.words.length } }) +
        typed('message_stop', {})
      );
    }
    const delta = { type: 'text_delta', text: answer.words[part] };
    return typed('content_block_delta', { index: 0, delta });
  },
};

const messageOf = ({ inputTokens }: DemoAnswer, { id, model }: DemoFacts) => ({
  id: `msg_${id}`,
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: inputTokens, output_tokens: 0 },
});

const messageReason = ({ isCut }: DemoAnswer): string => (isCut ? 'max_tokens' : 'end_turn');

export const DEMO_COUNT_TOKENS: DemoFormat = {
  read: DEMO_MESSAGES.read,
  toWhole: ({ inputTokens }) => ({ input_tokens: inputTokens }),
};
