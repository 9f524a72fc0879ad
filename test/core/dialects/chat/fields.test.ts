import { describe, expect, test } from 'vitest';
import { findUnboundedField } from '../../../../core/dialects/chat/fields.ts';

const messages = [{ role: 'user', content: 'hi' }];
const param = (body: object) => findUnboundedField({ model: 'm', messages, ...body })?.param;
const messageParam = (message: unknown) =>
  findUnboundedField({ messages: [...messages, message] })?.param;

describe('fields under a USD limit', () => {
  test.each([
    { temperature: 1, top_p: 0.5, seed: 7, stop: ['x'], logit_bias: { 1: 2 }, user: 'u' },
    { max_tokens: 5, max_completion_tokens: 5, n: 2, stream: true, stream_options: {} },
    { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'auto' },
    { response_format: { type: 'json_schema', json_schema: {} }, store: true },
    { modalities: ['text'], service_tier: 'auto', usage: { include: true } },
    { reasoning_effort: 'high', reasoning: { max_tokens: 5 }, thinking: { type: 'disabled' } },
    { web_search_options: null, audio: null, unheard_of: null },
    { prediction: { type: 'content', content: 'x' } },
    { tools: [{ type: 'custom', cache_control: { type: 'ephemeral' } }] },
  ])('allows %j', (body) => {
    expect(param(body)).toBeUndefined();
  });

  test.each([
    ['web_search_options', { web_search_options: {} }],
    ['audio', { audio: { voice: 'alloy' } }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['service_tier', { service_tier: 'priority' }],
    ['tools', { tools: [{ type: 'web_search' }] }],
    ['tools', { tools: [{ type: 'function' }, { type: 'mcp', server_url: 'x' }] }],
    ['tools', { tools: {} }],
    ['tools', { tools: [{ type: 'function', cache_control: { type: 'ephemeral', ttl: '1h' } }] }],
    ['models', { models: ['a/b'] }],
    ['route', { route: 'fallback' }],
    ['plugins', { plugins: [{ id: 'web' }] }],
    ['provider', { provider: { order: [] } }],
    ['transforms', { transforms: [] }],
    ['usage', { usage: { include: true, more: 1 } }],
    ['best_of', { best_of: 5 }],
    ['extra_body', { extra_body: { google: {} } }],
    ['(unnamed)', { 'a prompt in a name': 1 }],
    ['constructor', { constructor: 1 }],
    ['__proto__', JSON.parse('{"__proto__":1}')],
  ])('refuses %s', (name, body) => {
    // Object spread drops nothing: the member comes out as it went in.
    const whole = Object.defineProperties({ messages }, Object.getOwnPropertyDescriptors(body));
    expect(findUnboundedField(whole)?.param).toBe(name);
  });

  test.each([
    [undefined, { role: 'assistant', content: null, tool_calls: [], audio: null }],
    [undefined, { role: 'user', content: [{ type: 'text', text: 'x' }] }],
    [undefined, { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }],
    [undefined, { role: 'user', content: 'x', cache_control: { type: 'ephemeral', ttl: '5m' } }],
    ['messages[1].cache_control', { role: 'user', cache_control: { ttl: '1h' } }],
    [
      'messages[1].content[0].cache_control',
      { role: 'user', content: [{ type: 'text', cache_control: { ttl: '1h' } }] },
    ],
    ['messages[1].content', { role: 'user', content: { type: 'file', file: {} } }],
    ['messages[1].audio', { role: 'assistant', audio: { id: 'a' } }],
    ['messages[1].file_ids', { role: 'user', file_ids: ['f'] }],
    ['messages[1].content[0].type', { role: 'user', content: [{ type: 'file', file: {} }] }],
    ['messages[1].content[0].type', { role: 'user', content: [{ type: 'input_audio' }] }],
    ['messages[1].content[1].type', { role: 'user', content: [{ type: 'text' }, 'x'] }],
    ['messages[1]', 'a text'],
  ])('finds %s in a message', (name, message) => {
    expect(messageParam(message)).toBe(name);
  });
});
