import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../core/base/errors.ts';
import { asRequestId } from '../../../../core/base/ids.ts';
import { asNanoUsd } from '../../../../core/base/money.ts';
import { MESSAGES } from '../../../../core/dialects/messages/messages.ts';
import { costOf } from '../../../../core/models/pricing.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

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
const request = MESSAGES.parse({ messages: [], stream: true }, REQUEST_RULES);

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
