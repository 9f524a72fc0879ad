import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { describeKey } from '../../../core/account/key-info.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeMemoryWallets } from '../../support/memory-wallets.ts';
import { MODEL_NAMES } from '../../support/model-names.ts';
import {
  fixedRandom,
  makeGrant,
  makeManualClock,
  makeRow,
  usd,
} from '../../support/wallet-fixtures.ts';

const LIMITS = ['key:usd:month=1', 'key:tokens:total=1000', 'key:requests:hour=9'];
const TENTH = 100_000_000;

let ports: SettlePorts;
beforeEach(() => {
  ports = {
    wallets: makeMemoryWallets(),
    usage: makeMemoryUsage(),
    clock: makeManualClock(),
    random: fixedRandom,
  };
});

const user = (name: string): Grant =>
  makeGrant(LIMITS, { identity: { source: 'token', issuer: '', id: name } });
const bareKey = (limits = LIMITS): Grant => {
  const { token: _token, identity: _identity, ...grant } = makeGrant(limits);
  return { ...grant, credential: 'key' };
};
async function spend(name: string, held: number, cost?: number): Promise<void> {
  const amounts = usd(held, 10n);
  const leaseEndsAtMs = ports.clock.nowMs() + 900_000;
  const requestId = asRequestId(name);
  const { hold } = await reserve({ grant: user(name), requestId, amounts, leaseEndsAtMs }, ports);
  if (cost !== undefined) await settle(hold, makeRow(hold, usd(cost, 4n)), ports);
}
const dataOf = async (grant: Grant) =>
  (await describeKey(grant, { ...ports, models: { names: MODEL_NAMES } })).data;

describe('the limits that a bare server key sees', () => {
  test('show what was spent and what is reserved: unused slices and requests in flight', async () => {
    await spend('ada', 4 * TENTH, TENTH);
    await spend('bob', 2 * TENTH);

    const { limits, limit, limit_remaining } = await dataOf(bareKey());

    expect(limits).toEqual([
      {
        per: 'key',
        unit: 'tokens',
        window: 'total',
        limit: 1_000,
        used: 40,
        reserved: 36,
        remaining: 960,
        percent: 0,
        resets_at: null,
      },
      {
        per: 'key',
        unit: 'usd',
        window: 'month',
        limit: 1,
        used: 0.6,
        reserved: 0.5,
        remaining: 0.4,
        percent: 10,
        resets_at: '2026-12-01T00:00:00.000Z',
      },
      {
        per: 'key',
        unit: 'requests',
        window: 'hour',
        limit: 9,
        used: 2,
        reserved: 1,
        remaining: 7,
        percent: 11,
        resets_at: '2026-11-20T13:00:00.000Z',
      },
    ]);
    expect([limit, limit_remaining]).toEqual([1, 0.4]);
  });

  test('show zero before the first request', async () => {
    expect((await dataOf(bareKey())).limits).toMatchObject([
      { used: 0, reserved: 0, remaining: 1_000 },
      { used: 0, reserved: 0, remaining: 1 },
      { used: 0, reserved: 0, remaining: 9 },
    ]);
  });

  test('include more wallets than one page', async () => {
    const limits = ['key:requests:day=200'];
    for (let index = 0; index < 150; index += 1) {
      const grant = { ...user(`u${index}`), limits: bareKey(limits).limits };
      const requestId = asRequestId(`r${index}`);
      const ask = { grant, requestId, amounts: usd(1), leaseEndsAtMs: 1 };
      await reserve(ask, ports);
    }

    const [limit] = (await dataOf(bareKey(limits))).limits;
    expect(limit?.reserved).toBe(limit?.used);
    expect(limit?.used).toBeGreaterThanOrEqual(150);
  });

  test.each([
    ['a scoped token', user('ada')],
    ['a personal key', { ...bareKey(), keyKind: 'personal' as const }],
    [
      'client access',
      { ...bareKey(), keyKind: 'client' as const, credential: 'client-access' as const },
    ],
  ])('are hidden from %s', async (_who, grant) => {
    await spend('ada', TENTH);

    expect(await dataOf(grant)).toMatchObject({ limits: [], limit: null });
  });
});
