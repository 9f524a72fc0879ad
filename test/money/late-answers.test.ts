import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import type { UpstreamResponse } from '../../core/providers/ports.ts';
import { SILENCE_MAX_MS } from '../../core/proxy/late-answer.ts';
import {
  completion,
  DONE_EVENT,
  FINISH_EVENT,
  textEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { ask, CAPPED, makeProxy, readAnswer } from '../support/proxy-fixtures.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const reply = (text: string, status = 200, headers: Record<string, string> = JSON_TYPE) => ({
  status,
  headers,
  body: (async function* () {
    yield Buffer.from(text);
  })(),
});

/** A provider that is silent for longer than 240 s: the first alarm rings, and a few signs of life go by. */
function makeSilent(outcome: () => UpstreamResponse) {
  let answer = (): void => {};
  const until = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const rungMs: number[] = [];
  const proxy = makeProxy(
    {},
    {
      upstream: {
        async send() {
          await until;
          return outcome();
        },
      },
      startAlarm: (durationMs) => {
        rungMs.push(durationMs);
        // The provider answers after the fourth alarm.
        if (rungMs.length === 4) answer();
        const rung = rungMs.length < 4 ? Promise.resolve() : new Promise<void>(() => {});
        return { rung, cancel: () => {} };
      },
    },
  );
  return { proxy, rungMs, answer };
}

// guarantee: long-answers
describe('an answer that takes longer than 240 s', () => {
  test('comes with status 200 behind blanks, is billed exactly, and has no cost header', async () => {
    const text = completion('at last', usageOf(9, 50));
    const { proxy, rungMs } = makeSilent(() => reply(text));
    const served = await proxy.serve(ask({ max_tokens: 100 }));
    expect([served.status, served.headers['content-type']]).toEqual([200, 'application/json']);
    expect(served.headers).not.toHaveProperty('x-hallpass-cost-usd');
    expect(served.headers).toHaveProperty('x-hallpass-budget-remaining-usd');
    const body = await readAnswer(served);
    expect(body).toBe(`   ${text}`);
    expect(JSON.parse(body)).toEqual(JSON.parse(text));
    expect(rungMs).toEqual([SILENCE_MAX_MS, 15_000, 15_000, 15_000]);
    expect(proxy.rows()[0]).toMatchObject({ status: 'exact', cost: { usd: 50_000n } });
  });

  test('has the provider’s refusal as the error of its body, with its status', async () => {
    const { proxy } = makeSilent(() => reply('{"error":{"message":"no","code":"x"}}', 400));
    const served = await proxy.serve(ask());
    expect(JSON.parse(await readAnswer(served))).toEqual({
      error: { message: 'no', code: 'x', status: 400 },
    });
    expect(proxy.rows()[0]?.status).toBe('released');
  });

  test('that never comes costs its whole hold, and says so: o3 silent for 285 s', async () => {
    const { proxy } = makeSilent(() => {
      throw new GatewayError('upstream_timeout');
    });
    const served = await proxy.serve(ask({ max_tokens: 800_000 }));
    expect(JSON.parse(await readAnswer(served))).toEqual({
      error: {
        message:
          'The provider did not answer in time. It is counted in full, because the provider may bill it.',
        type: 'timeout_error',
        param: null,
        code: 'upstream_timeout',
        charged_usd: 0.8,
        status: 504,
      },
    });
    expect(proxy.rows()[0]).toMatchObject({ status: 'estimated', cost: { usd: 800_000_000n } });
    expect((await proxy.wallet(CAPPED))?.holds.size).toBe(0);
  });

  test.each([
    [
      'its events behind a comment',
      () => reply(textEvent('x') + FINISH_EVENT + DONE_EVENT, 200, {}),
      textEvent('x') + FINISH_EVENT + DONE_EVENT,
    ],
    [
      'an error event for a refusal',
      () => reply('{}', 400),
      'data: {"error":{"message":"The provider refused the request (HTTP 400).","type":"api_error","param":null,"code":"upstream_error"}}\n\n',
    ],
  ] as const)('as a stream has %s', async (_, outcome, text) => {
    const { proxy, answer } = makeSilent(outcome);
    const served = await proxy.serve(ask({ stream: true, max_tokens: 100 }));
    answer();
    expect(served.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(await readAnswer(served)).toBe(`: keepalive\n\n${text}`);
  });
});

describe('an answer with log probabilities', () => {
  const capFor = async (more: object) => {
    const proxy = makeProxy({ headers: JSON_TYPE, reads: [completion('x', usageOf(1, 1))] });
    await proxy.serve(ask({ max_tokens: 1_000, ...more }));
    return JSON.parse(proxy.sent[0]?.body ?? '{}').max_completion_tokens;
  };

  test('has an output cap under which 10 MB hold all of its choices', async () => {
    expect(await capFor({ n: 128 })).toBe(1_000);
    // 10 MB for 128 choices, each token with 264 bytes, or 4,264 with twenty alternatives.
    expect(await capFor({ n: 128, logprobs: true })).toBe(310);
    expect(await capFor({ n: 128, logprobs: true, top_logprobs: 20 })).toBe(19);
    expect(await capFor({ n: 1, logprobs: true, top_logprobs: 20 })).toBe(1_000);
  });

  test('that cannot be read all the same costs its whole hold: 128 choices of 1,000 tokens, $0.128', async () => {
    const reads = ['{"choices":"', ...Array(11).fill('x'.repeat(1_048_576)), '"}'];
    const proxy = makeProxy({ headers: JSON_TYPE, reads });
    await expect(proxy.serve(ask({ n: 128, max_tokens: 1_000 }))).rejects.toMatchObject({
      code: 'upstream_error',
      facts: { chargedNanoUsd: 128_000_000n },
    });
    expect(proxy.rows()[0]).toMatchObject({ status: 'estimated', cost: { usd: 128_000_000n } });
  });
});
