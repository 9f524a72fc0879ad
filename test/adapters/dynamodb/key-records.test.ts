import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AwsCall, AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeKeyRecords } from '../../../adapters/dynamodb/key-records.ts';
import { makeKeyStore } from '../../../adapters/dynamodb/key-store.ts';
import { asKeyHash, asKeyId, asTokenId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import type { KeyRecord } from '../../../core/keys/key-record.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { ACCOUNT, SERVER_RECORD } from '../../support/memory-keys.ts';

const TABLE = TABLE_NAMES.keysTable;
const START_MS = 1795176000000;
const hash = (digit: string) => asKeyHash(digit.repeat(43));

/** A clock in hand, and a call that counts its reads and can be down. */
function makeBench(call: AwsCall) {
  const bench = { nowMs: START_MS, reads: [] as string[], isDown: false };
  const counted: AwsCall = async (operation, input) => {
    if (bench.isDown) throw new AwsCallError('TimeoutError', operation, 0);
    if (operation === 'GetItem') bench.reads.push(Object(input).Key.pk.S.split('#')[0]);
    return call(operation, input);
  };
  const clock = { nowMs: () => bench.nowMs, sleep: async () => {} };
  return Object.assign(bench, { keys: makeKeyRecords(counted, TABLE, clock) });
}

let tables: Awaited<ReturnType<typeof startTables>>;
let write: (record: KeyRecord) => Promise<unknown>;
beforeAll(async () => {
  tables = await startTables();
  write = (record) => makeKeyStore(tables.call, TABLE_NAMES).create(record);
});
afterAll(() => tables.close());

const FULL: KeyRecord = {
  ...SERVER_RECORD,
  id: asKeyId('BBBBBBBBBBBBBBBBBBBBBB'),
  name: 'Ä course: 1',
  keyHash: hash('f'),
  kind: 'personal',
  user: 'ada',
  former: { version: '1', untilMs: START_MS },
  models: ['openai/gpt-5', 'google/*'],
  limits: [parseLimit('user:usd:week=5')],
  revoked: [asTokenId('CCCCCCCCCCCCCCCCCCCCCC'), asTokenId('DDDDDDDDDDDDDDDDDDDDDD')],
};

describe('key records in DynamoDB', () => {
  test('are read back as they were written, by name and by hash', async () => {
    await write(SERVER_RECORD);
    await write(FULL);
    const { keys } = makeBench(tables.call);
    expect(await keys.findByName(ACCOUNT, 'course')).toEqual(SERVER_RECORD);
    expect(await keys.findByName(ACCOUNT, 'Ä course: 1')).toEqual(FULL);
    expect(await keys.findByKeyHash(hash('f'))).toEqual({ record: FULL, version: '2' });
  });

  test('have one attribute for each field, and digests in place of foreign text', async () => {
    const { Item: item } = await tables.call('GetItem', {
      TableName: TABLE,
      Key: { pk: { S: 'name#acct_test#qQgEPtRp82HNUW873XgTQZ' } },
    });
    expect(item).toEqual({
      pk: { S: 'name#acct_test#qQgEPtRp82HNUW873XgTQZ' },
      id: { S: 'AAAAAAAAAAAAAAAAAAAAAA' },
      account: { S: 'acct_test' },
      name: { S: 'course' },
      kind: { S: 'server' },
      version: { S: '2' },
      keyHash: { S: '1_ADfUE61d6-HGep8DtZYG7KaCWhbyWBnUiPcwuWs9A' },
      disabled: { BOOL: false },
      limits: { L: [] },
      maxTokenLifetimeSeconds: { N: '604800' },
      createdAtMs: { N: '1795000000000' },
    });
  });

  test('are made once: a name is not used again, and the same record may be written twice', async () => {
    await write(SERVER_RECORD);
    const other = { ...SERVER_RECORD, id: asKeyId('EEEEEEEEEEEEEEEEEEEEEE'), keyHash: hash('e') };
    await expect(write(other)).rejects.toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'a key of this name exists or has existed, and names are not used again',
      }),
    );
    const { keys } = makeBench(tables.call);
    expect(await keys.findByKeyHash(hash('e'))).toBeUndefined();
    expect((await keys.findByName(ACCOUNT, 'course'))?.id).toBe('AAAAAAAAAAAAAAAAAAAAAA');
  });

  test('have one winner if two with one name are made at once', async () => {
    const rivals = ['1', '2', '3', '4'].map((digit) => ({
      ...SERVER_RECORD,
      id: asKeyId(digit.repeat(22)),
      name: 'contested',
      keyHash: hash(digit),
    }));
    const outcomes = await Promise.allSettled(rivals.map(write));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const { keys } = makeBench(tables.call);
    const found = await Promise.all(rivals.map(({ keyHash }) => keys.findByKeyHash(keyHash)));
    expect(found.filter((each) => each !== undefined)).toHaveLength(1);
  });

  test('do not let a hash point to another key', async () => {
    const thief = { ...FULL, id: asKeyId('FFFFFFFFFFFFFFFFFFFFFF'), name: 'thief' };
    await expect(write(thief)).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
    const { keys } = makeBench(tables.call);
    expect((await keys.findByKeyHash(hash('f')))?.record.id).toBe('BBBBBBBBBBBBBBBBBBBBBB');
  });
});

describe('the cache of key records', () => {
  test('reads nothing for ten seconds, and then only the record', async () => {
    const bench = makeBench(tables.call);
    for (const afterMs of [0, 1, 9_999]) {
      bench.nowMs = START_MS + afterMs;
      await bench.keys.findByKeyHash(SERVER_RECORD.keyHash);
      await bench.keys.findByName(ACCOUNT, 'course');
    }
    expect(bench.reads).toEqual(['hash', 'name']);
    bench.nowMs = START_MS + 10_000;
    await bench.keys.findByKeyHash(SERVER_RECORD.keyHash);
    expect(bench.reads).toEqual(['hash', 'name', 'name']);
  });

  test('shows a key disabled after ten seconds at most', async () => {
    const bench = makeBench(tables.call);
    const record = {
      ...SERVER_RECORD,
      id: asKeyId('G'.repeat(22)),
      name: 'going',
      keyHash: hash('g'),
    };
    await write(record);
    await bench.keys.findByName(ACCOUNT, 'going');
    await write({ ...record, disabled: true });
    bench.nowMs = START_MS + 9_999;
    expect((await bench.keys.findByName(ACCOUNT, 'going'))?.disabled).toBe(false);
    bench.nowMs = START_MS + 10_000;
    expect((await bench.keys.findByName(ACCOUNT, 'going'))?.disabled).toBe(true);
  });

  test('accepts a new key string at once, and reads at most once a second for lost ones', async () => {
    const bench = makeBench(tables.call);
    const id = asKeyId('I'.repeat(22));
    const first = { ...SERVER_RECORD, id, name: 'turning', version: 'a', keyHash: hash('i') };
    await write(first);
    await bench.keys.findByName(ACCOUNT, 'turning');
    await write({ ...first, version: 'b', keyHash: hash('j') });
    bench.nowMs = START_MS + 1_000;
    bench.reads = [];
    expect(await bench.keys.findByKeyHash(hash('j'))).toMatchObject({
      version: 'b',
      record: { version: 'b' },
    });
    expect(bench.reads).toEqual(['hash', 'name']);
    for (let count = 0; count < 5; count += 1) {
      expect(await bench.keys.findByKeyHash(hash('i'))).toMatchObject({
        version: 'a',
        record: { version: 'b' },
      });
    }
    expect(bench.reads).toEqual(['hash', 'name', 'hash']);
    bench.nowMs = START_MS + 2_000;
    for (let count = 0; count < 5; count += 1) await bench.keys.findByKeyHash(hash('i'));
    expect(bench.reads).toEqual(['hash', 'name', 'hash', 'name']);
  });

  test('reads nothing for a former string that the record names', async () => {
    const bench = makeBench(tables.call);
    const id = asKeyId('K'.repeat(22));
    const first = { ...SERVER_RECORD, id, name: 'turned', version: 'a', keyHash: hash('k') };
    await write(first);
    const former = { version: 'a', untilMs: START_MS + 3_600_000 };
    await write({ ...first, version: 'b', keyHash: hash('l'), former });
    for (const afterMs of [0, 1_000, 5_000, 9_999]) {
      bench.nowMs = START_MS + afterMs;
      expect((await bench.keys.findByKeyHash(hash('k')))?.version).toBe('a');
      expect((await bench.keys.findByKeyHash(hash('l')))?.version).toBe('b');
    }
    expect(bench.reads).toEqual(['hash', 'name', 'hash']);
  });

  test('is not older than the caller allows', async () => {
    const bench = makeBench(tables.call);
    await bench.keys.findByName(ACCOUNT, 'course');
    bench.nowMs = START_MS + 999;
    await bench.keys.findByName(ACCOUNT, 'course', 1_000);
    expect(bench.reads).toHaveLength(1);
    bench.nowMs = START_MS + 1_000;
    await bench.keys.findByName(ACCOUNT, 'course', 1_000);
    expect(bench.reads).toHaveLength(2);
    bench.nowMs = START_MS + 11_000;
    await bench.keys.findByName(ACCOUNT, 'course', 60_000);
    expect(bench.reads).toHaveLength(3);
  });

  test('is an outage when it is too old and the table is down', async () => {
    const bench = makeBench(tables.call);
    await bench.keys.findByName(ACCOUNT, 'course');
    bench.isDown = true;
    bench.nowMs = START_MS + 9_999;
    expect(await bench.keys.findByName(ACCOUNT, 'course')).toBeDefined();
    bench.nowMs = START_MS + 10_000;
    const outage = expect.objectContaining({
      code: 'service_unavailable',
      detail: 'dynamodb GetItem: TimeoutError (0)',
    });
    await expect(bench.keys.findByName(ACCOUNT, 'course')).rejects.toThrow(outage);
    await expect(bench.keys.findByKeyHash(SERVER_RECORD.keyHash)).rejects.toThrow(outage);
    await expect(bench.keys.findByKeyHash(hash('z'))).rejects.toThrow(outage);
  });

  test('drops a record when the clock is set back', async () => {
    const bench = makeBench(tables.call);
    await bench.keys.findByName(ACCOUNT, 'course');
    bench.nowMs = START_MS - 1;
    await bench.keys.findByName(ACCOUNT, 'course');
    expect(bench.reads).toEqual(['name', 'name']);
  });

  test('keeps an absence for a second, so that a new key is soon found', async () => {
    const bench = makeBench(tables.call);
    const find = () => bench.keys.findByKeyHash(hash('h'));
    expect(await find()).toBeUndefined();
    await write({ ...SERVER_RECORD, id: asKeyId('H'.repeat(22)), name: 'new', keyHash: hash('h') });
    bench.nowMs = START_MS + 999;
    expect(await find()).toBeUndefined();
    expect(bench.reads).toEqual(['hash']);
    bench.nowMs = START_MS + 1_000;
    expect(await find()).toBeDefined();
  });

  test('keeps its records however many unknown keys are tried', async () => {
    const bench = makeBench(async (operation, input) =>
      Object(input).Key.pk.S.startsWith('hash#') ? {} : tables.call(operation, input),
    );
    await bench.keys.findByName(ACCOUNT, 'course');
    for (let guess = 0; guess < 1_500; guess += 1) {
      await bench.keys.findByKeyHash(asKeyHash(`guess ${guess}`));
    }
    await bench.keys.findByName(ACCOUNT, 'course');
    expect(bench.reads.filter((kind) => kind === 'name')).toHaveLength(1);
  });

  test('reads once for callers at the same time', async () => {
    const bench = makeBench(tables.call);
    await Promise.all(Array.from({ length: 20 }, () => bench.keys.findByName(ACCOUNT, 'course')));
    expect(bench.reads).toEqual(['name']);
  });
});

describe('an item that cannot be read', () => {
  test.each<[string, object]>([
    ['a field that this version does not know', { verifier: { S: 'x' } }],
    ['a type that this version does not know', { name: { B: 'AA==' } }],
    ['a record without its kind', { kind: { NULL: true } }],
    ['a text where a list belongs', { limits: { S: 'CANARY' } }],
    ['the name of another', { name: { S: 'other' } }],
  ])('is an outage: %s', async (_, attributes) => {
    const { Item: item } = await tables.call('GetItem', {
      TableName: TABLE,
      Key: { pk: { S: 'name#acct_test#qQgEPtRp82HNUW873XgTQZ' } },
    });
    const { keys } = makeBench(async () => ({ Item: { ...Object(item), ...attributes } }));
    await expect(keys.findByName(ACCOUNT, 'course')).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });

  test('is an outage: a pointer without its version', async () => {
    const { keys } = makeBench(async () => ({ Item: { pk: { S: 'x' }, account: { S: 'a' } } }));
    await expect(keys.findByKeyHash(hash('p'))).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});
