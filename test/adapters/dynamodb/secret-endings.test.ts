/**
 * The secrets of keys that are rotated and disabled, on the tables and secrets of this machine: whatever is lost or comes
 * between, the strings in force are readable, and the sweep deletes all others.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { makeKeySecretEnd } from '../../../adapters/aws/key-secret-end.ts';
import { makeSecrets, makeSecretWriter } from '../../../adapters/aws/secrets-manager.ts';
import { makeKeyStore } from '../../../adapters/dynamodb/key-store.ts';
import { makeSecretEndings } from '../../../adapters/dynamodb/secret-endings.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { DUE_SHARDS } from '../../../adapters/table-schema.ts';
import { createKey, type KeyAdminPorts } from '../../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../../core/keys/key-record.ts';
import { disableKey, rotateKey } from '../../../core/keys/key-rotation.ts';
import { toOwnVersion } from '../../../core/keys/key-secret.ts';
import { validVersionsOf } from '../../../core/keys/key-use.ts';
import { endSecrets, secretOfEnding } from '../../../core/keys/secret-ending.ts';
import { type LocalSecrets, startSecrets } from '../../../local/secrets/server.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { down, losing, lossesOf } from '../../support/losing-ports.ts';
import { makeMemoryKeyAdmin } from '../../support/memory-key-admin.ts';
import { ACCOUNT } from '../../support/memory-keys.ts';
import { NOW_MS } from '../../support/tokens.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PREFIX = 'test';
const SETTINGS = { models: undefined, limits: [], maxTokenLifetimeSeconds: 3_600 };

let tables: Awaited<ReturnType<typeof startTables>>;
let secrets: LocalSecrets;
let callSecrets: AwsCall;
let admin: KeyAdminPorts;
let nowMs: number;
let record: KeyRecord;
let key: string;

beforeAll(async () => {
  tables = await startTables();
  secrets = await startSecrets({ overlay: new Map(), accessKeyId: 'test' });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const endpoint = { secretsManagerUrl: secrets.url, region: 'us-east-1', credentials };
  callSecrets = callSecretsManager(endpoint, 10_000);
});

afterAll(async () => {
  await tables.close();
  await secrets.close();
});

const clock = { nowMs: () => nowMs, sleep: async () => {} };
let made = 0;
/** The same in each run; a key has a name and an id of its own. */
const { random } = makeMemoryKeyAdmin();

beforeEach(async () => {
  nowMs = NOW_MS + made * 365 * DAY_MS;
  admin = {
    account: ACCOUNT,
    by: 'grace',
    store: makeKeyStore(tables.call, TABLE_NAMES),
    vault: makeSecretWriter(callSecrets, PREFIX),
    clock,
    random,
  };
  made += 1;
  ({ record, key } = await createKey({ name: `key ${made}`, settings: SETTINGS }, admin));
});

const rotate = (overlapMs: number, ports = admin) => rotateKey(record.name, overlapMs, ports);
const disable = () => disableKey(record.name, admin);
const current = async (): Promise<KeyRecord> => {
  const found = await admin.store.find(ACCOUNT, record.name);
  if (found === undefined) throw new Error('no record');
  return found;
};

/** Reads the strings of the key that are in force, the current one first. */
async function strings(): Promise<readonly string[]> {
  const reader = makeSecrets(callSecrets, PREFIX, clock);
  const versions = validVersionsOf(await current(), nowMs);
  return Promise.all(versions.map(({ version }) => reader.readKey(record.id, version)));
}

/** Reads how many secrets the key has, of the versions that it had: a first one, and those of these versions. */
const secretsOf = (...versions: readonly (KeyRecord | undefined)[]): readonly boolean[] => [
  secrets.has(`${PREFIX}/key/${record.id}`),
  ...versions.map((each) => secrets.has(`${PREFIX}/key/${record.id}/${each?.version}`)),
];

const endings = () => makeSecretEndings(tables.call, TABLE_NAMES);

/** Runs the part of the sweep that ends secrets, for those of the key. */
async function sweep(deleteSecret = makeKeySecretEnd(callSecrets, PREFIX)) {
  const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
  const shards = Array.from({ length: DUE_SHARDS }, (_, shard) => shard);
  const due = await Promise.all(shards.map((shard) => wallets.findDue(shard, nowMs, 100)));
  const found = due.flat().map(secretOfEnding);
  const ending = found
    .filter((each) => each?.keyId === record.id)
    .filter((each) => each !== undefined);
  return endSecrets(ending, nowMs + HOUR_MS, { endings: endings(), deleteSecret, clock });
}

/** Ports that do something before they write the record, once. */
function pausing(work: () => Promise<unknown>): KeyAdminPorts {
  let isFirst = true;
  const store: KeyAdminPorts['store'] = {
    ...admin.store,
    async replace(...args) {
      if (isFirst) {
        isFirst = false;
        await work();
      }
      return admin.store.replace(...args);
    },
  };
  return { ...admin, store };
}

const CHANGED = 'was changed by another command';

// guarantee: former-secret-ends-with-its-overlap
test('the former string is readable to the end of the overlap, and its secret goes then, and only then', async () => {
  const second = await rotate(HOUR_MS);
  expect(await strings()).toEqual([second.key, key]);
  nowMs += HOUR_MS - 1;
  expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
  expect(await strings()).toEqual([second.key, key]);
  // Readers may know the record of ten seconds ago.
  nowMs += 60_000;
  expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
  expect(secretsOf(second.record)).toEqual([true, true]);
  nowMs += 2;
  expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
  expect(secretsOf(second.record)).toEqual([false, true]);
  expect(await strings()).toEqual([second.key]);
  nowMs += DAY_MS;
  expect(await sweep()).toEqual({ deleted: 0, failed: 0 });

  const third = await rotate(HOUR_MS);
  expect(await strings()).toEqual([third.key, second.key]);
  nowMs += HOUR_MS + 60_001;
  await sweep();
  expect(secretsOf(second.record, third.record)).toEqual([false, false, true]);
  expect(await strings()).toEqual([third.key]);
});

test('a second rotation within an overlap ends both strings before it', async () => {
  const second = await rotate(DAY_MS);
  await expect(rotate(HOUR_MS)).rejects.toThrow('its former string holds until');
  const third = await rotate(0);
  expect(await strings()).toEqual([third.key]);
  nowMs += 60_001;
  expect(await sweep()).toEqual({ deleted: 2, failed: 0 });
  expect(secretsOf(second.record, third.record)).toEqual([false, false, true]);
});

// guarantee: rotation-keeps-a-secret
describe('a rotation', () => {
  const LOSSES = lossesOf(['putEnding', 'createKeySecret', 'point', 'putChange', 'replace']);

  test.each(LOSSES)(
    'whose $step lost its $lost leaves the former string in force and no other secret',
    async ({ step, lost }) => {
      await expect(rotate(0, losing(admin, step, lost))).rejects.toThrow(down());
      expect(await current()).toEqual(record);
      expect(await strings()).toEqual([key]);
      const orphan = { ...record, version: toOwnVersion(`uuid-${Number(drawn()) - 1}`) };
      nowMs += HOUR_MS + 1;
      expect((await sweep()).failed).toBe(0);
      nowMs += DAY_MS;
      expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
      expect(secretsOf(orphan)).toEqual([true, false]);
      expect(await strings()).toEqual([key]);
    },
  );

  test('whose record was written, but the answer was lost, has succeeded', async () => {
    const second = await rotate(HOUR_MS, losing(admin, 'replace', 'answer'));
    expect(await current()).toEqual(second.record);
    expect(await strings()).toEqual([second.key, key]);
    nowMs += DAY_MS;
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(await strings()).toEqual([second.key]);
  });

  test('that another one overtakes is refused, and its secret goes', async () => {
    let faster: Awaited<ReturnType<typeof rotate>> | undefined;
    const slow = rotate(
      HOUR_MS,
      pausing(async () => {
        faster = await rotate(HOUR_MS);
      }),
    );
    await expect(slow).rejects.toThrow(CHANGED);
    expect(await strings()).toEqual([faster?.key, key]);
    nowMs += DAY_MS;
    expect((await sweep()).deleted).toBe(2);
    expect(secretsOf(faster?.record)).toEqual([false, true]);
    expect(await strings()).toEqual([faster?.key]);
  });

  // guarantee: mark-with-its-record
  test('of a key that is disabled meanwhile is refused, and all its secrets go', async () => {
    await expect(rotate(HOUR_MS, pausing(disable))).rejects.toThrow(CHANGED);
    expect(await current()).toMatchObject({ disabled: true, version: record.version });
    nowMs += DAY_MS;
    expect((await sweep()).deleted).toBe(2);
    expect(secretsOf()).toEqual([false]);
  });

  test('that is so slow that the sweep deleted its secret is refused', async () => {
    const slow = pausing(async () => {
      nowMs += HOUR_MS + 1;
      expect((await sweep()).deleted).toBe(1);
    });
    await expect(rotate(0, slow)).rejects.toThrow(CHANGED);
    expect(await strings()).toEqual([key]);
  });

  // guarantee: secret-claimed-first
  test('is refused from the moment at which the sweep claims its secret', async () => {
    let claimed: unknown;
    const slow = pausing(async () => {
      nowMs += HOUR_MS + 1;
      const marks: unknown[] = [];
      await sweep(async (secret) => {
        marks.push(secret.version);
        throw down();
      });
      claimed = marks[0];
    });
    await expect(rotate(0, slow)).rejects.toThrow(CHANGED);
    expect(claimed).toMatch(/^own-/);
    expect(await current()).toEqual(record);
    nowMs += 1;
    expect((await sweep()).deleted).toBe(1);
  });

  // guarantee: secret-claimed-first
  test('whose record is written before the claim keeps its secret', async () => {
    const second = await rotate(0);
    const secret = { keyId: record.id, version: second.record.version };
    nowMs += DAY_MS;
    expect(await endings().claim(secret, nowMs)).toBeUndefined();
    await sweep();
    expect(await strings()).toEqual([second.key]);
  });

  // guarantee: mark-put-anew-stays
  test('between the look of a sweep at a stale mark and its end leaves its own mark', async () => {
    const first = { keyId: record.id };
    const name = { account: ACCOUNT, keyId: record.id, keyName: record.name };
    await admin.store.putEnding(name, { secret: first, atMs: nowMs - 1 });
    const claimed = await endings().claim(first, nowMs);
    if (claimed === undefined) throw new Error('not due');
    const second = await rotate(HOUR_MS);
    await endings().move(first, claimed, undefined);
    nowMs += DAY_MS;
    expect((await sweep()).deleted).toBe(1);
    expect(secretsOf(second.record)).toEqual([false, true]);
  });
});

// guarantee: mark-put-anew-stays
test('a sweep that looked before a rotation does not put off the end that the rotation set', async () => {
  const second = await rotate(DAY_MS);
  const first = { keyId: record.id };
  const name = { account: ACCOUNT, keyId: record.id, keyName: record.name };
  await admin.store.putEnding(name, { secret: first, atMs: nowMs - 1 });
  const claimed = await endings().claim(first, nowMs);
  if (claimed === undefined) throw new Error('not due');
  const third = await rotate(0);
  await endings().move(first, claimed, nowMs + DAY_MS);
  nowMs += 60_001;
  expect((await sweep()).deleted).toBe(2);
  expect(secretsOf(second.record, third.record)).toEqual([false, false, true]);
});

test('the secret of a personal key of the version before goes with its next rotation', async () => {
  const personal = { name: `key ${made} p`, user: 'ada', settings: SETTINGS };
  ({ record, key } = await createKey(personal, admin));
  await admin.vault.createKeySecret(record.id, record.version, key);
  await rotate(0);
  nowMs += 60_001;
  expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
  expect(secretsOf()).toEqual([false]);
});

/** The number that the next id has. */
const drawn = (): string => random.uuid().replace('uuid-', '');

describe('the sweep', () => {
  test('deletes nothing of a key in force, whoever wrote the mark, and no secret of its JWTs', async () => {
    const other = await createKey({ name: `key ${made} b`, settings: SETTINGS }, admin);
    await disableKey(other.record.name, admin);
    const second = await rotate(DAY_MS);
    const { id: keyId, name: keyName } = record;
    await admin.vault.putJwtSecret(keyId, '1', 'a-secret');
    for (const secret of [
      { keyId },
      { keyId, version: second.record.version },
      { keyId, version: 'jwt' },
    ]) {
      const strange = { account: ACCOUNT, keyId, keyName: other.record.name };
      const nowhere = { account: ACCOUNT, keyId, keyName: 'nobody' };
      for (const place of [{ account: ACCOUNT, keyId, keyName }, strange, nowhere]) {
        await admin.store.putEnding(place, { secret, atMs: nowMs - 1 });
        expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
      }
    }
    expect(await strings()).toEqual([second.key, key]);
    expect(secrets.has(`${PREFIX}/key/${keyId}/jwt`)).toBe(true);
  });

  test('tries again what failed, after the others', async () => {
    const second = await rotate(0);
    nowMs += DAY_MS;
    const failing = async () => {
      throw down();
    };
    expect(await sweep(failing)).toEqual({ deleted: 0, failed: 1 });
    nowMs += 1;
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(secretsOf(second.record)).toEqual([false, true]);
  });

  test('may run twice at once', async () => {
    const second = await rotate(0);
    nowMs += DAY_MS;
    const outcomes = await Promise.all([sweep(), sweep()]);
    expect(outcomes.map(({ failed }) => failed)).toEqual([0, 0]);
    nowMs += 1_000;
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
    expect(secretsOf(second.record)).toEqual([false, true]);
  });
});

describe('a secret that the version before wrote, with both strings', () => {
  const FORMER = 'sk-of-the-version-before';

  beforeEach(async () => {
    const former = { version: 'old', untilMs: nowMs + HOUR_MS };
    const rotated = { ...record, former, revision: 'theirs' };
    await admin.store.replace(record, rotated);
    await callSecrets('PutSecretValue', {
      SecretId: `${PREFIX}/key/${record.id}`,
      SecretString: JSON.stringify({ versions: { old: FORMER, [record.version]: key } }),
    });
  });

  test('is read, and goes when the overlap of the next rotation ends', async () => {
    expect(await strings()).toEqual([key, FORMER]);
    nowMs += 2 * HOUR_MS;
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
    const second = await rotate(HOUR_MS);
    expect(await strings()).toEqual([second.key, key]);
    nowMs += HOUR_MS + 60_001;
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(secretsOf(second.record)).toEqual([false, true]);
    expect(await strings()).toEqual([second.key]);
  });

  test('goes in a minute when a rotation ends both strings', async () => {
    const second = await rotate(0);
    nowMs += 60_001;
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(await strings()).toEqual([second.key]);
  });
});
