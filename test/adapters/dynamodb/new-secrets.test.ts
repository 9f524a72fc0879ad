/**
 * The secrets of keys that are made, on the tables and secrets of this machine: whatever is lost or comes between, a key
 * in force has its secret, and the sweep deletes that of a key which was never made.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { makeKeySecretEnd } from '../../../adapters/aws/key-secret-end.ts';
import { makeSecretWriter } from '../../../adapters/aws/secrets-manager.ts';
import { makeKeyStore } from '../../../adapters/dynamodb/key-store.ts';
import { makeSecretEndings } from '../../../adapters/dynamodb/secret-endings.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { DUE_SHARDS, recordPk } from '../../../adapters/table-schema.ts';
import { type KeyId, shortDigest } from '../../../core/base/ids.ts';
import { createKey, type KeyAdminPorts, type MadeKey } from '../../../core/keys/key-admin.ts';
import { endSecrets, secretOfEnding } from '../../../core/keys/secret-ending.ts';
import { type LocalSecrets, startSecrets } from '../../../local/secrets/server.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { down, losing, lossesOf } from '../../support/losing-ports.ts';
import { makeMemoryKeyAdmin } from '../../support/memory-key-admin.ts';
import { ACCOUNT } from '../../support/memory-keys.ts';
import { NOW_MS } from '../../support/tokens.ts';

const HOUR_MS = 3_600_000;
const SETTINGS = { models: undefined, limits: [], maxTokenLifetimeSeconds: 3_600 };
const NONE = { deleted: 0, failed: 0 };
const ONE = { deleted: 1, failed: 0 };

let tables: Awaited<ReturnType<typeof startTables>>;
let secrets: LocalSecrets;
let callSecrets: AwsCall;
let admin: KeyAdminPorts;
let nowMs = NOW_MS;
let name = 'key 0';
/** The key whose secret was made last in a test. */
let newest: KeyId | undefined;

const clock = { nowMs: () => nowMs, sleep: async () => {} };
const { random } = makeMemoryKeyAdmin();

beforeAll(async () => {
  tables = await startTables();
  secrets = await startSecrets({ overlay: new Map(), accessKeyId: 'test' });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const endpoint = { secretsManagerUrl: secrets.url, region: 'us-east-1', credentials };
  callSecrets = callSecretsManager(endpoint, 10_000);
  const vault = makeSecretWriter(callSecrets, 'test');
  admin = {
    ...{ account: ACCOUNT, by: 'grace', clock, random },
    store: makeKeyStore(tables.call, TABLE_NAMES),
    vault: {
      ...vault,
      createKeySecret(keyId, ...rest) {
        newest = keyId;
        return vault.createKeySecret(keyId, ...rest);
      },
    },
  };
});
afterAll(async () => {
  await tables.close();
  await secrets.close();
});
beforeEach(() => {
  name = `key ${Number(name.slice(4)) + 1}`;
  nowMs += 1_000 * HOUR_MS;
  newest = undefined;
});

const make = (ports = admin): Promise<MadeKey> => createKey({ name, settings: SETTINGS }, ports);
const find = () => admin.store.find(ACCOUNT, name);
const hasSecret = (keyId: KeyId | undefined): boolean => secrets.has(`test/key/${keyId}`);
const TOO_LONG = 'took too long, and it was not made';

/** Runs the part of the sweep that ends secrets. */
async function sweep(deleteSecret = makeKeySecretEnd(callSecrets, 'test')) {
  const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
  const shards = Array.from({ length: DUE_SHARDS }, (_, shard) => shard);
  const due = await Promise.all(shards.map((shard) => wallets.findDue(shard, nowMs, 100)));
  const found = due.flat().map(secretOfEnding);
  const endings = makeSecretEndings(tables.call, TABLE_NAMES);
  return endSecrets(
    found.filter((each) => each !== undefined),
    nowMs + HOUR_MS,
    { endings, deleteSecret, clock },
  );
}

/** Ports that do something before the record is written. */
const pausing = (work: () => Promise<unknown>): KeyAdminPorts => ({
  ...admin,
  store: {
    ...admin.store,
    async create(...args) {
      await work();
      return admin.store.create(...args);
    },
  },
});

// guarantee: making-leaves-no-secret
describe('a key that is made', () => {
  const LOSSES = lossesOf(['pointId', 'putEnding', 'createKeySecret', 'putChange', 'create']);

  test.each(LOSSES)(
    'whose $step lost its $lost has no secret after an hour, and its name is free',
    async ({ step, lost }) => {
      await expect(make(losing(admin, step, lost))).rejects.toThrow(down());
      expect(await find()).toBeUndefined();
      const dead = newest;
      expect(await sweep()).toEqual(NONE);
      const { record } = await make();
      nowMs += HOUR_MS + 1;
      expect((await sweep()).failed).toBe(0);
      expect([hasSecret(dead), hasSecret(record.id)]).toEqual([false, true]);
      nowMs += 24 * HOUR_MS;
      expect(await sweep()).toEqual(NONE);
      expect(hasSecret(record.id)).toBe(true);
    },
  );

  test.each([
    ['an answer was lost', () => losing(admin, 'create', 'answer')],
    ['the write was repeated', () => repeating()],
  ])('is in force though %s of its last step', async (_, ports) => {
    const { record, key } = await make(ports());
    expect(await find()).toEqual(record);
    expect(key).toMatch(/^sk-hp-/);
    nowMs += 24 * HOUR_MS;
    expect(await sweep()).toEqual(NONE);
    expect(hasSecret(record.id)).toBe(true);
  });

  const repeating = (): KeyAdminPorts => ({
    ...admin,
    store: {
      ...admin.store,
      async create(...args) {
        await admin.store.create(...args);
        return admin.store.create(...args);
      },
    },
  });

  test('so slowly that the sweep deleted its secret is refused', async () => {
    const slow = pausing(async () => {
      nowMs += HOUR_MS + 1;
      expect(await sweep()).toEqual(ONE);
    });
    await expect(make(slow)).rejects.toThrow(TOO_LONG);
    expect(await find()).toBeUndefined();
    expect(hasSecret((await make()).record.id)).toBe(true);
  });

  // guarantee: secret-claimed-first
  test('is refused from the moment at which the sweep claims its secret', async () => {
    const slow = pausing(async () => {
      nowMs += HOUR_MS + 1;
      const failing = async () => {
        throw down();
      };
      expect(await sweep(failing)).toEqual({ deleted: 0, failed: 1 });
    });
    await expect(make(slow)).rejects.toThrow(TOO_LONG);
    nowMs += 1;
    expect(await sweep()).toEqual(ONE);
    expect(hasSecret(newest)).toBe(false);
  });

  test('by two commands at once is made by one, and the secret of the other goes', async () => {
    let winner: MadeKey | undefined;
    const slow = pausing(async () => {
      winner = await make();
    });
    const [first] = await Promise.allSettled([make(slow)]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'invalid_request' } });
    expect(await find()).toEqual(winner?.record);
    nowMs += HOUR_MS + 1;
    expect(await sweep()).toEqual(ONE);
    expect(hasSecret(winner?.record.id)).toBe(true);
  });

  test('for one person has no secret, and no mark', async () => {
    await createKey({ name, user: 'ada', settings: SETTINGS }, admin);
    nowMs += HOUR_MS + 1;
    expect(await sweep()).toEqual(NONE);
    expect(newest).toBeUndefined();
  });
});

// guarantee: secret-ends-with-its-key
describe('the secret of a key in force stays', () => {
  const change = (operation: string, pk: string, more: object = {}) =>
    tables.call(operation, {
      TableName: TABLE_NAMES.keysTable,
      Key: { pk: { S: pk } },
      ...more,
    });
  /** The account function may write this, too. */
  const setId = (id: string) =>
    change('UpdateItem', recordPk(ACCOUNT, shortDigest(name)), {
      UpdateExpression: 'SET id = :id',
      ExpressionAttributeValues: { ':id': { S: id } },
    });

  test.each<[string, (keyId: KeyId) => Promise<unknown>]>([
    ['a mark says another name', async () => {}],
    [
      'a mark says another name, and the version before made the key',
      (keyId) => change('DeleteItem', `id#${keyId}`),
    ],
    ['its record got an id of no key', () => setId('X'.repeat(22))],
    [
      'its record got the id of another key',
      async () => {
        const other = { name: `${name} b`, settings: SETTINGS };
        await setId((await createKey(other, admin)).record.id);
      },
    ],
  ])('though %s', async (_, arrange) => {
    const { id: keyId } = (await make()).record;
    await arrange(keyId);
    const nowhere = { account: ACCOUNT, keyId, keyName: 'nobody' };
    await admin.store.putEnding(nowhere, { secret: { keyId }, atMs: nowMs - 1 });
    expect(await sweep()).toEqual(NONE);
    expect(hasSecret(keyId)).toBe(true);
  });
});
