import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AwsCall, AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeKeyRecords } from '../../../adapters/dynamodb/key-records.ts';
import { makeKeyStore } from '../../../adapters/dynamodb/key-store.ts';
import { makeRevokedList } from '../../../adapters/dynamodb/revoked-list.ts';
import { recordPk } from '../../../adapters/table-schema.ts';
import { asKeyHash, asKeyId, asTokenId, shortDigest } from '../../../core/base/ids.ts';
import type { RevokedList } from '../../../core/keys/ports.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { SERVER_RECORD } from '../../support/memory-keys.ts';
import { makeManualClock, NOW_MS } from '../../support/wallet-fixtures.ts';

const DAY_MS = 86_400_000;
const TABLE = TABLE_NAMES.keysTable;
let tables: Awaited<ReturnType<typeof startTables>>;
let list: RevokedList;
beforeAll(async () => {
  tables = await startTables();
  list = makeRevokedList(tables.call, TABLE);
});
afterAll(() => tables.close());

/** A token id of 22 characters. */
const tokenOf = (number: number) => asTokenId(String(number).padStart(22, 'T'));

/** A key of that name, with elements on its list. */
async function createKey(name: string, elements: readonly string[] = []) {
  const id = asKeyId(name.padEnd(22, 'A'));
  await makeKeyStore(tables.call, TABLE_NAMES).create({
    ...SERVER_RECORD,
    name,
    id,
    keyHash: asKeyHash(name.padEnd(43, 'H')),
  });
  const Key = { pk: { S: recordPk('acct_test', shortDigest(name)) } };
  if (elements.length > 0) {
    await tables.call('UpdateItem', {
      TableName: TABLE,
      Key,
      UpdateExpression: 'SET revoked = :all',
      ExpressionAttributeValues: { ':all': { SS: elements } },
    });
  }
  const read = async () => {
    const { Item } = await tables.call('GetItem', { TableName: TABLE, Key, ConsistentRead: true });
    return (Item as { revoked?: { SS: string[] } }).revoked?.SS.sort();
  };
  return { key: { account: 'acct_test', keyId: id, keyName: name }, read };
}
const recordOf = (name: string) =>
  makeKeyRecords(tables.call, TABLE, makeManualClock()).findByName('acct_test', name);
const entry = (number: number, keepDays = 14) => ({
  tokenId: tokenOf(number),
  keepUntilMs: NOW_MS + keepDays * DAY_MS,
  nowMs: NOW_MS,
});

test('an added token is on the list and in the record, without its day', async () => {
  const { key, read } = await createKey('one');
  expect(await list.has(key, tokenOf(1))).toBe(false);
  await list.add(key, entry(1));
  await list.add(key, entry(1));

  expect(await list.has(key, tokenOf(1))).toBe(true);
  // 2026-12-05, the whole day after the instant.
  expect(await read()).toEqual(['TTTTTTTTTTTTTTTTTTTTT1:20792']);
  expect((await recordOf('one'))?.revoked).toEqual([tokenOf(1)]);
});

test('a token that is revoked again is kept longer, and in the record once', async () => {
  const { key, read } = await createKey('twice');
  await list.add(key, entry(1));
  await list.add(key, entry(1, 20));

  expect(await read()).toEqual(['TTTTTTTTTTTTTTTTTTTTT1:20792', 'TTTTTTTTTTTTTTTTTTTTT1:20798']);
  expect((await recordOf('twice'))?.revoked).toEqual([tokenOf(1)]);
});

test('an outdated token makes room, and not a day sooner', async () => {
  // Now is within day 20777.
  const { key, read } = await createKey('past', [
    `${tokenOf(1)}:20776`,
    `${tokenOf(2)}:20777`,
    `${tokenOf(3)}:20778`,
  ]);
  await list.add(key, entry(4));

  expect(await read()).toEqual([`${tokenOf(3)}:20778`, `${tokenOf(4)}:20792`]);
});

// guarantee: revocation-list-max
test('a full list refuses another token with its maximum', async () => {
  const full = Array.from({ length: 2_000 }, (_, number) => `${tokenOf(number)}:20800`);
  const { key, read } = await createKey('full', full.slice(1));
  await list.add(key, entry(9_001));
  await expect(list.add(key, entry(9_002))).rejects.toMatchObject({
    code: 'invalid_request',
    message:
      "the key's list of revoked tokens is full at 2000: revoke them one by one or by user, or replace the key",
    facts: { param: 'jti' },
  });
  expect(await read()).toHaveLength(2_000);
  expect((await recordOf('full'))?.revoked).toHaveLength(2_000);
});

test('two at once are both on the list', async () => {
  const { key, read } = await createKey('race');
  await Promise.all([list.add(key, entry(1)), list.add(key, entry(2))]);
  expect(await read()).toHaveLength(2);
});

test('nothing is written to a record of another key, or to none', async () => {
  const { key } = await createKey('mine');
  for (const other of [
    { ...key, keyId: asKeyId('other') },
    { ...key, keyName: 'gone' },
  ]) {
    const unavailable = { code: 'service_unavailable' };
    await expect(list.add(other, entry(1))).rejects.toMatchObject(unavailable);
    await expect(list.has(other, tokenOf(1))).rejects.toMatchObject(unavailable);
  }
  expect(await recordOf('gone')).toBeUndefined();
});

// guarantee: revocation-in-own-record
test.each([
  ['lets go', [`${tokenOf(1)}:20776`]],
  ['adds', [`${tokenOf(1)}:20800`]],
])(
  'nothing that it %s goes to a record that another key took while it was read',
  async (...row) => {
    const [name, elements] = row;
    const { key, read } = await createKey(name, elements);
    const replacing: AwsCall = async (operation, ...call) => {
      const answer = await tables.call(operation, ...call);
      if (operation === 'GetItem') {
        await tables.call('UpdateItem', {
          TableName: TABLE,
          Key: { pk: { S: recordPk('acct_test', shortDigest(name)) } },
          UpdateExpression: 'SET id = :other',
          ExpressionAttributeValues: { ':other': { S: 'other' } },
        });
      }
      return answer;
    };

    await expect(makeRevokedList(replacing, TABLE).add(key, entry(2))).rejects.toMatchObject({
      code: 'service_unavailable',
    });
    expect(await read()).toEqual(elements);
  },
);

test('reads and writes no attribute but those that its permission names', async () => {
  const { key } = await createKey('least', [`${tokenOf(1)}:20776`]);
  const inputs: Record<string, unknown>[] = [];
  const recorded = makeRevokedList(async (operation, input) => {
    inputs.push({ operation, ...input });
    return tables.call(operation, input);
  }, TABLE);
  await recorded.add(key, entry(2));

  const attributesOf = ({
    ProjectionExpression,
    ExpressionAttributeNames = {},
  }: (typeof inputs)[0]) =>
    ProjectionExpression ?? Object.values(Object(ExpressionAttributeNames)).join(', ');
  expect(inputs.map((input) => [input.operation, attributesOf(input)])).toEqual([
    ['GetItem', 'id, revoked'],
    ['UpdateItem', 'id, revoked'],
    ['UpdateItem', 'id, revoked'],
  ]);
});

test('an outage is service_unavailable', async () => {
  const down = makeRevokedList(async (operation) => {
    throw new AwsCallError('TimeoutError', operation, 0);
  }, TABLE);
  const key = { account: 'acct_test', keyId: asKeyId('k'), keyName: 'n' };
  await expect(down.add(key, entry(1))).rejects.toMatchObject({ code: 'service_unavailable' });
});
