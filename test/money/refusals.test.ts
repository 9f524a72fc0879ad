import { describe, expect, test } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { toErrorBody } from '../../core/base/error-body.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { asRequestId } from '../../core/base/ids.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import { reserve } from '../../core/wallet/reserve.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { makeMemoryUsage } from '../support/memory-usage.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { ask, makeProxy } from '../support/proxy-fixtures.ts';
import {
  bareKeyGrant,
  fixedRandom,
  makeGrant,
  makeManualClock,
  NOW_MS,
  usd,
} from '../support/wallet-fixtures.ts';

const whole = (body: string) => ({
  headers: { 'content-type': 'application/json' },
  reads: [body],
});

/** The error of a request, as OpenAI's clients read it. */
async function errorOf(body: object, grant: Grant): Promise<Record<string, unknown>> {
  try {
    await makeProxy(whole(completion('x', usageOf(1, 1)))).serve(body, grant);
  } catch (error) {
    if (error instanceof GatewayError) {
      return toErrorBody('openai', error).error as Record<string, unknown>;
    }
    throw error;
  }
  return {};
}

/** 2,000 bytes of text, held at 2,102 tokens. Input and output of the model cost a dollar a million. */
const long = ask({
  model: 'openai/both',
  messages: [{ role: 'user', content: 'x'.repeat(1_998) }],
});
const token = (limit: number, per: string = 'token:usd:total') => makeGrant([`${per}=${limit}`]);

// guarantee: honest-refusals
describe('a refusal for money', () => {
  test('says what is needed and what is left, if a smaller request fits', async () => {
    expect(await errorOf(long, token(0.0015))).toEqual({
      message:
        'This request may cost up to $0.002116, and $0.0015 is left. A shorter conversation fits.',
      type: 'insufficient_quota',
      param: null,
      code: 'request_too_expensive',
      limit: { per: 'token', unit: 'usd', window: 'total' },
      limit_value: 0.0015,
      used: 0,
      reserved: 0,
      resets_at: null,
      needed_usd: 0.002116,
      available_usd: 0.0015,
    });
  });

  test('says until when, if the limit has a window', async () => {
    expect(await errorOf(long, token(0.0015, 'user:usd:month'))).toMatchObject({
      code: 'request_too_expensive',
      message:
        'This request may cost up to $0.002116, and $0.0015 is left until 2026-12-01T00:00Z. A shorter conversation fits.',
    });
  });

  test.each([
    [0.001016, 'request_too_expensive'],
    [0.001015, 'insufficient_quota'],
  ])('of $%d is %s: 1,000 tokens of input and 16 of output cost $0.001016', async (limit, code) => {
    expect(await errorOf(long, token(limit))).toMatchObject({ code });
  });

  test('hides the figures of a key’s budget from who only shares the key', async () => {
    // Its share is a quarter.
    const grant = makeGrant(['key:usd:month=0.006']);
    const error = await errorOf(long, grant);
    expect(error).toMatchObject({
      code: 'request_too_expensive',
      message:
        'This request may cost up to $0.002116, and less than that is left until 2026-12-01T00:00Z. A shorter conversation fits.',
      needed_usd: 0.002116,
      available_usd: null,
    });
    expect(JSON.stringify(error)).not.toContain('limit_value');
    expect(await errorOf(long, bareKeyGrant('key:usd:month=0.0015'))).toMatchObject({
      available_usd: 0.0015,
    });
  });
});

// guarantee: fair-shares
describe('a payer without a USD limit of its own', () => {
  const wallets = () => ({
    wallets: makeMemoryWallets(),
    usage: makeMemoryUsage(),
    clock: makeManualClock(),
    random: fixedRandom,
  });
  const holder = (ports: ReturnType<typeof wallets>) => {
    let next = 0;
    return async (grant: Grant, amount: number): Promise<string> => {
      next += 1;
      try {
        await reserve(
          {
            grant,
            requestId: asRequestId(`r${next}`),
            amounts: usd(amount),
            leaseEndsAtMs: NOW_MS + 900_000,
            hasShares: true,
            needs: { least: asNanoUsd(BigInt(amount)), small: asNanoUsd(10n) },
          },
          ports,
        );
        return 'held';
      } catch (error) {
        return error instanceof GatewayError ? error.code : 'failed';
      }
    };
  };
  const userOf = (id: string) => ({ identity: { source: 'token', issuer: '', id } as const });
  const user = (id: string) => makeGrant(['key:usd:month=0.000001'], userOf(id));

  test('holds at most a quarter of a key’s budget at once', async () => {
    const hold = holder(wallets());
    const ada = user('ada');
    const codes: string[] = [];
    for (let at = 0; at < 4; at += 1) codes.push(await hold(ada, 100));
    expect(codes).toEqual(['held', 'held', 'budget_in_use', 'budget_in_use']);
    expect(await hold(user('bob'), 250)).toBe('held');
  });

  test('may hold a small request of a budget that is smaller than four of them', async () => {
    const hold = holder(wallets());
    const key = (id: string) => makeGrant(['key:usd:month=0.00000003'], userOf(id));
    expect(await hold(key('ada'), 11)).toBe('request_too_expensive');
    expect(await hold(key('ada'), 10)).toBe('held');
    expect(await hold(key('ada'), 10)).toBe('budget_in_use');
    expect(await hold(key('bob'), 10)).toBe('held');
  });

  test('may hold all of a budget that is smaller than a small request', async () => {
    const hold = holder(wallets());
    const ada = makeGrant(['key:usd:month=0.000000009'], userOf('ada'));
    expect(await hold(ada, 9)).toBe('held');
  });

  test('cannot hold more than that by one request', async () => {
    const hold = holder(wallets());
    expect(await hold(user('ada'), 251)).toBe('request_too_expensive');
    expect(await hold(user('ada'), 250)).toBe('held');
  });

  test('is told apart by its limits: of a key, a user and a token', async () => {
    const heldFor = async (grant: Grant): Promise<bigint | undefined> => {
      const proxy = makeProxy(whole(completion('x', usageOf(1, 1))));
      await proxy.serve(ask({ max_tokens: 900 }), grant);
      return BigInt(JSON.parse(proxy.sent[0]?.body ?? '{}').max_completion_tokens);
    };
    // The budget affords 1,000 tokens of output, and a share 250.
    const budget = 'key:usd:month=0.001';
    expect(await heldFor(makeGrant([budget]))).toBe(250n);
    expect(await heldFor(makeGrant([budget, 'user:usd:day=5']))).toBe(900n);
    expect(await heldFor(makeGrant([budget, 'token:usd:total=5']))).toBe(900n);
    expect(await heldFor(bareKeyGrant(budget))).toBe(900n);
  });
});
