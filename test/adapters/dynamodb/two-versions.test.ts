/**
 * Items of wallets as this version and the one before write and read them. test/fixtures/wallets/reader-before.js is the
 * reader of the version before, bundled; nothing makes it anew.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePeople } from '../../../adapters/dynamodb/people.ts';
import { type Item, parseItem } from '../../../adapters/dynamodb/values.ts';
import { parseWallet } from '../../../adapters/dynamodb/wallet-item.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { asKeyId, asWalletId, type WalletId } from '../../../core/base/ids.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { makeHold, NOW_MS, TOKEN_ID, usd } from '../../support/wallet-fixtures.ts';

const { walletsTable } = TABLE_NAMES;
const READER = new URL('../../fixtures/wallets/reader-before.js', import.meta.url).href;

let tables: Awaited<ReturnType<typeof startTables>>;
let readBefore: (item: Item) => Wallet;
beforeAll(async () => {
  tables = await startTables();
  ({ parseWallet: readBefore } = await import(READER));
});
afterAll(() => tables.close());

async function readItem(walletId: WalletId): Promise<Item> {
  const input = { TableName: walletsTable, Key: { pk: { S: walletId } } };
  const item = parseItem((await tables.call('GetItem', input)).Item);
  if (item === undefined) throw new TypeError('expected an item');
  return item;
}

/** A wallet with everything that this version writes into one. */
async function makeFullWallet(walletId: WalletId): Promise<void> {
  const wallets = makeWallets(tables.call, walletsTable);
  const person = { rev: 'r1', limits: [], creditNanoUsd: 5n, isBlocked: false };
  await makePeople(tables.call, walletsTable).change({
    walletId,
    listedUnder: 'k',
    seenRev: undefined,
    person,
    texts: {},
    idempotencyKey: 'i1',
    digest: 'd',
    nowMs: NOW_MS,
    forget: [],
  });
  const [settled, held] = [
    makeHold({ walletId }),
    makeHold({ walletId, requestId: 'r2' as never }),
  ];
  for (const hold of [settled, held]) {
    const counters = [{ name: 'usd:total', add: hold.amounts.usd }];
    const listing = { listedUnder: 'k', seenDay: '2026-11-20', seenRev: 'r1' };
    const token = { tokenId: TOKEN_ID, tokenKeepUntilMs: NOW_MS };
    await wallets.reserve({ hold, counters, inFlightMax: 9, ...listing, ...token });
  }
  const prompt = { hashes: ['00000000000000aa'], inputTokens: 7, modelTag: '0001' };
  const remember = { slot: 0, prompt, salt: '0000000000000001' };
  await wallets.settle({ hold: settled, counters: [], drop: [], dropTokens: [], remember });
  const lowered = { amounts: usd(1, 1n), counters: [], slices: [] };
  await wallets.giveBack({ hold: held, ...lowered });
  await wallets.claimCount(walletId, NOW_MS);
}

describe('an item of this version', () => {
  test('reads in the version before as it does here, apart from what is new', async () => {
    const id = asWalletId('k#ufull');
    await makeFullWallet(id);
    const item = await readItem(id);

    const { memory, person, seenDay, bytes: _bytes, holds, ...known } = parseWallet(item);

    expect(readBefore(item)).toEqual({ ...known, holds: new Map() });
    expect([holds.size, known.inFlight]).toEqual([1, 1]);
    expect([memory?.prompts.size, person?.creditNanoUsd, seenDay]).toEqual([1, 5n, '2026-11-20']);
  });

  test('keeps its due mark after a sweep of the version before, which closes none of its holds', async () => {
    const id = asWalletId('k#uswept');
    const wallets = makeWallets(tables.call, walletsTable);
    const hold = makeHold({ walletId: id });
    await wallets.reserve({ hold, counters: [], inFlightMax: 9 });
    const { dueAtMs = 0, holds } = readBefore(await readItem(id));

    const moved = await wallets.moveDue(id, dueAtMs, undefined);

    expect([dueAtMs, holds.size, moved]).toEqual([hold.leaseEndsAtMs, 0, false]);
  });

  test('of a personal key is closed by no version but one that knows the key of its hold', async () => {
    const id = asWalletId('p1#ushared');
    const hold = makeHold({ walletId: id, keyId: asKeyId('laptop') });
    await makeWallets(tables.call, walletsTable).reserve({ hold, counters: [], inFlightMax: 9 });
    const item = await readItem(id);

    expect(readBefore(item).holds.size).toBe(0);
    expect(parseWallet(item).holds.get(hold.requestId)?.keyId).toBe('laptop');
  });

  test('that was moved has no room for a request of the version before', async () => {
    const id = asWalletId('k#umoves');
    const wallets = makeWallets(tables.call, walletsTable);
    await wallets.claimCount(id, NOW_MS);
    const from = await wallets.find(id);
    if (from === undefined) throw new TypeError('expected a wallet');
    const to = asWalletId('k#uto');
    const nothing = { counters: new Map(), slices: new Map() };
    await wallets.moveWallet({ from, to, seen: {}, joined: {}, ...nothing });

    expect(readBefore(await readItem(id)).inFlight).toBeGreaterThan(1_000);
  });
});

describe('an item of the version before', () => {
  const item: Item = {
    pk: { S: 'k#uold' },
    'usd:total': { N: '100000000' },
    't:tokenA:usd:total': { N: '100000000' },
    'x:tokenA': { N: '1795824000000' },
    'revoked:tokenB': { N: '1' },
    notBefore: { N: '1795176000000' },
    'h:r1': { S: '2|mwoxfuo0|mwoxz540|1njchs|2s|tokenA|hz' },
    inFlight: { N: '1' },
    due: { S: '3' },
    dueAt: { N: '1795176900000' },
    'left:usd:month:2026-11': { N: '7' },
    'in:usd:month:2026-11': { N: '9' },
    'cap:usd:month:2026-11': { N: '1000' },
    draws: { N: '1' },
    slices: { S: 'k' },
  };

  test('reads here as it does there', () => {
    const { bytes: _bytes, ...known } = parseWallet(item);
    const former = readBefore(item);

    const [hold] = [...former.holds.values()];
    const formerText = '2|mwoxfuo0|mwoxz540|1njchs|2s|tokenA|hz';
    expect(known).toEqual({ ...former, holds: new Map([['r1', { ...hold, formerText }]]) });
  });

  test('has a hold that is settled here', async () => {
    await tables.call('PutItem', { TableName: walletsTable, Item: item });
    const wallets = makeWallets(tables.call, walletsTable);
    const [hold] = (await wallets.find(asWalletId('k#uold')))?.holds.values() ?? [];
    if (hold === undefined) throw new TypeError('expected a hold');

    const { written } = await wallets.settle({ hold, counters: [], drop: [], dropTokens: [] });

    expect(written).toBe(true);
  });
});
