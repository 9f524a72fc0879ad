import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import type { ErrorCode } from '../../../core/base/errors.ts';
import { asTokenId } from '../../../core/base/ids.ts';
import type { Amounts } from '../../../core/wallet/hold.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  type ManualClock,
  makeGrant,
  makeReserveRequests,
  makeRow,
  NOW_MS,
  refusalOf,
  TOKEN_ID,
  usd,
} from '../../support/wallet-fixtures.ts';

const USD = 1_000_000_000;

let clock: ManualClock;
let wallets: MemoryWallets;
let ports: SettlePorts;

beforeEach(() => {
  const made = makeMemoryPorts();
  ({ clock, wallets } = made);
  ports = made;
});

const ask = makeReserveRequests(() => clock);

describe('a refusal', () => {
  const fill = async (grant: Grant, amounts: Amounts, isSettled: boolean) => {
    const { hold } = await reserve(ask(grant, 'first', amounts), ports);
    if (isSettled) await settle(hold, makeRow(hold, amounts), ports);
  };

  test.each<[string, string[], Amounts, boolean, ErrorCode, number | undefined]>([
    ['money that is spent', ['token:usd:total=1'], usd(USD), true, 'insufficient_quota', undefined],
    ['money that others hold', ['token:usd:total=1'], usd(USD), false, 'budget_in_use', 3],
    [
      'requests of this minute',
      ['user:requests:minute=1'],
      usd(1),
      true,
      'rate_limit_exceeded',
      60,
    ],
    [
      'requests of this hour',
      ['user:requests:hour=1'],
      usd(1),
      true,
      'rate_limit_exceeded',
      undefined,
    ],
    [
      'requests for ever',
      ['user:requests:total=1'],
      usd(1),
      true,
      'rate_limit_exceeded',
      undefined,
    ],
    [
      'tokens of this minute',
      ['user:tokens:minute=100'],
      usd(1, 100n),
      true,
      'rate_limit_exceeded',
      60,
    ],
    [
      'tokens that others hold',
      ['user:tokens:day=100'],
      usd(1, 100n),
      false,
      'rate_limit_exceeded',
      undefined,
    ],
  ])(
    'for %s says if and when to retry',
    async (_what, limits, amounts, isSettled, code, retryAfter) => {
      const grant = makeGrant(limits);
      await fill(grant, amounts, isSettled);

      const error = await refusalOf(reserve(ask(grant, 'r2', usd(1, 1n)), ports));

      expect(error.code).toBe(code);
      expect(error.facts.retryAfterSeconds).toBe(retryAfter);
    },
  );

  test.each<[string, string, Amounts, Amounts, ErrorCode]>([
    [
      'held in the month and gone for the day',
      'user:usd:day=2',
      usd(2 * USD),
      usd(USD),
      'insufficient_quota',
    ],
    [
      'held, where tokens are gone for the day',
      'user:tokens:day=10',
      usd(0, 10n),
      usd(3 * USD),
      'budget_in_use',
    ],
  ])('for money that is %s', async (_what, limit, spent, held, code) => {
    const grant = makeGrant(['user:usd:month=3', limit]);
    await fill(grant, spent, true);
    await reserve(ask(makeGrant(['user:usd:month=3']), 'other', held), ports);

    const error = await refusalOf(reserve(ask(grant, 'r3', usd(USD, 1n)), ports));

    expect(error.code).toBe(code);
  });

  test('waits for the end of the window and no longer', async () => {
    const grant = makeGrant(['user:requests:minute=1']);
    await fill(grant, usd(1), true);
    clock.advance(59_500);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(1)), ports));

    expect(error.facts.retryAfterSeconds).toBe(1);
    expect(error.facts.limit?.resetsAtMs).toBe(1_795_176_060_000);
  });

  test('shows the figures of the limit, in dollars', async () => {
    const grant = makeGrant(['user:usd:month=5', 'token:usd:total=1']);
    await fill(grant, usd(750_000_000), false);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(500_000_000)), ports));

    expect(error.message).toBe('What is left of the spending limit is held by requests in flight.');
    expect(error.facts.limit).toEqual({
      per: 'token',
      unit: 'usd',
      window: 'total',
      limitValue: 1,
      used: 0.75,
      reserved: 0.75,
      resetsAtMs: null,
    });
  });

  test('names the token before the user when both are full', async () => {
    const grant = makeGrant(['user:usd:month=1', 'token:usd:day=1']);
    await fill(grant, usd(USD), true);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(1)), ports));

    expect(error.facts.limit).toMatchObject({ per: 'token', window: 'day' });
    expect(error.facts.limit?.resetsAtMs).toBe(1_795_219_200_000);
  });

  // guarantee: amount-above-limit
  test('of an amount above the limit itself writes nothing and is "insufficient_quota"', async () => {
    const grant = makeGrant(['token:usd:total=1']);

    const error = await refusalOf(reserve(ask(grant, 'r1', usd(USD + 1)), ports));

    expect(error.code).toBe('insufficient_quota');
    expect(error.facts.limit).toMatchObject({ limitValue: 1, used: 0, reserved: 0 });
    expect(await wallets.find(walletIdOf(grant))).toBeUndefined();
  });

  test('for too many at once names the unit "concurrency"', async () => {
    const grant = makeGrant([]);
    await reserve(ask(grant, 'r1', usd(1)), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(1), { inFlightMax: 1 }), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.facts).toEqual({
      retryAfterSeconds: 1,
      limit: {
        per: 'user',
        unit: 'concurrency',
        window: 'now',
        limitValue: 1,
        used: 1,
        reserved: 1,
        resetsAtMs: null,
      },
    });
  });

  test('comes after 128 requests of one payer at once', async () => {
    const { identity: _identity, ...grant } = makeGrant([]);
    for (let index = 0; index < 128; index += 1)
      await reserve(ask(grant, `r${index}`, usd(1)), ports);

    const error = await refusalOf(reserve(ask(grant, 'r128', usd(1)), ports));

    expect(error.facts.limit).toMatchObject({ per: 'token', limitValue: 128, used: 128 });
  });

  test.each([
    ['revoked', () => wallets.revokeToken(walletIdOf(makeGrant([])), TOKEN_ID)],
    ['issued before "notBefore"', () => wallets.setNotBefore(walletIdOf(makeGrant([])), NOW_MS)],
  ])(
    'of a token that was %s is "token_revoked", whatever else would refuse it',
    async (_what, revoke) => {
      revoke();

      const error = await refusalOf(
        reserve(
          ask(makeGrant(['token:usd:total=1']), 'r1', usd(2 * USD), { inFlightMax: 0 }),
          ports,
        ),
      );

      expect([error.code, error.status]).toEqual(['token_revoked', 401]);
    },
  );

  test.each([
    ['revoked', () => wallets.revokeToken(walletIdOf(makeGrant([])), TOKEN_ID)],
    [
      'issued at "notBefore"',
      () => wallets.setNotBefore(walletIdOf(makeGrant([])), NOW_MS - 60_000),
    ],
  ])('of a token that was %s needs no other reason', async (_what, revoke) => {
    revoke();

    const error = await refusalOf(reserve(ask(makeGrant([]), 'r1', usd(1)), ports));

    expect(error.code).toBe('token_revoked');
    expect((await wallets.find(walletIdOf(makeGrant([]))))?.inFlight).toBe(0);
  });

  test('of one token leaves the other tokens of the user alone', async () => {
    const grant = makeGrant([]);
    wallets.revokeToken(walletIdOf(grant), asTokenId('another'));

    await expect(reserve(ask(grant, 'r1', usd(1)), ports)).resolves.toBeDefined();
  });

  test('by a wallet that has room is an outage', async () => {
    const odd: Wallets = {
      ...wallets,
      reserve: async () => ({ written: false, wallet: undefined, writeUnits: 1 }),
    };

    const error = await refusalOf(
      reserve(ask(makeGrant([]), 'r1', usd(1)), { ...ports, wallets: odd }),
    );

    expect(error.code).toBe('service_unavailable');
  });
});
