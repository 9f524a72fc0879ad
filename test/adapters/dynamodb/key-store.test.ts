import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { toItem } from '../../../adapters/dynamodb/key-items.ts';
import { makeKeyRecords } from '../../../adapters/dynamodb/key-records.ts';
import { makeKeyStore } from '../../../adapters/dynamodb/key-store.ts';
import { makeRevokedList } from '../../../adapters/dynamodb/revoked-list.ts';
import { asKeyHash, asKeyId, asTokenId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { formatKeyRecord, type KeyRecord } from '../../../core/keys/key-record.ts';
import type { KeyChange } from '../../../core/keys/ports.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { ACCOUNT, SERVER_RECORD } from '../../support/memory-keys.ts';
import { NOW_MS } from '../../support/tokens.ts';

const TABLE = TABLE_NAMES.keysTable;
let tables: Awaited<ReturnType<typeof startTables>>;
let store: ReturnType<typeof makeKeyStore>;

beforeAll(async () => {
  tables = await startTables();
  store = makeKeyStore(tables.call, TABLE_NAMES);
});
afterAll(() => tables.close());

/** A record of a name and id of its own, written. */
async function write(letter: string, more: Partial<KeyRecord> = {}): Promise<KeyRecord> {
  const record = {
    ...SERVER_RECORD,
    id: asKeyId(letter.repeat(22)),
    name: `key ${letter}`,
    keyHash: asKeyHash(letter.repeat(43)),
    ...more,
  };
  await makeKeyStore(tables.call, TABLE_NAMES).create(record);
  return record;
}

describe('replacing a record', () => {
  test('writes every field, adds those that were absent and removes those that are', async () => {
    const seen = await write('a', { models: ['demo/*'] });
    const { models: _, ...rest } = seen;
    const next: KeyRecord = {
      ...rest,
      version: '3',
      keyHash: asKeyHash('b'.repeat(43)),
      former: { version: '2', untilMs: NOW_MS },
      disabled: true,
      limits: [parseLimit('user:usd:week=5')],
      maxTokenLifetimeSeconds: 60,
      revision: 'first',
    };
    expect(await store.replace(seen, next)).toBe(true);
    expect(await store.find(ACCOUNT, seen.name)).toEqual(next);
  });

  test('keeps every field of a full record', async () => {
    const former = { version: '1', untilMs: NOW_MS };
    const seen = await write('c', { kind: 'personal', user: 'ada', former, models: ['demo/*'] });
    expect(await store.replace(seen, { ...seen, revision: 'first' })).toBe(true);
    expect(await store.find(ACCOUNT, seen.name)).toEqual({ ...seen, revision: 'first' });
  });

  test('changes nothing if the record has another revision, or another key has the name', async () => {
    const seen = await write('d');
    const second = { ...seen, disabled: true, revision: 'second' };
    expect(await store.replace({ ...seen, revision: 'first' }, second)).toBe(false);
    const stranger = { ...seen, id: asKeyId('X'.repeat(22)) };
    expect(await store.replace(stranger, second)).toBe(false);
    expect(await store.find(ACCOUNT, seen.name)).toEqual(seen);
    expect(await store.replace(seen, second)).toBe(true);
    // A reader of the record before that has no revision to name.
    expect(await store.replace(seen, { ...seen, revision: 'third' })).toBe(false);
    expect(await store.replace(second, { ...second, revision: 'third' })).toBe(true);
    expect(await store.replace(second, { ...second, revision: 'fourth' })).toBe(false);
  });

  test('lets one of many commands win that read the same record', async () => {
    const seen = await write('e');
    const tries = Array.from({ length: 8 }, (_, place) =>
      store.replace(seen, { ...seen, maxTokenLifetimeSeconds: 60 + place, revision: `${place}` }),
    );
    const won = await Promise.all(tries);
    expect(won.filter(Boolean)).toHaveLength(1);
    const { maxTokenLifetimeSeconds } = (await store.find(ACCOUNT, seen.name)) ?? SERVER_RECORD;
    expect(maxTokenLifetimeSeconds).toBe(60 + won.indexOf(true));
  });

  test('keeps a token revoked that was revoked after the record was read', async () => {
    const seen = await write('f');
    const tokenId = asTokenId('t'.repeat(22));
    const key = { account: ACCOUNT, keyId: seen.id, keyName: seen.name };
    await makeRevokedList(tables.call, TABLE).add(key, {
      tokenId,
      keepUntilMs: NOW_MS,
      nowMs: NOW_MS,
    });
    expect(await store.replace(seen, { ...seen, revision: 'first' })).toBe(true);
    expect((await store.find(ACCOUNT, seen.name))?.revoked).toEqual([tokenId]);
  });
});

describe('a rotated key', () => {
  test('is found by both of its hashes, with the version of each', async () => {
    const seen = await write('g');
    const next = { ...seen, version: '3', keyHash: asKeyHash('h'.repeat(43)), revision: 'first' };
    await store.point(next);
    await store.point(next);
    await store.replace(seen, next);
    const clock = { nowMs: () => NOW_MS, sleep: async () => {} };
    const keys = makeKeyRecords(tables.call, TABLE, clock);
    expect(await keys.findByKeyHash(seen.keyHash)).toEqual({ record: next, version: '2' });
    expect(await keys.findByKeyHash(next.keyHash)).toEqual({ record: next, version: '3' });
  });

  test('does not take a hash from another', async () => {
    const seen = await write('i');
    await expect(store.point({ ...seen, name: 'thief' })).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});

describe('a list', () => {
  test('has the keys of its account by name, and no other items', async () => {
    await write('j', { account: 'other', name: 'b' });
    await write('k', { account: 'other', name: 'a' });
    await write('l', { account: 'other#1', name: 'c' });
    await store.putChange({ ...CHANGE, keyId: asKeyId('j'.repeat(22)) });
    expect((await store.list('other')).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('reads to the last page', async () => {
    const items = [...'mno'].map((letter) => ({
      ...toItem('any', formatKeyRecord({ ...SERVER_RECORD, name: letter })),
    }));
    const call: AwsCall = async (_, input) => {
      const place = Object(input).ExclusiveStartKey ?? 0;
      return {
        Items: items.slice(place, place + 1),
        ...(place + 1 < items.length && { LastEvaluatedKey: place + 1 }),
      };
    };
    const listed = await makeKeyStore(call, TABLE_NAMES).list(ACCOUNT);
    expect(listed.map(({ name }) => name)).toEqual(['m', 'n', 'o']);
  });
});

const CHANGE: KeyChange = {
  id: 'change-1',
  keyId: asKeyId('q'.repeat(22)),
  after: 'change-0',
  atMs: NOW_MS,
  by: 'grace',
  action: 'set',
  fields: { models: 'any -> demo/*' },
};

describe('a change', () => {
  test('is read back as it was written', async () => {
    await store.putChange(CHANGE);
    expect(await store.findChange(CHANGE.keyId, 'change-1')).toEqual(CHANGE);
    expect(await store.findChange(CHANGE.keyId, 'change-2')).toBeUndefined();
  });

  test('of a kind that this version does not know is an outage', async () => {
    const call: AwsCall = async () => ({ Item: { id: { S: 'x' }, action: { S: 'sing' } } });
    await expect(makeKeyStore(call, TABLE_NAMES).findChange(CHANGE.keyId, 'x')).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});
