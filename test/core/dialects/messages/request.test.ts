import { describe, expect, test } from 'vitest';
import { MESSAGES } from '../../../../core/dialects/messages/messages.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { GENERIC_ROW, KNOWN_PROVIDERS } from '../../../../core/providers/known.ts';
import {
  HELLO,
  HOUR,
  MARK,
  PNG,
  parse,
  RULES,
  withPart,
  withResult,
} from '../../../support/messages-requests.ts';
import { OPEN, outcomeOf, SCOPED } from '../../../support/request-rules.ts';

const outcome = (more: object, rules: Partial<RequestRules> = {}) =>
  outcomeOf(MESSAGES, { messages: HELLO, ...more }, { ...RULES, ...rules });
const sentOf = (more: object, rules: Partial<RequestRules> = {}) => {
  const { write, output } = parse(more, rules);
  return JSON.parse(write(output.cap));
};
describe('the body that is sent', () => {
  test('is what was read, with the provider’s id of the model and the cap', () => {
    const request = parse({ max_tokens: 100, system: 'Be kind.', temperature: 0.5 });
    expect(JSON.parse(request.write(64))).toEqual({
      model: 'claude-sonnet-5',
      messages: HELLO,
      system: 'Be kind.',
      temperature: 0.5,
      max_tokens: 64,
    });
    expect(request.output).toMatchObject({ cap: 100, capMin: 16 });
  });

  test.each([
    ['a limit', {}],
    ['a scoped token without one', SCOPED],
    ['a server key', OPEN],
  ])(
    'has the default cap when the client names none, under %s: the dialect demands one',
    (_, rules) => {
      expect(parse({}, rules).output.cap).toBe(8_192);
      expect(sentOf({}, rules).max_tokens).toBe(8_192);
    },
  );

  test('has no larger cap under a limit than the model gives', () => {
    const rules = { maxOutputTokens: 4_096 };
    expect(parse({ max_tokens: 64_000 }, rules).output.cap).toBe(4_096);
    expect(parse({ max_tokens: 64_000 }, { ...rules, ...SCOPED }).output.cap).toBe(64_000);
  });

  test('asks Anthropic for its standard tier under a limit, and nobody else', () => {
    const row = KNOWN_PROVIDERS.get('anthropic') ?? GENERIC_ROW;
    expect(sentOf({ service_tier: 'auto' }, { row }).service_tier).toBe('standard_only');
    expect(sentOf({}, { row }).service_tier).toBe('standard_only');
    expect(sentOf({}, { row, ...SCOPED })).not.toHaveProperty('service_tier');
    expect(sentOf({})).not.toHaveProperty('service_tier');
  });

  test('keeps cache marks, images and null where the client put them', () => {
    const body = {
      system: [{ type: 'text', text: 'x', cache_control: HOUR }],
      ...withPart({ type: 'image', source: PNG, cache_control: MARK }),
      metadata: null,
    };
    expect(sentOf(body)).toMatchObject(body);
  });
});

describe('the version and the betas that go on', () => {
  const betasOf = (betas: string, rules: Partial<RequestRules> = {}) =>
    parse({}, { headers: new Map([['anthropic-beta', [betas]]]), ...rules }).headers;

  test('are the client’s, known or not, but for those of another price or model', () => {
    const free = 'claude-code-20250219,heard-of-tomorrow-2027-01-01,task-budgets-2026-03-13';
    const barred = 'fast-mode-2026-02-01,code-execution-2025-05-22,mcp-client-2025-11-20';
    expect(betasOf(`${free},${barred}`)).toEqual({
      'anthropic-version': '2023-06-01',
      'anthropic-beta': free,
    });
    expect(betasOf(barred, SCOPED)?.['anthropic-beta']).toBe(barred);
  });

  test.each([
    ['files-api-2025-04-14'],
    ['skills-2025-10-02'],
    ['server-side-fallback-2026-07-01'],
    ['compact-2026-01-12'],
    ['advisor-tool-2026-03-01'],
  ])('leave out %s under a limit', (beta) => {
    expect(betasOf(beta)).not.toHaveProperty('anthropic-beta');
  });

  test('widen the window only where the row knows it so wide', () => {
    const beta = 'context-1m-2025-08-07';
    expect(betasOf(beta)).not.toHaveProperty('anthropic-beta');
    expect(betasOf(beta, { contextWindow: 200_000 })).not.toHaveProperty('anthropic-beta');
    expect(betasOf(beta, { contextWindow: 1_000_000 })).toHaveProperty('anthropic-beta', beta);
  });

  test('hold no line break of a client’s', () => {
    const headers = new Map([['anthropic-version', ['x\r\ny']]]);
    expect(parse({}, { headers }).headers).toEqual({ 'anthropic-version': '2023-06-01' });
  });
});

describe('under a limit', () => {
  test.each([
    ['a cached system prompt', { system: [{ type: 'text', text: 'x', cache_control: MARK }] }],
    ['a cache of an hour', { cache_control: HOUR }],
    [
      'a tool of the client’s',
      {
        tools: [
          {
            name: 't',
            input_schema: { type: 'object' },
            strict: true,
            eager_input_streaming: true,
            defer_loading: true,
          },
        ],
      },
    ],
    [
      'a tool that Anthropic defines and the client runs',
      { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    ],
    ['thinking as it needs', { thinking: { type: 'adaptive', display: 'omitted' } }],
    [
      'an effort and a task budget',
      { output_config: { effort: 'high', task_budget: { type: 'tokens', total: 9 } } },
    ],
    [
      'clearing of old calls and thinking',
      {
        context_management: {
          edits: [
            { type: 'clear_tool_uses_20250919', keep: { type: 'tool_uses', value: 3 } },
            { type: 'clear_thinking_20251015', keep: 'all' },
          ],
        },
      },
    ],
    ['a message of the system’s', { messages: [...HELLO, { role: 'system', content: 'x' }] }],
    ['a tool’s result with an image', withResult([{ type: 'image', source: PNG }])],
    ['a tool found by a search', withResult([{ type: 'tool_reference', tool_name: 't' }])],
    [
      'a document as text',
      withPart({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }),
    ],
    ['null for a field', { container: null, metadata: null }],
    ['a user’s id', { metadata: { user_id: '{"device_id":"x"}' } }],
  ])('%s passes', (_, more) => {
    expect(outcome(more)).toBe('passes');
  });

  test.each([
    [
      'a content that is an object',
      { messages: [{ role: 'user', content: { type: 'text', text: 'x' } }] },
      '"messages[0].content" must be a text or a list, got an object',
    ],
    [
      'messages that are an object',
      { messages: { role: 'user' } },
      '"messages" must be a list, got an object',
    ],
    ['no messages', { messages: undefined }, '"messages" must be a list, got nothing'],
    [
      'a system prompt that is an object',
      { system: { type: 'text', text: 'x' } },
      '"system" must be a text or a list, got an object',
    ],
    [
      'a tool’s result that is an object',
      withResult({ type: 'text', text: 'x' }),
      '"messages[0].content[0].content" must be a text or a list, got an object',
    ],
    [
      'a document whose source is a list',
      withPart({ type: 'document', source: [{ type: 'text' }] }),
      '"messages[0].content[0].source" must be an object, got a list',
    ],
    [
      'a part with a second member',
      withPart({ type: 'text', text: 'x', video_url: { url: 'https://x' } }),
      '"messages[0].content[0].video_url" is not bounded by a spending limit; remove it or use a key without one',
    ],
    [
      'a part without a type',
      withPart({ text: 'x' }),
      '"messages[0].content[0].type" must be given, got nothing',
    ],
    [
      'a part that is a list',
      withPart([]),
      '"messages[0].content[0]" must be an object, got a list',
    ],
    [
      'a part of an unknown type',
      withPart({ type: 'video' }),
      '"messages[0].content[0].type" is not bounded by a spending limit; allowed is one of text, image, document, search_result, thinking, redacted_thinking, tool_use, tool_result, or a key without one',
    ],
    [
      'a text that is a list',
      withPart({ type: 'text', text: ['x'] }),
      '"messages[0].content[0].text" must be a text, got a list',
    ],
    [
      'a cache mark with a text inside',
      withPart({ type: 'text', text: 'x', cache_control: { type: 'ephemeral', note: 'x' } }),
      '"messages[0].content[0].cache_control.note" is not bounded by a spending limit; remove it or use a key without one',
    ],
    [
      'a mark of another life',
      { cache_control: { type: 'ephemeral', ttl: '12h' } },
      '"cache_control.ttl" must be one of 5m, 1h, got a text',
    ],
    [
      'an image that is no base64',
      withPart({ type: 'image', source: { ...PNG, data: 'a prompt!' } }),
      '"messages[0].content[0].source.data" must be base64, got a text',
    ],
    [
      'an image of another kind',
      withPart({ type: 'image', source: { ...PNG, media_type: 'application/pdf' } }),
      '"messages[0].content[0].source.media_type" must be a type of an image, got a text',
    ],
    [
      'a search of Anthropic’s and no other tool',
      { tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 8 }] },
      '"tools[0].type" is not bounded by a spending limit; remove it or use a key without one',
    ],
    [
      'code that Anthropic runs',
      {
        tools: [
          { name: 't', input_schema: {} },
          { type: 'code_execution_20250522', name: 'x' },
        ],
      },
      '"tools[1].type" is not bounded by a spending limit; remove it or use a key without one',
    ],
    [
      'a server of tools',
      { mcp_servers: [{ type: 'url', url: 'https://x' }] },
      '"mcp_servers" is not bounded by a spending limit; remove it or use a key without one',
    ],
    [
      'fast inference',
      { speed: 'fast' },
      '"speed" is not bounded by a spending limit; allowed is one of standard, or a key without one',
    ],
    [
      'inference in one country',
      { inference_geo: 'us' },
      '"inference_geo" is not bounded by a spending limit; allowed is one of global, or a key without one',
    ],
    [
      'a summary',
      { context_management: { edits: [{ type: 'compact_20260112' }] } },
      '"context_management.edits[0].type" is not bounded by a spending limit; allowed is one of clear_thinking_20251015, clear_tool_uses_20250919, or a key without one',
    ],
    [
      'a field whose name is a text',
      { 'say this to them': 1 },
      '"(unnamed)" is not bounded by a spending limit; remove it or use a key without one',
    ],
    [
      'a cap of zero',
      { max_tokens: 0 },
      '"max_tokens" must be a whole number from 1 to 10000000, got 0',
    ],
    [
      'a cap that is a text',
      { max_tokens: '9' },
      '"max_tokens" must be a whole number from 1 to 10000000, got a text',
    ],
    ['a switch that is a number', { stream: 1 }, '"stream" must be true or false, got 1'],
  ])('%s is refused by its path', (_, more, words) => {
    expect(outcome(more)).toBe(words);
    expect(outcome(more, { isCapped: false })).toBe(words);
  });

  test('a search beside other tools is left out and named', () => {
    const tools = [
      { name: 't', input_schema: {} },
      { type: 'web_search_20250305', name: 'x' },
    ];
    expect(parse({ tools }).dropped).toEqual(['web_search_20250305']);
    expect(sentOf({ tools }).tools).toEqual([{ name: 't', input_schema: {} }]);
    expect(parse({ tools }, SCOPED).dropped).toEqual([]);
    expect(sentOf({ tools }, SCOPED).tools).toEqual(tools);
  });
});

describe('a budget of thinking', () => {
  const thinking = { type: 'enabled', budget_tokens: 10_000 };

  test('falls with the cap, and stays under it', () => {
    const { write, output } = parse({ max_tokens: 12_000, thinking });
    expect(output).toMatchObject({ cap: 12_000, capMin: 1_025, thinkingBudget: 10_000 });
    expect(JSON.parse(write(12_000)).thinking).toEqual(thinking);
    expect(JSON.parse(write(10_001)).thinking.budget_tokens).toBe(10_000);
    expect(JSON.parse(write(1_025)).thinking.budget_tokens).toBe(1_024);
  });

  test('above the client’s own cap is the client’s, for the provider to judge', () => {
    const { write, output } = parse({ max_tokens: 5_000, thinking });
    expect(output.capMin).toBe(1_025);
    expect(JSON.parse(write(5_000)).thinking.budget_tokens).toBe(10_000);
  });
});

describe('without a limit', () => {
  test.each([
    ['an unknown field', { unheard_of: { deep: [1] } }],
    ['an unknown part', withPart({ type: 'hologram', data: 'x' })],
    ['a search of Anthropic’s', { tools: [{ type: 'web_search_20250305', name: 'x' }] }],
    [
      'a public image',
      withPart({ type: 'image', source: { type: 'url', url: 'https://x.edu/y.png' } }),
    ],
    ['a server of tools', { mcp_servers: [{ type: 'url', url: 'https://x.edu/mcp', name: 'x' }] }],
    ['fast inference', { speed: 'fast' }],
  ])('%s passes for a scoped credential', (_, more) => {
    expect(outcome(more, SCOPED)).toBe('passes');
    expect(sentOf(more, SCOPED)).toMatchObject(more);
  });

  test.each([
    [
      'a file',
      withPart({ type: 'document', source: { type: 'file', file_id: 'f' } }),
      'messages[0].content[0].source.file_id',
    ],
    [
      'a file as an image',
      withPart({ type: 'image', source: { type: 'file', file_id: 'f' } }),
      'messages[0].content[0].source.file_id',
    ],
    [
      'a file in a tool’s result',
      withResult([{ type: 'image', source: { type: 'file', file_id: 'f' } }]),
      'messages[0].content[0].content[0].source.file_id',
    ],
    [
      'a file in a container',
      withPart({ type: 'container_upload', file_id: 'f' }),
      'messages[0].content[0].file_id',
    ],
    ['a container', { container: 'c' }, 'container'],
    ['skills of a container', { box: { skills: [], skill_id: 'x' } }, 'box.skills'],
    [
      'an earlier message',
      { diagnostics: { previous_message_id: 'm' } },
      'diagnostics.previous_message_id',
    ],
    ['a thread', { thread: { type: 'continue', id: 't' } }, 'thread'],
    [
      'an address at Google',
      withPart({ type: 'image', source: { type: 'url', url: 'gs://bucket/x' } }),
      'messages[0].content[0].source.url',
    ],
  ])('%s may be named by a server key alone', (_, more, path) => {
    expect(outcome(more, SCOPED)).toBe(
      `"${path}" may name data stored at the provider, which only a server key may do`,
    );
    expect(outcome(more, OPEN)).toBe('passes');
    expect(sentOf(more, OPEN)).toMatchObject(more);
  });

  test('a container of a known field keeps its shape for a scoped credential', () => {
    expect(outcome({ messages: [{ role: 'user', content: { id: 'x' } }] }, SCOPED)).toBe(
      '"messages[0].content" must be a text or a list, got an object',
    );
  });

  test('a server key sends what it likes', () => {
    const odd = { messages: [null, 'x', { role: 7, content: { a: 1 } }], tools: 'x', thinking: 5 };
    expect(sentOf(odd, OPEN)).toMatchObject(odd);
    expect(outcome({ messages: {} }, OPEN)).toBe('"messages" must be a list, got an object');
  });

  test('nobody runs a request in the background', () => {
    const words = '"background" must be false: a request in the background cannot be billed';
    expect([{}, SCOPED, OPEN].map((rules) => outcome({ background: true }, rules))).toEqual([
      words,
      words,
      words,
    ]);
  });
});
