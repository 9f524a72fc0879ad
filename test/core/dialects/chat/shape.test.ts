import { describe, expect, test } from 'vitest';
import { CHAT } from '../../../../core/dialects/chat/chat.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { OPEN, outcomeOf, SCOPED } from '../../../support/request-rules.ts';

const messages = [{ role: 'user', content: 'hi' }];
const outcome = (body: object, rules: Partial<RequestRules> = {}) =>
  outcomeOf(CHAT, { model: 'm', messages, ...body }, rules);
const withMessage = (message: unknown) => ({ messages: [...messages, message] });
const withPart = (part: unknown) => withMessage({ role: 'user', content: [part] });
const MARK = { type: 'ephemeral' };
const REMOVE = 'is not bounded by a spending limit; remove it or use a key without one';
const onlyFor = (path: string) =>
  `"${path}" may name data stored at the provider, which only a server key may do`;

describe('under a limit', () => {
  test.each([
    { temperature: 1, top_p: 0.5, seed: 7, stop: ['x'], logit_bias: { 1: 2 }, user: 'u' },
    { max_tokens: 5, max_completion_tokens: 5, n: 2, stream: true, stream_options: {} },
    { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'auto' },
    { tools: [{ type: 'custom', custom: { name: 'c', format: { type: 'text' } } }] },
    { tool_choice: { type: 'function', function: { name: 'f' } }, parallel_tool_calls: true },
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } } },
    { modalities: ['text'], service_tier: 'auto', usage: { include: true }, store: true },
    { reasoning_effort: 'high', reasoning: { max_tokens: 5 }, thinking: { type: 'disabled' } },
    { chat_template_kwargs: { enable_thinking: false, thinking_budget: 9 } },
    { extra_body: { google: { thinking_config: { thinking_budget: 9 } } } },
    { web_search_options: null, audio: null, unheard_of: null },
    { prediction: { type: 'content', content: 'x' } },
    { prompt_cache_key: 'k', prompt_cache_options: { mode: 'explicit', ttl: '30m' } },
  ])('%j passes', (body) => {
    expect(outcome(body)).toBe('passes');
  });

  test.each([
    { role: 'assistant', content: null, tool_calls: [], audio: null },
    {
      role: 'assistant',
      content: '',
      reasoning_content: 'x',
      tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: 'x' }] },
    { role: 'user', content: [{ type: 'text', text: 'x', cache_control: MARK }] },
    { role: 'user', content: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } },
    { role: 'user', content: [{ type: 'image_url', image_url: 'data:image/png;base64,aGk=' }] },
    { role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'x' }] }] },
    { role: 'assistant', reasoning_details: [{ type: 'reasoning.encrypted', data: 'x', id: 'r' }] },
  ])('a message passes: %j', (message) => {
    expect(outcome(withMessage(message))).toBe('passes');
  });

  test.each([
    ['web_search_options', { web_search_options: {} }],
    ['audio', { audio: { voice: 'alloy' } }],
    ['models', { models: ['a/b'] }],
    ['route', { route: 'fallback' }],
    ['plugins', { plugins: [{ id: 'web' }] }],
    ['provider', { provider: { order: [] } }],
    ['transforms', { transforms: [] }],
    ['usage.more', { usage: { include: true, more: 1 } }],
    ['best_of', { best_of: 5 }],
    ['moderation', { moderation: { model: 'm' } }],
    ['extra_body.google.cached_content', { extra_body: { google: { cached_content: 'c' } } }],
    ['(unnamed)', { 'a prompt in a name': 1 }],
    ['constructor', { constructor: 1 }],
    ['toString', { toString: 1 }],
    ['__proto__', JSON.parse('{"__proto__":1}')],
    ['messages[1].file_ids', withMessage({ role: 'user', file_ids: ['f'] })],
    ['messages[1].audio', withMessage({ role: 'assistant', audio: { id: 'a' } })],
    [
      'messages[1].content[0].video_url',
      withPart({ type: 'text', text: 'x', uuid: null, video_url: { url: 'x' } }),
    ],
    ['messages[1].content[0].uuid', withPart({ type: 'text', text: 'x', uuid: 'u' })],
    [
      'messages[1].tool_calls[0].cache_control',
      withMessage({ role: 'assistant', tool_calls: [{ id: 'c', cache_control: { note: 'x' } }] }),
    ],
    [
      'messages[1].cache_control.note',
      withMessage({ role: 'user', cache_control: { ...MARK, note: 'x' } }),
    ],
    [
      'messages[1].content[0].image_url.uuid',
      withPart({ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=', uuid: 'u' } }),
    ],
  ])('%s is refused', (path, body) => {
    // Object spread drops nothing: the member comes out as it went in.
    const whole = Object.defineProperties({ messages }, Object.getOwnPropertyDescriptors(body));
    expect(outcomeOf(CHAT, whole)).toBe(`"${path}" ${REMOVE}`);
    expect(outcomeOf(CHAT, whole, { isCapped: false })).toBe(`"${path}" ${REMOVE}`);
  });

  test.each([
    ['modalities[1]', 'text', { modalities: ['text', 'audio'] }],
    ['service_tier', 'auto, default', { service_tier: 'priority' }],
    ['tools[0].type', 'function, custom', { tools: [{ type: 'web_search' }] }],
    [
      'tools[1].type',
      'function, custom',
      { tools: [{ type: 'function', function: { name: 'f' } }, { type: 'mcp' }] },
    ],
    [
      'messages[1].content[0].type',
      'text, refusal, image_url, thinking',
      withPart({ type: 'file', file: {} }),
    ],
    [
      'messages[1].content[0].type',
      'text, refusal, image_url, thinking',
      withPart({ type: 'input_audio' }),
    ],
    ['prompt_cache_options.ttl', '30m', { prompt_cache_options: { ttl: '12h' } }],
    [
      'messages[1].content[0].prompt_cache_breakpoint.ttl',
      '30m',
      withPart({
        type: 'text',
        text: 'x',
        prompt_cache_breakpoint: { mode: 'explicit', ttl: '12h' },
      }),
    ],
  ])('%s is limited to %s', (path, allowed, body) => {
    expect(outcome(body)).toBe(
      `"${path}" is not bounded by a spending limit; allowed is one of ${allowed}, or a key without one`,
    );
  });

  test.each([
    ['"messages" must be a list, got nothing', { messages: undefined }],
    ['"messages" must be a list, got a text', { messages: 'hi' }],
    ['"messages" must be a list, got an object', { messages: { role: 'user' } }],
    ['"tools" must be a list, got an object', { tools: {} }],
    ['"stop" must be a text or a list, got an object', { stop: {} }],
    ['"messages[1]" must be an object, got a text', withMessage('a text')],
    ['"messages[1]" must be an object, got nothing', withMessage(null)],
    [
      '"messages[1].content" must be a text or a list, got an object',
      withMessage({ role: 'user', content: { type: 'file', file: {} } }),
    ],
    [
      '"messages[1].content[1]" must be an object, got a text',
      withMessage({ role: 'user', content: [{ type: 'text', text: '' }, 'x'] }),
    ],
    ['"messages[1].content[0].type" must be given, got nothing', withPart({ text: 'x' })],
    [
      '"messages[1].content[0].text" must be a text, got an object',
      withPart({ type: 'text', text: {} }),
    ],
    [
      '"messages[1].tool_calls" must be a list, got an object',
      withMessage({ role: 'assistant', tool_calls: {} }),
    ],
    [
      '"chat_template_kwargs.chat_template" must be a number or true or false, got a text',
      { chat_template_kwargs: { chat_template: '{% for i in range(9) %}' } },
    ],
    ['"metadata.a" must be a text, a number or true or false, got a list', { metadata: { a: [] } }],
    ['"max_tokens" must be a whole number from 1 to 10000000, got 0', { max_tokens: 0 }],
    ['"max_tokens" must be a whole number from 1 to 10000000, got 1.5', { max_tokens: 1.5 }],
    [
      '"max_tokens" must be a whole number from 1 to 10000000, got 10000001',
      { max_tokens: 10_000_001 },
    ],
    ['"max_tokens" must be a whole number from 1 to 10000000, got a text', { max_tokens: '9' }],
    ['"n" must be a whole number from 1 to 128, got 129', { n: 129 }],
    ['"stream" must be true or false, got a text', { stream: 'yes' }],
    ['"stream_options" must be an object, got a list', { stream_options: [] }],
  ])('%s', (words, body) => {
    expect(outcome(body)).toBe(words);
  });
});

describe('without a limit', () => {
  test.each([
    { unheard_of: { deep: [1] } },
    { web_search_options: { search_context_size: 'low' } },
    { models: ['a/b'], route: 'fallback' },
    { service_tier: 'flex', modalities: ['text', 'audio'] },
    { chat_template_kwargs: { chat_template: 'x' } },
    withPart({ type: 'video_url', video_url: { url: 'https://x.edu/v.mp4' } }),
    withPart({ type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } }),
    withPart({ type: 'file', file: { filename: 'x.pdf', file_data: 'aGk=' } }),
    withPart({ type: 'hologram', data: 'x' }),
  ])('a scoped credential sends %j', (body) => {
    expect(outcome(body, SCOPED)).toBe('passes');
  });

  // guarantee: stored-ids-server-keys-only
  test.each<[string, object]>([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['messages[1].audio.id', withMessage({ role: 'assistant', audio: { id: 'audio_1' } })],
    ['messages[1].content[0].file.file_id', withPart({ type: 'file', file: { file_id: 'f' } })],
    ['messages[1].content[0].file_id', withPart({ type: 'text', text: 'x', file_id: 'f' })],
    ['messages[1].file_ids', withMessage({ role: 'user', file_ids: ['file-1'] })],
    ['extra_body.google.cached_content', { extra_body: { google: { cached_content: 'c' } } }],
    ['unheard_of.of.fileUri', { unheard_of: { of: [{ fileUri: 'x' }] } }],
    ['messages[1].content[0].image_url', withPart({ type: 'image_url', image_url: 'gs://b/x' })],
    [
      'messages[1].content[0].video_url.url',
      withPart({
        type: 'video_url',
        video_url: { url: 'https://generativelanguage.googleapis.com/v1beta/files/x' },
      }),
    ],
  ])('%s is for a server key alone: it could be another user’s', (path, body) => {
    expect(outcome(body, SCOPED)).toBe(onlyFor(path));
    expect(outcome(body, OPEN)).toBe('passes');
  });

  test('a server key sends what it likes, but for what the gateway itself reads', () => {
    expect(outcome({ messages: [null, 7], tools: 'x', thinking: 5 }, OPEN)).toBe('passes');
    expect(outcome({ messages: {} }, OPEN)).toBe('"messages" must be a list, got an object');
    expect(outcome({ n: 0 }, OPEN)).toBe('"n" must be a whole number from 1 to 128, got 0');
  });

  test.each([[{}], [SCOPED], [OPEN]])('nothing runs in the background: %j', (rules) => {
    expect(outcome({ background: true }, rules)).toBe(
      '"background" must be false: a request in the background cannot be billed',
    );
  });
});
