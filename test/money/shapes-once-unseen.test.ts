import { describe, expect, test } from 'vitest';
import { asRequestId } from '../../core/base/ids.ts';
import { CHAT } from '../../core/dialects/chat/chat.ts';
import type { Dialect } from '../../core/dialects/dialect.ts';
import { MESSAGES } from '../../core/dialects/messages/messages.ts';
import { RESPONSES } from '../../core/dialects/responses/responses.ts';
import { ask, makeProxy } from '../support/proxy-fixtures.ts';
import { makeGrant } from '../support/wallet-fixtures.ts';

const AT_ONCE = 100;
/** 8,192 tokens of output cost 0.008192 USD, so that it affords one request and not 16 tokens more. */
const GRANT = makeGrant(['token:usd:total=0.0082']);

const chat = (part: object) => ({ messages: [{ role: 'user', content: [part] }] });
const item = (more: object) => ({ input: [more] });

/** Requests that passed a table of known fields, and cost up to 3,000 times their hold. */
const UNSEEN: readonly (readonly [string, Dialect, object])[] = [
  [
    'an item’s content as an object',
    RESPONSES,
    item({ role: 'user', content: { type: 'input_file', file_url: 'https://x.edu/a' } }),
  ],
  [
    'an item’s output as an object',
    RESPONSES,
    item({ type: 'function_call_output', call_id: 'c', output: { type: 'input_file' } }),
  ],
  ['instructions as a list', RESPONSES, { input: 'x', instructions: [{ type: 'input_file' }] }],
  ['an item by its id alone', RESPONSES, item({ id: 'msg_1' })],
  [
    'a cache of 12 hours',
    RESPONSES,
    item({
      role: 'user',
      content: [
        {
          type: 'input_text',
          text: 'x',
          prompt_cache_breakpoint: { mode: 'explicit', ttl: '12h' },
        },
      ],
    }),
  ],
  ['a dearer mode of reasoning', RESPONSES, { input: 'x', reasoning: { mode: 'pro' } }],
  [
    'a content as an object',
    MESSAGES,
    { messages: [{ role: 'user', content: { type: 'document' } }] },
  ],
  ['a system prompt as an object', MESSAGES, { messages: [], system: { type: 'document' } }],
  [
    'a tool’s result as an object',
    MESSAGES,
    chat({ type: 'tool_result', tool_use_id: 't', content: { type: 'document' } }),
  ],
  [
    'a document’s source as a list',
    MESSAGES,
    chat({ type: 'document', source: [{ type: 'url' }] }),
  ],
  [
    'a part with a second member',
    CHAT,
    chat({ type: 'text', text: 'x', uuid: 'u', video_url: { url: 'https://x.edu/v' } }),
  ],
  ['a template of the client’s', CHAT, { ...ask(), chat_template_kwargs: { chat_template: 'x' } }],
  ['a cache by its name', CHAT, { ...ask(), extra_body: { google: { cached_content: 'c' } } }],
  [
    'a text in a cache mark',
    CHAT,
    { messages: [{ role: 'assistant', tool_calls: [{ cache_control: { note: 'x' } }] }] },
  ],
];

/** The same request many times at once. */
async function serveAtOnce(body: object, dialect: Dialect) {
  const reply = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":8192}}';
  const proxy = makeProxy({ headers: { 'content-type': 'application/json' }, reads: [reply] });
  const answers = await Promise.allSettled(
    Array.from({ length: AT_ONCE }, (_, index) =>
      proxy.serve({ model: 'openai/m', ...body }, GRANT, asRequestId(`r${index}`), dialect),
    ),
  );
  const codes = answers.map((answer) =>
    answer.status === 'rejected' ? answer.reason.code : 'served',
  );
  return { codes: [...new Set(codes)].sort(), sent: proxy.sent.length };
}

describe(`${AT_ONCE} at once on a token of less than a cent`, () => {
  test.each(UNSEEN)('are all refused and none is sent: %s', async (_, dialect, body) => {
    expect(await serveAtOnce(body, dialect)).toEqual({ codes: ['invalid_request'], sent: 0 });
  });

  test('are one call, if it affords one', async () => {
    const { codes, sent } = await serveAtOnce(ask(), CHAT);
    expect(sent).toBe(1);
    expect(codes).toEqual(['budget_in_use', 'served']);
  });
});
