import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePeople } from '../../../adapters/dynamodb/people.ts';
import { parseWallet } from '../../../adapters/dynamodb/wallet-item.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { asRequestId, asTokenId, asWalletId } from '../../../core/base/ids.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { makeHold, NOW_MS, usd } from '../../support/wallet-fixtures.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

describe('the item of a wallet', () => {
  // guarantee: moved-wallet-admits-nothing
  test('admits nothing and no change once it was moved', async () => {
    const walletId = asWalletId('k#umoved');
    const { walletsTable } = TABLE_NAMES;
    const Item = { pk: { S: walletId }, movedTo: { S: 'k#uother' } };
    await tables.call('PutItem', { TableName: walletsTable, Item });
    const change = {
      walletId,
      listedUnder: 'k',
      seenRev: undefined,
      person: { rev: 'r', limits: [], creditNanoUsd: 0n, isBlocked: true },
      texts: {},
      idempotencyKey: 'i1',
      digest: 'd',
      nowMs: NOW_MS,
      forget: [],
    };

    const held = await makeWallets(tables.call, walletsTable).reserve({
      hold: makeHold({ walletId }),
      counters: [],
      inFlightMax: 1,
    });
    const changed = await makePeople(tables.call, walletsTable).change(change);

    expect(held).toMatchObject({ written: false, wallet: { movedTo: 'k#uother' } });
    expect(changed).toBe('record-changed');
  });

  // guarantee: hold-is-short
  test('costs one write unit with 14 requests in flight, and four with 64', async () => {
    const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
    const walletId = asWalletId(`${'k'.repeat(22)}#u${'a'.repeat(22)}`);
    const tokenId = asTokenId('0123456789abcdefABCDEF');
    const counters = [
      'usd:total',
      'usd:month:2026-11',
      'requests:day:2026-11-20',
      `t:${tokenId}:usd:total`,
    ].map((name) => ({ name, add: 1_000_000n }));
    const token = { tokenId, tokenKeepUntilMs: NOW_MS };
    const listing = { listedUnder: 'k'.repeat(22), seenDay: '2026-11-20' };
    const units: number[] = [];
    for (let index = 1; index <= 64; index += 1) {
      const requestId = asRequestId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);
      const hold = makeHold({ walletId, requestId, tokenId, amounts: usd(120_000_000, 12_000n) });
      const held = await wallets.reserve({
        ...{ hold, counters, inFlightMax: 64 },
        ...{ ...token, ...listing },
      });
      units.push(held.writeUnits);
    }

    expect([units[13], units[63]]).toEqual([1, 4]);
    const holds = (await wallets.find(walletId))?.holds.values() ?? [];
    expect(new Set([...holds].map((hold) => hold.tokenId))).toEqual(new Set([tokenId]));
  });

  test('has the size that the table bills: names, and values by their kind', () => {
    const item = {
      pk: { S: 'k#uä' },
      'usd:total': { N: '123456' },
      m0: { B: Buffer.alloc(38).toString('base64') },
      blocked: { N: '1' },
    };

    expect(parseWallet(item).bytes).toBe(2 + 5 + 9 + 4 + 2 + 38 + 7 + 2);
  });
});
