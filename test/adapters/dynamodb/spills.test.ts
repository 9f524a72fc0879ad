/**
 * A user with many tokens, on the table itself: what a request costs in write units, and that each token is counted once.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeUsageRows } from '../../../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import type { Grant } from '../../../core/access/grant.ts';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { findWithTokens } from '../../../core/wallet/spills.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import {
  fixedRandom,
  makeGrant,
  makeManualClock,
  makeRow,
  NOW_MS,
  refusalOf,
  usd,
} from '../../support/wallet-fixtures.ts';

const { walletsTable, usageTable } = TABLE_NAMES;
const CENT = 10_000_000;
const DAY_MS = 86_400_000;

let tables: Awaited<ReturnType<typeof startTables>>;
let ports: SettlePorts;
const clock = makeManualClock();
beforeAll(async () => {
  tables = await startTables();
  ports = {
    wallets: makeWallets(tables.call, walletsTable),
    usage: makeUsageRows(tables.call, usageTable, () => clock.nowMs()),
    clock,
    random: fixedRandom,
  };
});
afterAll(() => tables.close());

/** A token of 2.5 cents, of a user with a limit for the month. */
const grantOf = (user: string, token: string): Grant =>
  makeGrant(['token:usd:total=0.025', 'user:usd:month=500'], {
    identity: { source: 'token', issuer: '', id: user },
    token: {
      id: asTokenId(token.padEnd(22, '-')),
      issuedAtMs: NOW_MS - 60_000,
      expiresAtMs: NOW_MS + DAY_MS,
      revoked: false,
    },
  });

let count = 0;
/** One request of a cent. @returns its write units */
async function request(grant: Grant): Promise<number> {
  count += 1;
  const requestId = asRequestId(`00000000-0000-4000-8000-${String(count).padStart(12, '0')}`);
  const leaseEndsAtMs = NOW_MS + 900_000;
  const { hold, writeUnits } = await reserve(
    { grant, requestId, amounts: usd(CENT), leaseEndsAtMs },
    ports,
  );
  const settled = await settle(hold, makeRow(hold, usd(CENT)), ports);
  return writeUnits + settled.writeUnits;
}

describe('a user with many tokens', () => {
  // guarantee: wallet-stays-small
  test('pays 3 write units a request for a token in use, and at most 6.5 for each first of a new one', async () => {
    const first: number[] = [];
    for (let index = 0; index < 48; index += 1) {
      first.push(await request(grantOf('ada', `t${index}`)));
    }
    const warm = await request(grantOf('ada', 't47'));

    expect(Math.max(...first)).toBeLessThanOrEqual(6.5);
    expect(warm).toBe(3);
    const wallet = await ports.wallets.find(walletIdOf(grantOf('ada', 't0')));
    expect(wallet?.tokenKeepUntilMs.size).toBe(8);
    expect(wallet?.bytes).toBeLessThan(1_000);
    expect(wallet?.counters.get('usd:total')).toBe(490_000_000n);
  });

  // guarantee: token-counted-once
  test('has one allowance for two tokens of one jti, the second first shown after the first ended', async () => {
    const first = grantOf('eve', 'shared');
    await request(first);
    // Its mark is the earliest, so it leaves first.
    clock.advance(DAY_MS);
    for (let index = 0; index < 9; index += 1) await request(grantOf('eve', `t${index}`));
    const wallet = await ports.wallets.find(walletIdOf(first));
    expect(first.token && wallet?.tokenKeepUntilMs.has(first.token.id)).toBe(false);
    clock.advance(DAY_MS);
    const issuedAtMs = NOW_MS + 2 * DAY_MS;
    const token = { issuedAtMs, expiresAtMs: issuedAtMs + DAY_MS, revoked: false };
    const second = { ...first, token: { ...token, id: asTokenId('shared'.padEnd(22, '-')) } };

    await request(second);

    expect((await refusalOf(request(second))).code).toBe('insufficient_quota');
    clock.advance(-2 * DAY_MS);
  });

  // guarantee: token-counted-once
  test('has one allowance for a token that left the wallet and is shown again', async () => {
    const old = grantOf('bob', 'old');
    await request(old);
    for (let index = 0; index < 20; index += 1) await request(grantOf('bob', `t${index}`));
    const id = walletIdOf(old);
    expect(
      (await ports.wallets.find(id))?.tokenKeepUntilMs.has(asTokenId('old'.padEnd(22, '-'))),
    ).toBe(false);
    const seen = await findWithTokens(ports.wallets, id, [asTokenId('old'.padEnd(22, '-'))]);
    expect(seen?.counters.get(`t:${old.token?.id}:usd:total`)).toBe(10_000_000n);

    await request(old);

    expect((await refusalOf(request(old))).code).toBe('insufficient_quota');
  });
});
