import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../core/base/json.ts';
import { prepareChat } from '../../../../core/dialects/chat/request.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import {
  GENERIC_ROW,
  KNOWN_PROVIDERS,
  type ProviderRow,
} from '../../../../core/providers/known.ts';
import { parseBody } from '../../../../core/proxy/request-body.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

const messages = [{ role: 'user', content: 'hi' }];
const rowOf = (name: string): ProviderRow => KNOWN_PROVIDERS.get(name) ?? GENERIC_ROW;

const UNCAPPED = { isCapped: false, isBounded: false };

const prepare = (body: JsonObject, rules: Partial<RequestRules> = {}) =>
  prepareChat({ model: 'x/m', messages, ...body }, { ...REQUEST_RULES, ...rules });
const sent = (body: JsonObject, rules: Partial<RequestRules> = {}) => {
  const chat = prepare(body, rules);
  return JSON.parse(chat.toBody(chat.cap));
};

describe('what is sent', () => {
  test('is what was checked, of members given twice the last', () => {
    const text =
      '{"model":"a/b","model":"x/m","max_tokens":999999,"messages":[],"max_tokens":7,"model":"x/m"}';
    const chat = prepareChat(parseBody(text), REQUEST_RULES);
    expect(chat.cap).toBe(7);
    expect(chat.toBody(7)).toBe('{"model":"m","messages":[],"max_tokens":7}');
  });

  test('names the provider’s own model id', () => {
    expect(sent({}, { model: 'deepseek/deepseek-chat' }).model).toBe('deepseek/deepseek-chat');
  });

  test.each([
    ['openai', { max_tokens: 9 }, { max_completion_tokens: 9 }],
    ['openai', { max_tokens: 9, max_completion_tokens: 5 }, { max_completion_tokens: 5 }],
    ['mistral', { max_completion_tokens: 9 }, { max_tokens: 9 }],
    ['groq', {}, { max_completion_tokens: 8_192 }],
    ['together', { max_tokens: null }, { max_tokens: 8_192 }],
  ])('has one cap in the field of %s: %j as %j', (name, body, caps) => {
    const { max_tokens, max_completion_tokens } = sent(body, { row: rowOf(name) });
    expect(JSON.parse(JSON.stringify({ max_tokens, max_completion_tokens }))).toEqual(caps);
  });

  test('has a lowered cap when it was lowered', () => {
    expect(JSON.parse(prepare({ max_tokens: 100 }).toBody(40)).max_tokens).toBe(40);
  });

  test('has no cap of ours when nothing bounds the credential', () => {
    expect(sent({}, UNCAPPED)).toEqual({ model: 'm', messages });
    expect(sent({ max_tokens: 9 }, UNCAPPED)).toEqual({ model: 'm', messages, max_tokens: 9 });
  });

  test('asks for usage in a stream, and remembers whether the client did', () => {
    const silent = prepare({ stream: true, stream_options: { include_obfuscation: false } });
    expect(silent).toMatchObject({ isStream: true, isUsageAsked: false });
    expect(JSON.parse(silent.toBody(9)).stream_options).toEqual({
      include_obfuscation: false,
      include_usage: true,
    });
    const asking = prepare({ stream: true, stream_options: { include_usage: true } });
    expect(asking.isUsageAsked).toBe(true);
    expect(sent({ stream: false })).not.toHaveProperty('stream_options');
  });

  test.each(['mistral', 'openrouter'])('does not ask %s for usage', (name) => {
    expect(sent({ stream: true }, { row: rowOf(name) })).not.toHaveProperty('stream_options');
  });

  test('passes on what else OpenRouter is told of a stream', () => {
    const body = { stream: true, stream_options: { include_usage: true } };
    expect(sent(body, { row: rowOf('openrouter') }).stream_options).toEqual({
      include_usage: true,
    });
  });

  test('drops and renames what Mistral refuses', () => {
    const body = { seed: 7, user: 'u', stream: true, stream_options: {}, logprobs: true };
    expect(sent(body, { row: rowOf('mistral') })).toEqual({
      model: 'm',
      messages,
      random_seed: 7,
      stream: true,
      max_tokens: 8_192,
    });
  });

  test('stores nothing at the provider, whoever asks', () => {
    expect(sent({ store: true })).not.toHaveProperty('store');
    expect(sent({ store: true }, UNCAPPED)).not.toHaveProperty('store');
  });

  test('holds unknown fields of a credential without a USD limit', () => {
    const body = parseBody('{"__proto__":{"a":1},"top_secret":2}');
    expect(JSON.stringify(sent(body, UNCAPPED))).toContain('"__proto__":{"a":1},"top_secret":2');
  });
});

describe('what it takes at most', () => {
  test('counts the output of every choice, and a prediction', () => {
    expect(prepare({ n: 3 }).outputTokens(100)).toBe(300);
    const prediction = { type: 'content', content: 'abc' };
    // {"type":"content","content":"abc"} is 34 bytes.
    expect(prepare({ prediction }).outputTokens(100)).toBe(134);
    expect(prepare({ prediction, n: 2 }).outputTokens(100)).toBe(268);
  });

  test('bounds the input by what is sent', () => {
    // 73 bytes of JSON, 64 a request, 8 a message.
    expect(prepare({ max_tokens: 10 }).inputTokens).toBe(73 + 64 + 8);
  });
});

describe('refusals', () => {
  const refusal = (code: string, message: string, param: string) =>
    expect.objectContaining({ code, message, facts: expect.objectContaining({ param }) });

  test.each([
    [{ messages: undefined }, '"messages" must be a list of messages, got nothing', 'messages'],
    [{ messages: 'hi' }, '"messages" must be a list of messages, got string', 'messages'],
    [
      { max_tokens: 0 },
      '"max_tokens" must be a whole number from 1 to 10000000, got 0',
      'max_tokens',
    ],
    [
      { max_tokens: 1.5 },
      '"max_tokens" must be a whole number from 1 to 10000000, got 1.5',
      'max_tokens',
    ],
    [
      { max_tokens: 10_000_001 },
      '"max_tokens" must be a whole number from 1 to 10000000, got 10000001',
      'max_tokens',
    ],
    [
      { max_tokens: '9' },
      '"max_tokens" must be a whole number from 1 to 10000000, got string',
      'max_tokens',
    ],
    [{ n: 129 }, '"n" must be a whole number from 1 to 128, got 129', 'n'],
    [{ stream: 'yes' }, '"stream" must be true or false, got string', 'stream'],
    [{ stream_options: [] }, '"stream_options" must be an object, got object', 'stream_options'],
    [
      { background: true },
      '"background" may not be used with a spending limit, allowed is false',
      'background',
    ],
  ])('refuses %j for any credential', (body, message, param) => {
    expect(() => prepare(body as JsonObject, UNCAPPED)).toThrowError(
      refusal('invalid_request', message, param),
    );
  });

  test.each([
    [{ web_search_options: {} }, '"web_search_options" may not be used with a spending limit'],
    [
      { service_tier: 'flex' },
      '"service_tier" may not be used with a spending limit, allowed is one of auto, default',
    ],
  ])('refuses %j under a USD limit only', (body, message) => {
    expect(() => prepare(body)).toThrowError(expect.objectContaining({ message }));
    expect(() => prepare(body, UNCAPPED)).not.toThrow();
    expect(() => prepare(body, { isCapped: false })).not.toThrow();
  });

  test('refuses OpenRouter’s search by a suffix of the model', () => {
    const rules = { row: rowOf('openrouter'), model: 'a/b:online' };
    expect(() => prepare({}, rules)).toThrowError(/"model" may not be used with a spending limit/);
    expect(() => prepare({}, { ...rules, ...UNCAPPED })).not.toThrow();
  });

  const file = [{ type: 'file', file: { file_id: 'file-1' } }];
  // guarantee: stored-ids-server-keys-only
  test.each<[string, JsonObject]>([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['messages[0].audio.id', { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }],
    ['messages[0].content[0].file_id', { messages: [{ role: 'user', content: file }] }],
    ['messages[0].file_ids', { messages: [{ role: 'user', file_ids: ['file-1'] }] }],
  ])('refuses %s to all but a server key: it could be another user’s', (param, body) => {
    expect(() => prepare(body, UNCAPPED)).toThrowError(
      refusal(
        'invalid_request',
        `"${param}" names what is stored at the provider, which only a server key may do`,
        param,
      ),
    );
    expect(() => prepare(body, { ...UNCAPPED, isServerKey: true })).not.toThrow();
  });

  test('refuses a remote image unless the context window bounds it or nothing needs bounding', () => {
    const content = [{ type: 'image_url', image_url: { url: 'https://example.org/x.png' } }];
    const body = { messages: [{ role: 'user', content }] };
    expect(() => prepare(body)).toThrowError(
      refusal(
        'invalid_request',
        '"messages[0].content[0].image_url" may not be used with a spending limit, allowed is an image as a base64 data: URL',
        'messages[0].content[0].image_url',
      ),
    );
    expect(prepare(body, { contextWindow: 64_000 }).inputTokens).toBe(64_000);
    expect(() => prepare(body, UNCAPPED)).not.toThrow();
  });
});
