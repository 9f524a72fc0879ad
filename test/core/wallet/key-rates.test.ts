import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asRequestId, asWalletId } from '../../../core/base/ids.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import type { SettlePorts } from '../../../core/wallet/settle.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import type { MemoryUsage } from '../../support/memory-usage.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  bareKeyGrant,
  type ManualClock,
  makeReserveRequests,
  refusalOf,
  usd,
  userGrant,
} from '../../support/wallet-fixtures.ts';

const KEY_WALLET = asWalletId('k#k');
const MINUTE = 'requests:minute:29919600';

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
let ports: SettlePorts;

beforeEach(() => {
  const made = makeMemoryPorts();
  ({ clock, wallets, usage } = made);
  ports = made;
});

const ask = makeReserveRequests(() => clock);
const keyCounter = async (name: string) => (await wallets.find(KEY_WALLET))?.counters.get(name);
const holdsOf = async (grant: Grant) => [
  (await wallets.find(walletIdOf(grant)))?.holds.size ?? 0,
  (await wallets.find(KEY_WALLET))?.holds.size ?? 0,
];

describe('a rate of the whole key', () => {
  test("is counted in the key wallet for every payer, beside the payer's own wallet", async () => {
    const [ada, bob] = [
      userGrant('ada', 'key:requests:minute=3'),
      userGrant('bob', 'key:requests:minute=3'),
    ];
    const first = await reserve(ask(ada, 'r1'), ports);
    await reserve(ask(bob, 'r2'), ports);

    expect(await keyCounter(MINUTE)).toBe(2n);
    expect((await wallets.find(walletIdOf(ada)))?.counters.has(MINUTE)).toBe(false);
    expect(first.limits).toEqual([]);
    expect(first.writeUnits).toBe(2);
    expect((await wallets.find(KEY_WALLET))?.holds.get(asRequestId('r1'))).toMatchObject({
      attempt: 1,
      payerId: walletIdOf(ada),
      counted: [{ per: 'key', unit: 'requests', window: 'minute' }],
    });
  });

  // guarantee: payer-hold-returned
  test("refuses the next request of any user, and gives back that user's hold", async () => {
    const limits = ['key:requests:minute=1', 'user:usd:month=5'];
    await reserve(ask(userGrant('ada', ...limits), 'r1'), ports);
    const bob = userGrant('bob', ...limits);

    const error = await refusalOf(reserve(ask(bob, 'r2'), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.facts).toEqual({
      retryAfterSeconds: 60,
      limit: {
        per: 'key',
        unit: 'requests',
        window: 'minute',
        resetsAtMs: 1_795_176_060_000,
      },
    });
    const wallet = await wallets.find(walletIdOf(bob));
    expect([wallet?.inFlight, wallet?.counters.get('usd:month:2026-11')]).toEqual([0, 0n]);
    expect(usage.rows.size).toBe(0);
  });

  test('shows its figures to a bare server key, whose hold is one write', async () => {
    const grant = bareKeyGrant('key:requests:minute=1', 'key:usd:hour=1');
    const { writeUnits } = await reserve(ask(grant, 'r1'), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2'), ports));

    expect(writeUnits).toBe(1);
    expect(await keyCounter(MINUTE)).toBe(1n);
    expect(error.facts.limit).toMatchObject({ per: 'key', limitValue: 1, used: 1, reserved: 1 });
  });

  test('counts users and the plain key together', async () => {
    await reserve(ask(userGrant('ada', 'key:requests:minute=2'), 'r1'), ports);
    await reserve(ask(bareKeyGrant('key:requests:minute=2'), 'r2'), ports);

    const error = await refusalOf(reserve(ask(bareKeyGrant('key:requests:minute=2'), 'r3'), ports));

    expect(error.facts.limit).toMatchObject({ per: 'key', used: 2 });
  });

  test('is named after the limits of token and user', async () => {
    const limits = ['key:requests:hour=1', 'user:requests:minute=1'];
    await reserve(ask(userGrant('ada', ...limits), 'r1'), ports);

    const own = await refusalOf(reserve(ask(userGrant('ada', ...limits), 'r2'), ports));
    const other = await refusalOf(reserve(ask(userGrant('bob', ...limits), 'r3'), ports));

    expect([own.facts.limit?.per, other.facts.limit?.per]).toEqual(['user', 'key']);
  });

  test('of several, the one that resets last is named', async () => {
    const grant = userGrant('ada', 'key:requests:minute=1', 'key:requests:hour=1');
    await reserve(ask(grant, 'r1'), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2'), ports));

    expect(error.facts.limit?.window).toBe('hour');
  });

  test('affords the rest of the rate', async () => {
    const grant = userGrant('ada', 'key:tokens:minute=100');
    await reserve(ask(grant, 'r1', usd(1, 70n)), ports);

    const { hold } = await reserve(
      ask(grant, 'r2', usd(1, 50n), { afford: ({ tokens = 0n }) => usd(1, tokens) }),
      ports,
    );

    expect(hold.amounts.tokens).toBe(30n);
    expect(hold.inKeyWallet).toMatchObject({ attempt: hold.attempt, amounts: { tokens: 30n } });
    expect(await holdsOf(grant)).toEqual([2, 2]);
  });

  test('refuses an amount above it without a write', async () => {
    const grant = userGrant('ada', 'key:tokens:minute=100');

    const error = await refusalOf(reserve(ask(grant, 'r1', usd(1, 101n)), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(await holdsOf(grant)).toEqual([0, 0]);
  });

  test('admits more than 128 requests at once, and a thousand at most', async () => {
    const limits = ['key:requests:minute=5000'];
    for (let index = 0; index < 1_000; index += 1) {
      await reserve(ask(userGrant(`u${index}`, ...limits), `r${index}`), ports);
    }

    const crowd = await refusalOf(reserve(ask(userGrant('late', ...limits), 'late'), ports));
    const bare = await refusalOf(reserve(ask(bareKeyGrant(...limits), 'bare'), ports));

    expect(crowd.facts.limit).toEqual({
      per: 'key',
      unit: 'concurrency',
      window: 'now',
      resetsAtMs: null,
    });
    expect(bare.facts.limit).toMatchObject({ unit: 'concurrency', limitValue: 1_000 });
  });
});
