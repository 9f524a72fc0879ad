import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../core/base/json.ts';
import { CHAT } from '../../../../core/dialects/chat/chat.ts';
import { parseChat } from '../../../../core/dialects/chat/request.ts';
import { inputTokensMax } from '../../../../core/dialects/input-bound.ts';
import { outputTokensMax } from '../../../../core/dialects/request-output.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import {
  GENERIC_ROW,
  KNOWN_PROVIDERS,
  type ProviderRow,
} from '../../../../core/providers/known.ts';
import { parseBody } from '../../../../core/proxy/request-body.ts';
import { OPEN, outcomeOf, REQUEST_RULES, SCOPED } from '../../../support/request-rules.ts';

const messages = [{ role: 'user', content: 'hi' }];
const rowOf = (name: string): ProviderRow => KNOWN_PROVIDERS.get(name) ?? GENERIC_ROW;

const parse = (body: JsonObject, rules: Partial<RequestRules> = {}) =>
  parseChat({ model: 'x/m', messages, ...body }, { ...REQUEST_RULES, ...rules });
const sent = (body: JsonObject, rules: Partial<RequestRules> = {}) => {
  const chat = parse(body, rules);
  return JSON.parse(chat.write(chat.output.cap));
};

describe('what is sent', () => {
  test('is what was checked, of members given twice the last', () => {
    const text =
      '{"model":"a/b","model":"x/m","max_tokens":999999,"messages":[],"max_tokens":7,"model":"x/m"}';
    const chat = parseChat(parseBody(text), REQUEST_RULES);
    expect(chat.output.cap).toBe(7);
    expect(chat.write(7)).toBe('{"model":"m","messages":[],"max_tokens":7}');
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
    expect(JSON.parse(parse({ max_tokens: 100 }).write(40)).max_tokens).toBe(40);
  });

  test('has no cap of ours when nothing bounds the credential', () => {
    expect(sent({}, SCOPED)).toEqual({ model: 'm', messages });
    expect(sent({ max_tokens: 9 }, SCOPED)).toEqual({ model: 'm', messages, max_tokens: 9 });
  });

  test('requests usage in a stream, and hides it from a client that did not', () => {
    const silent = parse({ stream: true, stream_options: { include_obfuscation: false } });
    expect(silent).toMatchObject({ isStream: true, isUsageHidden: true });
    expect(JSON.parse(silent.write(9)).stream_options).toEqual({
      include_obfuscation: false,
      include_usage: true,
    });
    const asking = parse({ stream: true, stream_options: { include_usage: true } });
    expect(asking.isUsageHidden).toBe(false);
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
    expect(sent({ store: true }, SCOPED)).not.toHaveProperty('store');
  });

  test('holds unknown fields of a credential without a USD limit', () => {
    const body = { top_secret: { a: 1 } };
    expect(sent(body, SCOPED)).toEqual({ model: 'm', messages, ...body });
    expect(sent(body, OPEN)).toEqual({ model: 'm', messages, ...body });
  });
});

describe('what it takes at most', () => {
  test('counts the output of every choice, and a prediction', () => {
    const outputOf = (body: JsonObject) => outputTokensMax(parse(body).output, 100);
    expect(outputOf({ n: 3 })).toBe(300);
    const prediction = { type: 'content', content: 'abc' };
    // {"type":"content","content":"abc"} is 34 bytes.
    expect(outputOf({ prediction })).toBe(134);
    expect(outputOf({ prediction, n: 2 })).toBe(268);
  });

  test('holds a remote image by the context window', () => {
    const content = [{ type: 'image_url', image_url: { url: 'https://example.org/x.png' } }];
    const { input } = parse({ messages: [{ role: 'user', content }] });
    expect(input).toMatchObject({
      reference: 'messages[0].content[0].image_url.url',
      stored: undefined,
      isCountable: false,
    });
    const rules = { imageTokensMax: 9, contextWindow: 64_000, vocabulary: 'bytes' } as const;
    expect(inputTokensMax(input, rules)).toBe(64_000);
    expect(inputTokensMax(input, { ...rules, contextWindow: undefined })).toBeUndefined();
  });

  test('is counted by the head and each message', () => {
    const { input } = parse({
      temperature: 1,
      user: 'u',
      tools: [{ type: 'function', function: { name: 'f' } }],
      response_format: { type: 'json_schema', json_schema: { name: 'x' } },
      messages: [
        { role: 'developer', content: 'Be kind.', cache_control: { type: 'ephemeral', ttl: '1h' } },
        { role: 'assistant', reasoning_content: 'x', content: 'y' },
        { role: 'tool', tool_call_id: 'c', content: 'z' },
      ],
    });
    expect(input).toEqual({
      head: '{"tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}',
      headImages: [],
      messages: [
        {
          text: '{"role":"developer","content":"Be kind."}',
          images: [],
          endsInToolResult: false,
          hasHiddenReasoning: false,
        },
        {
          text: '{"role":"assistant","content":"y","reasoning_content":"x"}',
          images: [],
          endsInToolResult: false,
          hasHiddenReasoning: true,
        },
        {
          text: '{"role":"tool","content":"z","tool_call_id":"c"}',
          images: [],
          endsInToolResult: true,
          hasHiddenReasoning: false,
        },
      ],
      tools: { count: 2, typed: 0 },
      repeats: [],
      tokens: 0,
      reference: undefined,
      stored: undefined,
      isCountable: true,
      hasHostedTools: false,
      hasDeferredTools: false,
      cacheMark: '1h',
      cacheMarks: ['1h 3'],
    });
  });

  test('is written to no cache without a mark: the price row knows the providers that write unasked', () => {
    expect(parse({}).input.cacheMark).toBe('none');
  });
});

describe('a budget of thinking', () => {
  test.each([
    ['thinking', 'budget_tokens'],
    ['reasoning', 'max_tokens'],
  ])('of "%s.%s" falls with the cap', (name, member) => {
    const given = { type: 'enabled', [member]: 2_000 };
    const body = { max_tokens: 3_000, [name]: name === 'thinking' ? given : { [member]: 2_000 } };
    const { output, write } = parse(body);
    expect(output).toMatchObject({ capMin: 1_025, thinkingBudget: 2_000 });
    expect(JSON.parse(write(3_000))[name][member]).toBe(2_000);
    expect(JSON.parse(write(1_100))[name][member]).toBe(1_099);
  });
});

describe('the tier', () => {
  test('is OpenAI’s default under a limit, whatever its project is set to', () => {
    const row = rowOf('openai');
    expect(sent({}, { row }).service_tier).toBe('default');
    expect(sent({ service_tier: 'auto' }, { row }).service_tier).toBe('default');
    expect(sent({ service_tier: 'flex' }, { row, ...SCOPED }).service_tier).toBe('flex');
    expect(sent({}, { row, ...SCOPED })).not.toHaveProperty('service_tier');
    expect(sent({}, { row: rowOf('groq') })).not.toHaveProperty('service_tier');
  });
});

test('OpenRouter’s search by a suffix of the model is refused under a limit', () => {
  const rules = { row: rowOf('openrouter'), model: 'a/b:online' };
  expect(outcomeOf(CHAT, { messages }, rules)).toBe(
    '"model" is not bounded by a spending limit; allowed is a model without ":online", or a key without one',
  );
  expect(outcomeOf(CHAT, { messages }, { ...rules, ...SCOPED })).toBe('passes');
});

describe('the body for OpenAI’s count route', () => {
  const countOf = (body: JsonObject) => {
    const text = parse(body).toCountBody?.();
    return text === undefined ? undefined : JSON.parse(text);
  };

  test('has the same texts, calls and tools as a response’s input', () => {
    const conversation = [
      { role: 'system', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'z' },
      { role: 'assistant', content: 'y' },
    ];
    const body = {
      messages: conversation,
      max_tokens: 9,
      tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: {} } },
      reasoning_effort: 'low',
    };
    expect(countOf(body)).toEqual({
      model: 'm',
      input: [
        { type: 'message', role: 'system', content: 'Be kind.' },
        { type: 'message', role: 'user', content: 'ab' },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'z' },
        { type: 'message', role: 'assistant', content: 'y' },
      ],
      tools: [{ type: 'function', name: 'f', parameters: {} }],
      text: { format: { type: 'json_schema', name: 's', schema: {} } },
      reasoning: { effort: 'low' },
    });
  });

  test.each([
    [
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'image_url', image_url: 'data:image/png;base64,aGk=' }],
          },
        ],
      },
    ],
    [{ messages: [{ role: 'user', name: 'n', content: 'x' }] }],
    [{ messages: [{ role: 'function', name: 'n', content: 'x' }] }],
    [{ tools: [{ type: 'custom', custom: { name: 'c' } }] }],
    [{ functions: [{ name: 'f' }] }],
    [{ response_format: { type: 'json_object' } }],
  ])('is not made of what has no counterpart there: %j', (body) => {
    expect(countOf(body)).toBeUndefined();
  });
});
