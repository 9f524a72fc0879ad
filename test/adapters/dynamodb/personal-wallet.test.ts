/**
 * The shared wallet of a user's personal keys on the table: what a request reads and writes, and the move from wallets of
 * one key alone.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { makeLastSeen } from '../../../adapters/dynamodb/last-seen.ts';
import { makePeople } from '../../../adapters/dynamodb/people.ts';
import { makeUsageRows } from '../../../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import type { Grant } from '../../../core/access/grant.ts';
import { asKeyId, asRequestId, asWalletId, type KeyId } from '../../../core/base/ids.ts';
import { formerWalletIdsOf, walletIdOf } from '../../../core/wallet/payer.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { poolIdOf } from '../../../core/wallet/slices.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import {
  fixedRandom,
  makeGrant,
  makeManualClock,
  makeRow,
  NOW_MS,
  usd,
} from '../../support/wallet-fixtures.ts';

const { walletsTable, usageTable } = TABLE_NAMES;
const MONTH = 'usd:month:2026-11';

let tables: Awaited<ReturnType<typeof startTables>>;
let ports: SettlePorts;
let operations: string[];
let call: AwsCall;
let users = 0;
let requests = 0;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());
beforeEach(() => {
  operations = [];
  users += 1;
  call = (operation, ...rest) => {
    operations.push(operation);
    return tables.call(operation, ...rest);
  };
  ports = {
    wallets: makeWallets(call, walletsTable),
    usage: makeUsageRows(call, usageTable, () => NOW_MS),
    clock: makeManualClock(),
    random: fixedRandom,
  };
});

/** A personal key of this test's user. */
function grantOf(keyId: KeyId): Grant {
  const { token: _token, ...grant } = makeGrant(['user:usd:month=0.000000100']);
  const identity = { source: 'personal', issuer: '', id: `user ${users}` } as const;
  return { ...grant, keyId, keyKind: 'personal', credential: 'key', identity };
}
const [LAPTOP, DESKTOP] = [asKeyId('laptop'), asKeyId('desktop')];

async function request(grant: Grant, amount = 1): Promise<number> {
  requests += 1;
  const asked = {
    grant,
    requestId: asRequestId(`r${requests}`),
    amounts: usd(amount),
    leaseEndsAtMs: NOW_MS + 900_000,
    formerWalletIds: formerWalletIdsOf(grant),
  };
  const { hold, writeUnits } = await reserve(asked, ports);
  const settled = await settle(hold, makeRow(hold, usd(amount), { keyId: grant.keyId }), ports);
  return writeUnits + settled.writeUnits;
}

test('costs 3 write units a request and no read once the process knows the person, with an own limit too', async () => {
  await request(grantOf(LAPTOP));
  operations.length = 0;

  expect(await request(grantOf(LAPTOP))).toBe(3);
  expect(operations).toEqual(['UpdateItem', 'PutItem', 'UpdateItem']);

  await makePeople(call, walletsTable).change({
    walletId: walletIdOf(grantOf(LAPTOP)),
    listedUnder: 'p',
    seenRev: undefined,
    person: {
      rev: 'rev1',
      limits: [{ per: 'user', unit: 'usd', window: 'month', amount: 5n }],
      creditNanoUsd: 0n,
      isBlocked: false,
    },
    texts: {},
    idempotencyKey: 'i1',
    digest: 'd1',
    nowMs: NOW_MS,
    forget: [],
  });
  await request(grantOf(LAPTOP));
  operations.length = 0;
  expect(await request(grantOf(LAPTOP))).toBe(3);
  expect(operations).toEqual(['UpdateItem', 'PutItem', 'UpdateItem']);
  const wallet = await ports.wallets.find(walletIdOf(grantOf(LAPTOP)));
  expect(wallet?.bytes).toBeLessThan(400);
});

// guarantee: move-exact
test('has what both keys spent alone, what was taken of a key-wide budget included, however many move at once', async () => {
  const [laptop, desktop] = [grantOf(LAPTOP), grantOf(DESKTOP)];
  const [ofLaptop, ofDesktop] = [laptop, desktop].map((grant) => formerWalletIdsOf(grant)[0]);
  if (!ofLaptop || !ofDesktop) throw new TypeError('expected two wallets');
  const row = (id: typeof ofLaptop, keyId: KeyId) => ({ id, keyId });
  for (const { id, keyId } of [row(ofLaptop, LAPTOP), row(ofDesktop, DESKTOP)]) {
    const draw = { poolId: poolIdOf(keyId, MONTH), walletId: id, name: MONTH, limit: 100n };
    await ports.wallets.draw({ ...draw, amount: 7n, seenIn: 0n });
    const { tokenId: _token, ...hold } = {
      walletId: id,
      requestId: asRequestId(`of ${id}`),
      attempt: 1,
      reservedAtMs: NOW_MS,
      leaseEndsAtMs: NOW_MS + 900_000,
      amounts: usd(3),
      counted: [{ per: 'key', unit: 'usd', window: 'month' } as const],
      tokenId: undefined,
    };
    const slices = [{ name: MONTH, take: 3n, limit: 100n }];
    await ports.wallets.reserve({ hold, counters: [], slices, inFlightMax: 9 });
    await settle(hold, makeRow(hold, usd(3), { keyId, counted: hold.counted }), ports);
  }

  const outcomes = await Promise.allSettled(
    [laptop, desktop, laptop, desktop].map((grant) => request(grant)),
  );

  const served = BigInt(outcomes.filter(({ status }) => status === 'fulfilled').length);
  await request(laptop);
  await request(desktop);
  const shared = await ports.wallets.find(walletIdOf(laptop));
  expect(shared?.counters.get(MONTH)).toBe(6n + served + 2n);
  expect(shared?.slices.size).toBe(0);
  for (const id of [ofLaptop, ofDesktop]) {
    expect(await ports.wallets.find(id)).toMatchObject({ movedTo: shared?.id, slices: new Map() });
  }
});

test('looks for a former wallet again after a minute, because the version before may have made it', () => {
  let nowMs = NOW_MS;
  const seen = makeLastSeen(() => nowMs);
  const id = asWalletId('k#uformer');

  seen.note(id, undefined);
  expect(seen.find(id)).toEqual({ isMissing: true });
  nowMs += 60_000;
  expect(seen.find(id)).toBeUndefined();
});
