import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { EVENT_BYTES_MAX } from '../../../core/proxy/sse.ts';
import {
  chatEvent,
  DONE_EVENT,
  FINISH_EVENT,
  textEvent,
  usageEvent,
  usageOf,
} from '../../support/fake-provider.ts';
import {
  ask,
  makeProxy,
  PROVIDER_KEY,
  readAnswer,
  type Script,
  UNCAPPED,
} from '../../support/proxy-fixtures.ts';
import { makeGrant } from '../../support/wallet-fixtures.ts';

const USAGE = usageEvent(usageOf(9, 4));
const died = new GatewayError('upstream_error', { cause: new Error('ECONNRESET') });
/** The hold: 104 of input and 100 of output. */
const errorEvent = (code: string, type: string, message: string): string =>
  `data: {"error":{"message":"${message} It is counted in full, because the provider may bill it.","type":"${type}","param":null,"code":"${code}","charged_usd":0.000204}}\n\n`;
const FAILED = errorEvent('upstream_error', 'api_error', 'The provider failed.');
const EARLY = errorEvent('upstream_error', 'api_error', 'The provider ended its answer early.');
const LATE = errorEvent(
  'upstream_timeout',
  'timeout_error',
  'The provider did not answer in time.',
);

const body = (more: object = {}) =>
  ask({ model: 'openai/both', stream: true, max_tokens: 100, ...more });

/** The client's answer and its cost. */
async function stream(reads: Script['reads'], more: object = {}) {
  const proxy = makeProxy({ reads: reads ?? [] });
  const served = await proxy.serve(body(more));
  const text = await readAnswer(served);
  const [row] = proxy.rows();
  const wallet = await proxy.wallet();
  return {
    proxy,
    served,
    text,
    bill: [row?.status, row?.tokens.output, row?.cost.usd],
    isReleased: wallet?.holds.size === 0,
    spent: wallet?.counters.get('t:tokenA:usd:total'),
  };
}

describe('a stream', () => {
  const events = [textEvent('hel'), textEvent('lo'), FINISH_EVENT];

  test('passes on unchanged, without the usage that the client did not request', async () => {
    const { text, bill, isReleased, spent, served } = await stream([...events, USAGE, DONE_EVENT]);
    expect(text).toBe([...events, DONE_EVENT].join(''));
    expect(bill).toEqual(['exact', 4, 13_000n]);
    expect(isReleased).toBe(true);
    expect(spent).toBe(13_000n);
    expect(served.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
    });
    expect(served.headers).not.toHaveProperty('x-hallpass-cost-usd');
  });

  test('keeps the usage that the client requested', async () => {
    const { text } = await stream([...events, USAGE, DONE_EVENT], {
      stream_options: { include_usage: true },
    });
    expect(text).toBe([...events, USAGE, DONE_EVENT].join(''));
  });

  test('sends the first event before it reads the second', async () => {
    let asked = 0;
    const proxy = makeProxy(
      {},
      {
        upstream: {
          send: async () => ({
            status: 200,
            headers: {},
            body: (async function* () {
              asked += 1;
              yield Buffer.from(textEvent('first'));
              asked += 1;
              yield Buffer.from(FINISH_EVENT + DONE_EVENT);
            })(),
          }),
        },
      },
    );
    const { body: reads } = await proxy.serve(body());
    const iterator = (reads as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    expect(asked).toBe(0);
    const first = await iterator.next();
    expect(Buffer.from(first.value).toString()).toBe(textEvent('first'));
    expect(asked).toBe(1);
    for (let next = first; !next.done; next = await iterator.next());
  });

  test('closes the call before [DONE]', async () => {
    const proxy = makeProxy({ reads: [...events, USAGE, DONE_EVENT] });
    const { body: reads } = await proxy.serve(body());
    const rowsSeen: [string, number][] = [];
    for await (const read of reads as AsyncIterable<Uint8Array>) {
      rowsSeen.push([Buffer.from(read).toString().slice(0, 12), proxy.rows().length]);
    }
    expect(rowsSeen.at(-1)).toEqual(['data: [DONE]', 1]);
    expect(rowsSeen.at(-2)?.[1]).toBe(0);
  });

  test('does not wait for a provider that keeps the connection after [DONE]', async () => {
    const { text, proxy } = await stream([DONE_EVENT, ': never read\n\n']);
    expect(text).toBe(DONE_EVENT);
    expect(proxy.isProviderLeft()).toBe(true);
  });

  test('ends without an error when the provider ends after its finish reason', async () => {
    expect((await stream([...events, USAGE])).text).toBe(events.join(''));
  });

  test('reads a last event that lacks its blank line', async () => {
    const { text, bill } = await stream([...events, USAGE.trimEnd()]);
    expect(text).toBe(events.join(''));
    expect(bill[0]).toBe('exact');
  });

  test('records when the first byte came', async () => {
    const { proxy } = await stream([...events, DONE_EVENT]);
    expect(proxy.rows()[0]).toMatchObject({ firstByteMs: 1, latencyMs: 4 });
  });
});

describe('an awkward provider', () => {
  const hello = textEvent('12345678');

  // guarantee: provider-drips, usage-anyhow
  test.each<[string, Script['reads'], string, unknown[]]>([
    ['dies within its answer', [hello, died], hello + FAILED, ['estimated', 100, 204_000n]],
    [
      'dies within an event',
      [hello, 'data: {"cho', died],
      hello + FAILED,
      ['estimated', 100, 204_000n],
    ],
    ['dies before its first event', [died], FAILED, ['estimated', 100, 204_000n]],
    [
      'dies after its finish reason',
      [hello, FINISH_EVENT, died],
      hello + FINISH_EVENT + DONE_EVENT,
      ['estimated', 100, 204_000n],
    ],
    [
      'is too late',
      [hello, new GatewayError('upstream_timeout')],
      hello + LATE,
      ['estimated', 100, 204_000n],
    ],
    ['ends early', [hello], hello + EARLY, ['estimated', 100, 204_000n]],
    ['ends within an event', [hello, 'data: {"cho'], hello + EARLY, ['estimated', 100, 204_000n]],
    ['says nothing', [], EARLY, ['estimated', 100, 204_000n]],
    ['sends garbage', ['\0\xff<html>', '</html>'], EARLY, ['estimated', 100, 204_000n]],
    [
      'sends garbage in events',
      ['data: {oops\n\n'],
      `data: {oops\n\n${EARLY}`,
      ['estimated', 100, 204_000n],
    ],
    [
      'sends usage twice',
      [hello, FINISH_EVENT, USAGE, USAGE, DONE_EVENT],
      hello + FINISH_EVENT + DONE_EVENT,
      ['exact', 4, 13_000n],
    ],
    [
      'sends no usage',
      [hello, FINISH_EVENT, DONE_EVENT],
      hello + FINISH_EVENT + DONE_EVENT,
      ['estimated', 100, 204_000n],
    ],
    [
      'reports and then dies',
      [chatEvent({ content: 'x' }, { usage: usageOf(9, 4) }), died],
      chatEvent({ content: 'x' }, { usage: usageOf(9, 4) }) + FAILED,
      ['estimated', 100, 204_000n],
    ],
    [
      'sends an error of its own',
      [hello, 'data: {"error":{"message":"overloaded"}}\n\n'],
      `${hello}data: {"error":{"message":"overloaded"}}\n\n`,
      ['estimated', 100, 204_000n],
    ],
    [
      'drips byte by byte',
      [...hello, ...FINISH_EVENT, ...USAGE, ...DONE_EVENT],
      hello + FINISH_EVENT + DONE_EVENT,
      ['exact', 4, 13_000n],
    ],
  ])('that %s gets a right end and a right bill', async (_, reads, text, bill) => {
    const seen = await stream(reads);
    expect(seen.text).toBe(text);
    expect(seen.bill).toEqual(bill);
    expect(seen.isReleased).toBe(true);
    expect(seen.spent).toBe(bill[2]);
  });

  const leak = textEvent(PROVIDER_KEY);
  test.each<[string, Script['reads'], string]>([
    ['an event', [hello, leak, FINISH_EVENT, DONE_EVENT], hello + FAILED],
    ['an event of many reads', [hello, ...leak], hello + FAILED],
    ['events that come with the last one', [hello + leak + FINISH_EVENT + DONE_EVENT], FAILED],
    [
      'what comes behind the last one',
      [hello, `${DONE_EVENT}: ${PROVIDER_KEY}\n\n`],
      hello + FAILED,
    ],
    ['an event without an end', [hello, leak.trimEnd()], hello + FAILED],
  ])(
    'that sends its key in %s is cut there, and the client gets an error',
    async (_, reads, text) => {
      const seen = await stream(reads);
      expect(seen.text).toBe(text);
      expect(seen.isReleased).toBe(true);
      expect(seen.proxy.log[0]).toMatchObject({
        code: 'upstream_error',
        detail: 'the provider repeated the key it was given',
      });
    },
  );

  test('that breaks with an error of another kind never breaks the stream', async () => {
    const { text, proxy } = await stream([hello, new TypeError('a bug')]);
    expect(text).toBe(hello + errorEvent('internal_error', 'api_error', 'The gateway failed.'));
    expect(proxy.log[0]).toMatchObject({ level: 'warn', code: 'internal_error' });
  });

  test('that dies inside a very long event has that event ended first', async () => {
    const long = `data: ${'x'.repeat(EVENT_BYTES_MAX)}`;
    const { text } = await stream([long, died]);
    expect(text).toBe(`${long}\n\n${FAILED}`);
  });

  describe('with a very long event', () => {
    const long = `data: ${'x'.repeat(EVENT_BYTES_MAX)}`;
    const [start, end] = [PROVIDER_KEY.slice(0, 9), PROVIDER_KEY.slice(9)];

    test('passes the event on whole, though a part of the key is in it', async () => {
      const reads = [hello, `${long}${start}`, `.${end}`, '\n', '\n', FINISH_EVENT, DONE_EVENT];
      const { text, bill } = await stream(reads);
      expect(text === reads.join('')).toBe(true);
      expect(bill[0]).toBe('estimated');
    });

    test('passes all of the event on that came before the stream ended', async () => {
      const { text } = await stream([hello, `${long}${start}`, '.']);
      expect(text === `${hello}${long}${start}.\n\n${EARLY}`).toBe(true);
    });

    test.each([
      ['goes on', hello, [end, ', more']],
      ['ends there', hello, [`${end}\n\n`]],
      ['ends there, after the finish', FINISH_EVENT, [`${end}\n\n`, DONE_EVENT]],
    ])('that %s sends no byte of a key that lies across two pieces', async (_, first, rest) => {
      const { text, proxy } = await stream([first, `${long}${start}`, ...rest]);
      // The key has 18 bytes, so 17 were held back: 9 of the key, and 8 before it.
      expect(text === `${first}${long.slice(0, -8)}\n\n${FAILED}`).toBe(true);
      expect(proxy.log[0]).toMatchObject({ detail: 'the provider repeated the key it was given' });
    });
  });
});

// guarantee: provider-fails-within
describe('provider dies mid-stream', () => {
  const whole = textEvent('12345678') + textEvent('é') + FINISH_EVENT + USAGE + DONE_EVENT;
  const shown = textEvent('12345678') + textEvent('é') + FINISH_EVENT;
  const bytes = Buffer.from(whole);

  test('at any byte of it: what came is passed on, its end is never a clean one by mistake, its bill is closed', async () => {
    const finishedAt = Buffer.byteLength(shown);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const { text, isReleased, bill, spent } = await stream([bytes.subarray(0, cut), died]);
      const isFinished = cut >= finishedAt;
      const last = isFinished ? DONE_EVENT : FAILED;
      expect(text.endsWith(last), `cut at ${cut}`).toBe(true);
      expect(text.includes('[DONE]'), `cut at ${cut}`).toBe(isFinished);
      // Whole events before the cut, as they were.
      const came = bytes.subarray(0, Math.min(cut, finishedAt)).toString();
      expect(text.startsWith(came.slice(0, came.lastIndexOf('\n\n') + 1))).toBe(true);
      expect([isReleased, spent]).toEqual([true, bill[2]]);
    }
  });
});

describe('a provider that ignores the output cap', () => {
  // Under a cap of 100: 3 × (2 × 100 + 256) bytes are 1,368.
  const kilobyte = textEvent('x'.repeat(1_000));
  const CUT =
    'data: {"id":"chatcmpl-r1","object":"chat.completion.chunk","created":1795176000,"model":"openai/both","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\ndata: [DONE]\n\n';

  test('is cut when it sends far more than that, and the overrun is recorded', async () => {
    const { text, bill, proxy, spent } = await stream([kilobyte, kilobyte, kilobyte]);
    expect(text).toBe(kilobyte + kilobyte + CUT);
    expect(bill).toEqual(['estimated', 500, 604_000n]);
    // The hold was 104 of input and 100 of output.
    expect(proxy.rows()[0]?.overrunNanoUsd).toBe(400_000n);
    expect(spent).toBe(604_000n);
    expect(proxy.isProviderLeft()).toBe(true);
  });

  test('is not cut for 1,368 bytes, but for one more', async () => {
    const rest = [FINISH_EVENT, DONE_EVENT];
    const exactly = textEvent('x'.repeat(368));
    expect((await stream([kilobyte, exactly, ...rest])).text).toBe(
      [kilobyte, exactly, ...rest].join(''),
    );
    const more = textEvent('x'.repeat(369));
    expect((await stream([kilobyte, more, textEvent('y'), ...rest])).text).toBe(
      kilobyte + more + CUT,
    );
  });

  test('is cut when it reports more than the hold', async () => {
    const running = (output: number) =>
      chatEvent({ content: 'x' }, { usage: usageOf(104, output) });
    const { text, bill } = await stream([running(100), running(101), running(102)]);
    expect(text).toBe(`${running(100)}${running(101)}${CUT}`);
    expect(bill).toEqual(['estimated', 101, 205_000n]);
  });

  test('is billed for what it reports at its end, beyond the hold', async () => {
    const { bill, proxy } = await stream([FINISH_EVENT, usageEvent(usageOf(104, 200)), DONE_EVENT]);
    expect(bill).toEqual(['exact', 200, 304_000n]);
    expect(proxy.rows()[0]?.overrunNanoUsd).toBe(100_000n);
  });

  test('is not cut if the credential has no limits', async () => {
    const proxy = makeProxy({ reads: [kilobyte, kilobyte, kilobyte, FINISH_EVENT, DONE_EVENT] });
    const text = await readAnswer(await proxy.serve(body(), UNCAPPED));
    expect(text).toBe([kilobyte, kilobyte, kilobyte, FINISH_EVENT, DONE_EVENT].join(''));
  });

  test('is cut under a token limit for a model without a price', async () => {
    const proxy = makeProxy({ reads: [kilobyte, kilobyte, kilobyte] });
    const grant = makeGrant(['user:tokens:day=100000']);
    const text = await readAnswer(await proxy.serve(body({ model: 'openai/unheard-of' }), grant));
    expect(text).toContain('"finish_reason":"length"');
    expect(proxy.rows()[0]).toMatchObject({ status: 'estimated', cost: { usd: 0n } });
  });
});
