import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../core/base/errors.ts';
import { asRequestId } from '../../../../core/base/ids.ts';
import type { JsonObject } from '../../../../core/base/json.ts';
import { asNanoUsd } from '../../../../core/base/money.ts';
import type { RequestRules } from '../../../../core/dialects/dialect.ts';
import { COUNT_TOKENS, MESSAGES } from '../../../../core/dialects/messages/messages.ts';
import { costOf } from '../../../../core/models/pricing.ts';
import { GENERIC_ROW } from '../../../../core/providers/known.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

const RULES: RequestRules = {
  ...REQUEST_RULES,
  row: { ...GENERIC_ROW, imageTokensMax: 8_192 },
  model: 'claude-sonnet-4-5',
  contextWindow: 200_000,
};
const HELLO = [{ role: 'user', content: 'Hello' }];
const prepare = (more: object, rules: Partial<RequestRules> = {}) =>
  MESSAGES.prepare({ model: 'x', messages: HELLO, ...more } as JsonObject, { ...RULES, ...rules });
const outcomeOf = (more: object, rules: Partial<RequestRules> = {}): string => {
  try {
    prepare(more, rules);
    return 'passes';
  } catch (error) {
    return error instanceof GatewayError ? `${error.facts.param}: ${error.message}` : 'broke';
  }
};
const partOf = (part: object) => ({ messages: [{ role: 'user', content: [part] }] });

describe('what is sent', () => {
  test('is what was checked, with the provider’s model id and the cap', () => {
    const request = prepare({ max_tokens: 100, system: 'Be kind.', temperature: 0.5 });
    expect(JSON.parse(request.toBody(64))).toEqual({
      model: 'claude-sonnet-4-5',
      messages: HELLO,
      system: 'Be kind.',
      temperature: 0.5,
      max_tokens: 64,
    });
    expect(request.cap).toBe(100);
  });

  test('has the default cap when the client names none, limit or not: the format demands one', () => {
    expect(prepare({}).cap).toBe(8_192);
    const { cap, toBody } = prepare({}, { isCapped: false, isBounded: false });
    expect(JSON.parse(toBody(cap)).max_tokens).toBe(8_192);
  });

  test('has the client’s version, and of its betas those that change no price', () => {
    const headers = new Map([
      ['anthropic-version', ['2026-10-21']],
      [
        'anthropic-beta',
        ['claude-code-20250219, interleaved-thinking-2025-05-14,context-1m-2025-08-07'],
      ],
    ]);
    expect(prepare({}, { headers }).headers).toEqual({
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14',
    });
    expect(prepare({}, { headers, isCapped: false }).headers).toEqual({
      'anthropic-version': '2026-10-21',
      'anthropic-beta':
        'claude-code-20250219,interleaved-thinking-2025-05-14,context-1m-2025-08-07',
    });
    expect(prepare({}, { headers: new Map([['anthropic-version', ['x\r\ny']]]) }).headers).toEqual({
      'anthropic-version': '2023-06-01',
    });
  });

  test('is counted without a cap and without a price on count_tokens', () => {
    const body = { model: 'x', messages: HELLO, max_tokens: 5 } as JsonObject;
    const request = COUNT_TOKENS.prepare(body, RULES);
    expect(JSON.parse(request.toBody(0))).toEqual({ model: 'claude-sonnet-4-5', messages: HELLO });
    expect(COUNT_TOKENS.isBilled).toBe(false);
  });
});

describe('under a spending limit', () => {
  test.each([
    [
      'a cached system prompt',
      { system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] },
    ],
    ['a tool of the client’s', { tools: [{ name: 't', input_schema: { type: 'object' } }] }],
    [
      'a tool that Anthropic defines and the client runs',
      { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    ],
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 1_024 } }],
    [
      'clearing of old tool calls',
      { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
    ],
    [
      'a tool’s result with an image',
      partOf({
        type: 'tool_result',
        tool_use_id: 't',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
        ],
      }),
    ],
    [
      'a document, whose pages the context window bounds',
      partOf({
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' },
      }),
    ],
    ['null for a field', { container: null }],
  ])('%s passes', (_, more) => {
    expect(outcomeOf(more)).toBe('passes');
  });

  test.each([
    [
      'a search of Anthropic’s',
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      'tools: "tools" may not',
    ],
    [
      'code that Anthropic runs',
      { tools: [{ type: 'code_execution_20250522', name: 'x' }] },
      'tools: "tools" may not',
    ],
    [
      'a server of tools',
      { mcp_servers: [{ type: 'url', url: 'https://x' }] },
      'mcp_servers: "mcp_servers" may not',
    ],
    ['fast inference', { speed: 'fast' }, 'speed: "speed" may not'],
    ['inference in one country', { inference_geo: 'us' }, 'inference_geo: "inference_geo" may not'],
    [
      'a cache of an hour',
      { system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      'system[0].cache_control: ',
    ],
    [
      'a cache of an hour inside a tool’s result',
      partOf({
        type: 'tool_result',
        content: [{ type: 'text', text: 'x', cache_control: { ttl: '1h' } }],
      }),
      'messages[0].content[0].content[0].cache_control: ',
    ],
    [
      'a summary',
      { context_management: { edits: [{ type: 'compact_20260112' }] } },
      'context_management: ',
    ],
    ['an unknown field', { unheard_of: 1 }, 'unheard_of: "unheard_of" may not'],
    ['an unknown part', partOf({ type: 'video' }), 'messages[0].content[0].type: '],
    ['a field whose name is a text', { 'say this to them': 1 }, '(unnamed): '],
  ])('%s is refused, and named', (_, more, words) => {
    expect(outcomeOf(more).startsWith(words)).toBe(true);
  });

  test.each([
    [{ messages: undefined }, 'messages: "messages" must be a list of messages, got nothing'],
    [
      { max_tokens: 0 },
      'max_tokens: "max_tokens" must be a whole number from 1 to 10000000, got 0',
    ],
    [
      { max_tokens: '9' },
      'max_tokens: "max_tokens" must be a whole number from 1 to 10000000, got string',
    ],
    [{ stream: 1 }, 'stream: "stream" must be true or false, got 1'],
  ])('%j cannot be read', (more, words) => {
    expect(outcomeOf(more)).toBe(words);
  });
});

describe('what is stored at the provider', () => {
  test.each([
    ['a file', partOf({ type: 'document', source: { type: 'file', file_id: 'file_1' } })],
    ['a file in a container', partOf({ type: 'container_upload', file_id: 'file_1' })],
    ['a container', { container: 'c_1' }],
  ])('%s may be named by a server key alone', (_, more) => {
    const uncapped = { isCapped: false, isBounded: false };
    expect(outcomeOf(more, uncapped)).toContain('which only a server key may do');
    expect(outcomeOf(more, { ...uncapped, isServerKey: true })).toBe('passes');
  });
});

describe('the input bound', () => {
  test('counts an image by its rule and not by its bytes', () => {
    const image = (data: string) =>
      partOf({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } });
    const small = prepare(image('aGk=')).inputTokens;
    expect(prepare(image('aGk='.repeat(50_000))).inputTokens).toBe(small);
    expect(small).toBeGreaterThan(8_192);
  });

  test('is the context window for what is given by reference, and a refusal where none is known', () => {
    const url = partOf({ type: 'image', source: { type: 'url', url: 'https://x/y.png' } });
    expect(prepare(url).inputTokens).toBe(200_000);
    expect(outcomeOf(url, { contextWindow: undefined })).toContain('messages[0].content[0].source');
  });

  test('is never below the bytes of any text in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const { inputTokens } = prepare({
          system: text,
          messages: [{ role: 'user', content: text }],
        });
        expect(inputTokens).toBeGreaterThanOrEqual(2 * Buffer.byteLength(text.normalize('NFKC')));
      }),
    );
  });
});

const event = (data: { type: string; [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const START = event({
  type: 'message_start',
  message: {
    id: 'msg_1',
    usage: {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 50,
      output_tokens: 1,
    },
  },
});
const TEXT = event({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: 'Grüße, "usage":{ 👋' },
});
const DELTA = event({
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: { output_tokens: 42, output_tokens_details: { thinking_tokens: 7 } },
});
const STOP = event({ type: 'message_stop' });
const USAGE = { input: 160, cachedInput: 100, cacheWrite: 50, output: 42, reasoning: 7 };
const request = prepare({ stream: true });

describe('the meter', () => {
  test('says the same of a stream at whichever event it was cut, and holds its last event back', () => {
    const events = [START, event({ type: 'ping' }), TEXT, DELTA, STOP];
    for (let cut = 0; cut <= events.length; cut += 1) {
      const meter = MESSAGES.makeMeter(request);
      const reads = [events.slice(0, cut).join(''), events.slice(cut).join('')].map((text) =>
        meter.take(Buffer.from(text)),
      );
      const passed = Buffer.concat(reads.map(({ forward }) => forward)).toString();
      expect(passed).toBe(events.slice(0, 4).join(''));
      expect(reads.flatMap(({ end }) => end?.toString() ?? [])).toEqual([STOP]);
      expect(meter.usage()?.tokens).toEqual(USAGE);
      expect(meter.contentBytes()).toBe(Buffer.byteLength('Grüße, \\"usage\\":{ 👋') - 2);
      expect(meter.isFinished()).toBe(true);
      expect(meter.hasFailed()).toBe(false);
    }
  });

  test('knows input and the first output before the end, for a stream that breaks off', () => {
    const meter = MESSAGES.makeMeter(request);
    meter.take(Buffer.from(START + TEXT));
    expect(meter.usage()?.tokens).toEqual({ ...USAGE, output: 1, reasoning: 0 });
    expect(meter.isFinished()).toBe(false);
  });

  test('sees an error of the provider’s', () => {
    const meter = MESSAGES.makeMeter(request);
    meter.take(Buffer.from(event({ type: 'error', error: { type: 'overloaded_error' } })));
    expect(meter.hasFailed()).toBe(true);
  });

  test('takes cumulative reports as they are and adds nothing up', () => {
    const meter = MESSAGES.makeMeter(request);
    const more = event({
      type: 'message_delta',
      delta: {},
      usage: { input_tokens: 12, output_tokens: 9 },
    });
    meter.take(Buffer.from(START + more + more));
    expect(meter.usage()?.tokens).toMatchObject({ input: 162, output: 9 });
  });
});

describe('the bill', () => {
  const price = {
    inputNanoPerMillion: 1_000_000n,
    outputNanoPerMillion: 5_000_000n,
    cachedInputNanoPerMillion: 100_000n,
    cacheWriteNanoPerMillion: 1_250_000n,
  };

  test('prices a cache of an hour at twice the input, and searches by the call', () => {
    const usage = MESSAGES.readUsage({
      usage: {
        input_tokens: 0,
        cache_creation_input_tokens: 2_000,
        cache_creation: { ephemeral_5m_input_tokens: 1_000, ephemeral_1h_input_tokens: 1_000 },
        output_tokens: 0,
        server_tool_use: { web_search_requests: 3 },
      },
    });
    expect(usage).toMatchObject({ longCacheWrite: 1_000, toolsNanoUsd: asNanoUsd(30_000_000n) });
    expect(usage && costOf(price, usage.tokens, usage.longCacheWrite)).toBe(3_250n);
  });

  test.each([[undefined], [null], [{}], [{ input_tokens: -1 }], ['text']])(
    'knows nothing from %j',
    (usage) => {
      expect(MESSAGES.readUsage({ usage })).toBeUndefined();
    },
  );
});

describe('the gateway’s own events', () => {
  test('end a cut stream as if the cap had been kept', () => {
    const meter = MESSAGES.makeMeter(request);
    meter.take(Buffer.from(START));
    const facts = { requestId: asRequestId('r1'), model: 'anthropic/x', nowMs: 0 };
    expect(MESSAGES.toCutEvents(facts, meter)).toBe(
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":1}}\n\n' +
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    );
  });

  test('tell a failure in the words of the format', () => {
    expect(MESSAGES.toErrorEvents(new GatewayError('upstream_timeout'))).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"timeout_error","message":"The provider did not answer in time.","code":"upstream_timeout"}}\n\n',
    );
  });
});
