import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePeople } from '../../../adapters/dynamodb/people.ts';
import { sizeOf } from '../../../adapters/dynamodb/values.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { asWalletId } from '../../../core/base/ids.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { makeHold, NOW_MS } from '../../support/wallet-fixtures.ts';

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

  test('has the size that the table bills: names, and values by their kind', () => {
    const item = {
      pk: { S: 'k#uä' },
      'usd:total': { N: '123456' },
      m0: { B: Buffer.alloc(38).toString('base64') },
      blocked: { N: '1' },
    };

    expect(sizeOf(item)).toBe(2 + 5 + 9 + 4 + 2 + 38 + 7 + 2);
  });
});
