import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AwsCall, AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeUsageRows } from '../../../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { DUE_SHARDS } from '../../../adapters/table-schema.ts';
import type { Grant } from '../../../core/access/grant.ts';
import { asPoolId, asRequestId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { makeFaultyCall, makeSeededFraction } from '../../support/faulty.ts';
import {
  fixedRandom,
  makeGrant,
  makeHold,
  makeManualClock,
  makeRow,
  NOW_MS,
  usd,
} from '../../support/wallet-fixtures.ts';

const { walletsTable, usageTable } = TABLE_NAMES;
const REQUESTS = 300;
const CENT = 10_000_000;

let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

const makePorts = (call: AwsCall, clock = makeManualClock()): SettlePorts => ({
  wallets: makeWallets(call, walletsTable),
  usage: makeUsageRows(call, usageTable, () => clock.nowMs()),
  clock,
  random: fixedRandom,
});

/** A token of a dollar, in the wallet of a user of its own. */
const grantOf = (user: string): Grant =>
  makeGrant(['token:usd:total=1', 'user:usd:month=1.5'], {
    identity: { source: 'token', issuer: '', id: user },
  });

/** Sums the rows of a wallet by the table's own numbers. */
async function readRows(grant: Grant) {
  const { Items } = await tables.call('Scan', { TableName: usageTable });
  const items = (Array.isArray(Items) ? Items : []).filter(
    (item) => item.wallet.S === walletIdOf(grant),
  );
  // A try that the table did not answer in time leaves a row at zero: its request was refused.
  const charged = items.filter((item) => item.status.S !== 'released');
  const cost: bigint = items.reduce((sum, item) => sum + BigInt(item.costNanoUsd.N), 0n);
  return { count: charged.length, cost };
}

interface Crowd {
  readonly admitted: number;
  readonly refused: ReadonlySet<string>;
  readonly mostUsed: bigint;
}

/** 300 requests at once, each a cent, each costing exactly its hold; some die between reserve and settle. */
async function rush(
  grant: Grant,
  ports: SettlePorts,
  dies: (index: number) => boolean,
): Promise<Crowd> {
  const refused = new Set<string>();
  let admitted = 0;
  let mostUsed = 0n;
  const one = async (index: number): Promise<void> => {
    const requestId = asRequestId(`${grant.identity?.id}-${index}`);
    const leaseEndsAtMs = NOW_MS + 900_000;
    const ask = { grant, requestId, amounts: usd(CENT), leaseEndsAtMs, inFlightMax: 1_000 };
    try {
      const { hold, limits } = await reserve(ask, ports);
      admitted += 1;
      for (const { used } of limits) mostUsed = used > mostUsed ? used : mostUsed;
      if (!dies(index)) await settle(hold, makeRow(hold, usd(CENT)), ports);
    } catch (error) {
      refused.add(error instanceof Error && 'code' in error ? String(error.code) : String(error));
    }
  };
  await Promise.all(Array.from({ length: REQUESTS }, (_, index) => one(index)));
  return { admitted, refused, mostUsed };
}

describe('300 requests at once on a token that affords 100', () => {
  test('are 100 served and 200 refused, and the wallet is exact', async () => {
    const grant = grantOf('plain');
    const ports = makePorts(tables.call);

    const { admitted, refused, mostUsed } = await rush(grant, ports, () => false);

    expect(admitted).toBe(100);
    expect([...refused].every((code) => /^(insufficient_quota|budget_in_use)$/.test(code))).toBe(
      true,
    );
    expect(mostUsed).toBe(1_000_000_000n);
    const wallet = await ports.wallets.find(walletIdOf(grant));
    expect(wallet?.counters.get('t:tokenA:usd:total')).toBe(1_000_000_000n);
    expect([wallet?.inFlight, wallet?.holds.size]).toEqual([0, 0]);
    expect(await readRows(grant)).toEqual({ count: 100, cost: 1_000_000_000n });
  });

  test('are 100 served also if a tenth dies and every tenth answer is lost', async () => {
    const grant = grantOf('faulty');
    const clock = makeManualClock();
    let calls = 0;
    const lossy = makeFaultyCall(tables.call, () => (++calls % 10 === 0 ? 'answer-lost' : 'none'));
    const ports = makePorts(lossy.call, clock);

    const { admitted, mostUsed } = await rush(grant, ports, (index) => index % 10 === 0);
    clock.advance(1_000_000);
    const steady = makePorts(tables.call, clock);
    const swept = await sweep(steady, { shards: DUE_SHARDS, deadlineAtMs: clock.nowMs() + 1_000 });

    expect(admitted).toBe(100);
    expect(mostUsed).toBe(1_000_000_000n);
    expect(swept).toMatchObject({ failed: 0, finished: true });
    await expectExact(grant, steady);
    expect((await readRows(grant)).cost).toBe(1_000_000_000n);
  });

  test('never spend more, whatever is lost or late', async () => {
    const grant = grantOf('lossy');
    const clock = makeManualClock();
    const draw = makeSeededFraction(1);
    const lossy = makeFaultyCall(tables.call, () => {
      const drawn = draw();
      return drawn < 0.05 ? 'late' : drawn < 0.1 ? 'dropped' : drawn < 0.2 ? 'answer-lost' : 'none';
    });
    const ports = makePorts(lossy.call, clock);

    const { admitted, mostUsed } = await rush(grant, ports, () => draw() < 0.1);
    await lossy.deliver();
    clock.advance(1_000_000);
    const steady = makePorts(tables.call, clock);
    await sweep(steady, { shards: DUE_SHARDS, deadlineAtMs: clock.nowMs() + 1_000 });

    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThanOrEqual(100);
    expect(mostUsed).toBeLessThanOrEqual(1_000_000_000n);
    await expectExact(grant, steady);
  });
});

/** Promise 3: with nothing in flight, each counter is the sum of the rows. */
async function expectExact(grant: Grant, { wallets }: SettlePorts): Promise<void> {
  const wallet = await wallets.find(walletIdOf(grant));
  const { cost } = await readRows(grant);
  expect([wallet?.inFlight, wallet?.holds.size, wallet?.dueAtMs]).toEqual([0, 0, undefined]);
  expect(wallet?.counters.get('t:tokenA:usd:total')).toBe(cost);
  expect(wallet?.counters.get('usd:total')).toBe(cost);
  expect(wallet?.counters.get('usd:month:2026-11')).toBe(cost);
}

test('a request of a token and a user takes two write units of the wallet and one of its row', async () => {
  const grant = grantOf('units');
  const ports = makePorts(tables.call);
  const ask = (id: string) => ({
    grant,
    requestId: asRequestId(id.padEnd(36, '0')),
    amounts: usd(CENT, 1_000n),
    leaseEndsAtMs: NOW_MS + 900_000,
  });
  const { hold: first } = await reserve(ask('u0'), ports);
  // The day's first row is marked in an index, which is one unit more where indexes are counted.
  await settle(first, makeRow(first, usd(CENT, 900n)), ports);
  for (const id of ['u1', 'u2', 'u3']) await reserve(ask(id), ports);

  const { hold, writeUnits } = await reserve(ask('u4'), ports);
  const settled = await settle(hold, makeRow(hold, usd(CENT, 900n)), ports);

  expect([writeUnits, settled.writeUnits]).toEqual([1, 2]);
});

test('a wallet is read consistently', async () => {
  const inputs: object[] = [];
  const { wallets } = makePorts(async (_operation, input) => {
    inputs.push(input);
    return {};
  });

  await wallets.find(makeHold().walletId);

  expect(inputs).toEqual([
    { TableName: 'wallets', Key: { pk: { S: 'k#uada' } }, ConsistentRead: true },
  ]);
});

describe('an outage', () => {
  const failing =
    (name: string, status: number): AwsCall =>
    async (operation) => {
      throw new AwsCallError(name, operation, status);
    };

  test.each([
    ['TimeoutError', 0, true],
    ['NetworkError', 0, true],
    ['ThrottlingException', 400, true],
    ['ProvisionedThroughputExceededException', 400, true],
    ['RequestLimitExceeded', 400, true],
    ['TransactionConflictException', 400, true],
    ['InternalServerError', 500, true],
    ['UnreadableResponse', 503, true],
    ['AccessDeniedException', 400, false],
    ['ResourceNotFoundException', 400, false],
    ['ValidationException', 400, false],
  ])('named %s is service_unavailable in every call', async (name, status, transient) => {
    const { wallets, usage } = makePorts(failing(name, status));
    const hold = makeHold();
    const { walletId } = hold;
    const outage = { code: 'service_unavailable', transient };

    await expect(wallets.reserve({ hold, counters: [], inFlightMax: 1 })).rejects.toMatchObject({
      ...outage,
      detail: `dynamodb UpdateItem: ${name} (${status})`,
    });
    const settlement = { hold, counters: [], drop: [], dropTokens: [] };
    await expect(wallets.settle(settlement)).rejects.toMatchObject(outage);
    await expect(wallets.find(walletId)).rejects.toMatchObject(outage);
    await expect(wallets.findDue(0, NOW_MS, 1)).rejects.toMatchObject(outage);
    await expect(wallets.moveDue(walletId, 1, undefined)).rejects.toMatchObject(outage);
    await expect(usage.put(makeRow(hold, usd(1)))).rejects.toMatchObject(outage);
  });

  // guarantee: conflict-retried
  test.each([
    [['None', 'TransactionConflict'], true],
    [['ThrottlingError', 'None'], true],
    [['ProvisionedThroughputExceeded', 'None'], true],
    [['None', 'ValidationError'], false],
  ])('includes a transaction that was cancelled for %j', async (codes, transient) => {
    const { wallets } = makePorts(async (operation) => {
      const CancellationReasons = codes.map((Code) => ({ Code }));
      throw new AwsCallError('TransactionCanceledException', operation, 400, {
        CancellationReasons,
      });
    });
    const poolId = asPoolId('pool#k#tokens:total');
    const ends = { poolId, walletId: makeHold().walletId, name: 'tokens:total', amount: 1n };
    const outage = { code: 'service_unavailable', transient };

    await expect(wallets.draw({ ...ends, seenIn: 0n })).rejects.toMatchObject(outage);
    await expect(wallets.recall({ ...ends, seenOut: 0n })).rejects.toMatchObject(outage);
  });

  test('leaves mistakes of our own as they are', async () => {
    const { wallets } = makePorts(async () => {
      throw new TypeError('a mistake');
    });

    await expect(wallets.find(makeHold().walletId)).rejects.toThrow(new TypeError('a mistake'));
  });
});
