import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { countRequest } from '../../../core/account/count-request.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Person } from '../../../core/wallet/person.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeMemoryWallets } from '../../support/memory-wallets.ts';
import {
  bareKeyGrant,
  fixedRandom,
  makeGrant,
  makeHold,
  makeManualClock,
  NOW_MS,
  userGrant,
} from '../../support/wallet-fixtures.ts';

function start() {
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  let requests = 0;
  const random = {
    ...fixedRandom,
    uuid: () => {
      requests += 1;
      return `request-${requests}`;
    },
  };
  const ports = { wallets, usage, clock: makeManualClock(), random };
  return {
    ...ports,
    count: (grant: Grant) => countRequest(grant, ports),
    codeOf: (grant: Grant) =>
      countRequest(grant, ports).then(
        () => 'counted',
        (error) => error.code,
      ),
    /** Five dollars today, by another request. */
    spend: (grant: Grant) =>
      wallets.reserve({
        hold: makeHold({ walletId: walletIdOf(grant) }),
        counters: [{ name: 'usd:day:2026-11-20', add: 5_000_000_000n }],
        inFlightMax: 9,
      }),
    walletOf: (grant: Grant) => wallets.find(walletIdOf(grant)),
    setPerson: (grant: Grant, person: Partial<Person>) =>
      wallets.people.change({
        walletId: walletIdOf(grant),
        listedUnder: 'k',
        seenRev: undefined,
        person: { rev: 'rev1', limits: [], creditNanoUsd: 0n, isBlocked: false, ...person },
        texts: {},
        idempotencyKey: 'i1',
        digest: 'd1',
        nowMs: NOW_MS,
        forget: [],
      }),
  };
}

describe('a request to an account route', () => {
  // guarantee: account-routes-counted
  test('counts against the rate of its user, with a row that costs nothing, and holds nothing afterwards', async () => {
    const { codeOf, walletOf, usage } = start();
    const ada = userGrant('ada', 'user:requests:minute=2');

    expect([await codeOf(ada), await codeOf(ada), await codeOf(ada)]).toEqual([
      'counted',
      'counted',
      'rate_limit_exceeded',
    ]);

    const wallet = await walletOf(ada);
    expect([...(wallet?.counters ?? [])].filter(([, amount]) => amount > 0n)).toEqual([
      [expect.stringMatching(/^requests:minute:/), 2n],
    ]);
    expect(wallet?.holds.size).toBe(0);
    expect([...usage.rows.values()]).toMatchObject([
      { status: 'exact', cost: { usd: 0n, tokens: 0n }, identity: { id: 'ada' } },
      { status: 'exact', cost: { usd: 0n, tokens: 0n }, identity: { id: 'ada' } },
    ]);
  });

  test('counts against a rate of the whole key, whoever sends it', async () => {
    const { codeOf } = start();
    expect(await codeOf(userGrant('ada', 'key:requests:minute=1'))).toBe('counted');
    expect(await codeOf(userGrant('bob', 'key:requests:minute=1'))).toBe('rate_limit_exceeded');
  });

  test.each([
    ['without a limit', makeGrant([])],
    ['with limits of money and tokens alone', makeGrant(['user:usd:day=1', 'user:tokens:day=9'])],
    ['of the key itself', bareKeyGrant('key:requests:minute=1')],
  ])('by a caller %s touches no table', async (_who, grant) => {
    const { count, walletOf, usage } = start();
    await count(grant);
    await count(grant);
    expect(await walletOf(grant)).toBeUndefined();
    expect(usage.rows.size).toBe(0);
  });

  test('is answered for a user whose money is gone', async () => {
    const { codeOf, spend } = start();
    const ada = userGrant('ada', 'user:requests:minute=1', 'user:usd:day=1');
    await spend(ada);
    expect([await codeOf(ada), await codeOf(ada)]).toEqual(['counted', 'rate_limit_exceeded']);
  });

  test('is answered for a user who is blocked', async () => {
    const { codeOf, setPerson } = start();
    const ada = userGrant('ada', 'user:requests:minute=1');
    await setPerson(ada, { isBlocked: true });
    expect([await codeOf(ada), await codeOf(ada)]).toEqual(['counted', 'counted']);
  });

  test('is answered for a user whose own limit of money is spent', async () => {
    const { codeOf, setPerson, spend } = start();
    const ada = userGrant('ada', 'user:requests:minute=1');
    const own = { per: 'user', unit: 'usd', window: 'day', amount: 1n } as const;
    await spend(ada);
    await setPerson(ada, { limits: [own] });
    expect(await codeOf(ada)).toBe('counted');
  });

  test("counts against a person's own limit in place of the key's", async () => {
    const { codeOf, setPerson } = start();
    const ada = userGrant('ada', 'user:requests:minute=9');
    const own = { per: 'user', unit: 'requests', window: 'minute', amount: 1n } as const;
    const money = { per: 'user', unit: 'usd', window: 'day', amount: 0n } as const;
    await setPerson(ada, { limits: [own, money] });
    expect([await codeOf(ada), await codeOf(ada)]).toEqual(['counted', 'rate_limit_exceeded']);
  });

  test("counts against a person's own limit where the key has none", async () => {
    const { codeOf, setPerson } = start();
    const ada = userGrant('ada');
    const own = { per: 'user', unit: 'requests', window: 'minute', amount: 1n } as const;
    await setPerson(ada, { limits: [own] });
    expect([await codeOf(ada), await codeOf(ada)]).toEqual(['counted', 'rate_limit_exceeded']);
    expect(await codeOf(userGrant('bob'))).toBe('counted');
  });

  test('is refused for a revoked token', async () => {
    const { codeOf, wallets } = start();
    const grant = makeGrant(['user:requests:minute=9']);
    if (grant.token) wallets.revokeToken(walletIdOf(grant), grant.token.id);
    expect(await codeOf(grant)).toBe('token_revoked');
  });
});
