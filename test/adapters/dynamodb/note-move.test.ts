import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { makePeople } from '../../../adapters/dynamodb/people.ts';
import { readItem, sets, updateItem } from '../../../adapters/dynamodb/update.ts';
import { toNumber, toText } from '../../../adapters/dynamodb/values.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { asWalletId, type WalletId } from '../../../core/base/ids.ts';
import { noteIdOf } from '../../../core/wallet/people.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { makeHold } from '../../support/wallet-fixtures.ts';

const TABLE = TABLE_NAMES.walletsTable;
let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

const NAMES = { name: 'Ann@X.edu', source: 'token', email: 'ann@x.edu' };
const DONE = 'a:usd:month:2026-11:10:50';
const PENDING = 'a:usd:month:2026-11:10:80';

/** A wallet that spent nothing, with a note beside it. */
async function makeFormer(name: string): Promise<WalletId> {
  const walletId = asWalletId(`key#u${name}`);
  const wallets = makeWallets(tables.call, TABLE);
  const hold = makeHold({ walletId });
  await wallets.reserve({ hold, counters: [], inFlightMax: 1 });
  await wallets.settle({ hold, counters: [], drop: [], dropTokens: [] });
  await makePeople(tables.call, TABLE).introduce(walletId, NAMES);
  return walletId;
}

async function move(from: WalletId, to: WalletId, call: AwsCall = tables.call): Promise<boolean> {
  const wallets = makeWallets(call, TABLE);
  const seen = await wallets.find(from);
  if (seen === undefined) throw new TypeError('expected a wallet');
  const nothing = { counters: new Map(), slices: new Map() };
  return wallets.moveWallet({ from: seen, to, seen: {}, joined: {}, ...nothing });
}

// guarantee: note-moves-once
test('a note that was forgotten since it was read is not carried with its names', async () => {
  const from = await makeFormer('forgotten');
  const to = asWalletId('key#uforgotten2');
  const people = makePeople(tables.call, TABLE);
  const forgetting: AwsCall = async (operation, ...rest) => {
    if (operation === 'TransactWriteItems') await people.forget(from, { changes: new Map() });
    return tables.call(operation, ...rest);
  };
  expect(await move(from, to, forgetting)).toBe(false);
  expect(await move(from, to)).toBe(true);
  expect(await people.findNote(to)).toBeUndefined();
});

test('an alert that was sent is known beside the other wallet, and one on its way stays to be sent', async () => {
  const from = await makeFormer('alerted');
  const to = asWalletId('key#ualerted2');
  const set = [
    sets(DONE, toNumber(7)),
    sets(PENDING, toText('an alert')),
    sets('due', toText('1')),
  ];
  await updateItem(tables.call, TABLE, noteIdOf(from), { set });
  expect(await move(from, to)).toBe(true);
  const [former, other] = await Promise.all(
    [from, to].map((id) => readItem(tables.call, TABLE, noteIdOf(id))),
  );
  expect(Object.keys(former ?? {}).sort()).toEqual([PENDING, 'due', 'pk']);
  expect(other).toEqual({
    pk: { S: noteIdOf(to) },
    source: { S: 'token' },
    email: { S: 'ann@x.edu' },
    [DONE]: { N: '7' },
  });
});
