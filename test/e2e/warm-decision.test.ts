/**
 * The reads of an authorizer's decision, with the deployed adapters and a clock of the test: none while it is warm, and
 * nothing older than promised is used.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../adapters/aws/aws-call.ts';
import { makeSecrets } from '../../adapters/aws/secrets-manager.ts';
import { makeKeyRecords } from '../../adapters/dynamodb/key-records.ts';
import { makeKeyStore } from '../../adapters/dynamodb/key-store.ts';
import { recordPk } from '../../adapters/table-schema.ts';
import { type AuthorizePorts, authorize } from '../../core/authorize.ts';
import { type KeyId, shortDigest } from '../../core/base/ids.ts';
import { makeKeySets } from '../../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../../core/jwt/jwt-keys.ts';
import type { Verifier } from '../../core/jwt/verifier.ts';
import { hashOfKey } from '../../core/keys/api-key.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { startTables, TABLE_NAMES } from '../support/dynamodb.ts';
import { makePairs, makeVerifyingKey, mintJwt, pemOf } from '../support/jwts.ts';
import {
  ACCOUNT,
  FORMER_KEY,
  JWT_SECRET,
  KEY,
  SERVER_RECORD,
  UNKNOWN_KEY,
} from '../support/memory-keys.ts';
import { mint, NOW_MS, NOW_SECONDS } from '../support/tokens.ts';

const TABLE = TABLE_NAMES.keysTable;
const JWKS_URL = 'https://issuer.example.edu/jwks';
const HOUR_MS = 3_600_000;
const PAIRS = makePairs();
const JWKS = JSON.stringify({
  keys: [{ ...PAIRS.ES256.publicKey.export({ format: 'jwk' }), kid: 'first' }],
});

let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

/** One authorizer that counts its reads by kind. */
function makeAuthorizer() {
  const bench = { nowMs: NOW_MS, calls: [] as string[] };
  const clock = { nowMs: () => bench.nowMs, sleep: async () => {} };
  const dynamodb: AwsCall = (operation, input) => {
    bench.calls.push(`${operation} ${Object(input).Key.pk.S.split('#')[0]}`);
    return tables.call(operation, input);
  };
  const secretsManager: AwsCall = async (operation, input) => {
    const isJwt: boolean = Object(input).SecretId.endsWith('/jwt');
    bench.calls.push(`${operation} ${isJwt ? 'jwt' : 'key'}`);
    const versions = isJwt ? { v1: JWT_SECRET } : { '1': FORMER_KEY, '2': KEY };
    return { SecretString: JSON.stringify({ versions }) };
  };
  const fetchKeySet = async (): Promise<string> => {
    bench.calls.push('fetch');
    return JWKS;
  };
  const secrets = makeSecrets(secretsManager, 'hallpass', clock);
  const ports: AuthorizePorts = {
    account: ACCOUNT,
    allowedOrigins: ['*'],
    keys: makeKeyRecords(dynamodb, TABLE, clock),
    secrets,
    jwtKeys: makeJwtKeys(secrets, makeKeySets(fetchKeySet, clock)),
    clock,
  };
  const decide = async (credential: string): Promise<string> => {
    const headers = new Map([['authorization', [`Bearer ${credential}`]]]);
    const decision = await authorize({ headers }, ports);
    return decision.kind === 'grant' ? 'grant' : decision.error.code;
  };
  /** Returns the reads since the last call. */
  const read = (): string[] => bench.calls.splice(0);
  return Object.assign(bench, { decide, read });
}

const ID: KeyId = SERVER_RECORD.id;
/** Writes the record in the place of the one before. */
async function write(more: Partial<KeyRecord>): Promise<void> {
  const record = { ...SERVER_RECORD, id: ID, ...more };
  const pk = recordPk(record.account, shortDigest(record.name));
  await tables.call('DeleteItem', { TableName: TABLE_NAMES.keysTable, Key: { pk: { S: pk } } });
  await makeKeyStore(tables.call, TABLE_NAMES).create(record);
}

/** The record as it is again, with its second version in force; the pointers of both versions stay. */
beforeEach(async () => {
  await write({ version: '1', keyHash: hashOfKey(FORMER_KEY) });
  await write({});
});

const verifierOf = (key: Verifier['key']): Verifier => makeVerifyingKey({}, key).verifier;
const SECRET = verifierOf({ kind: 'secret', version: 'v1' });
const EXP = { exp: NOW_SECONDS + 172_800 };
const es256 = (kid?: string): string =>
  mintJwt({ alg: 'ES256', key: PAIRS.ES256.privateKey, header: { kid }, claims: EXP });
const hs256 = mintJwt({ claims: EXP });

interface Kind {
  readonly name: string;
  readonly record: Partial<KeyRecord>;
  /** With a string of the key. */
  readonly credential: (key: string) => string;
  /** The reads of the first decision. */
  readonly first: readonly string[];
}

const BY_HASH = ['GetItem hash', 'GetItem name'];
const KINDS: readonly Kind[] = [
  { name: 'a server key', record: {}, credential: (key) => key, first: BY_HASH },
  {
    name: 'a personal key',
    record: { kind: 'personal', user: 'ada' },
    credential: (key) => key,
    first: BY_HASH,
  },
  {
    name: 'a server key with a JWT',
    record: { verifier: SECRET },
    credential: (key) => `${key}:${hs256}`,
    first: [...BY_HASH, 'GetSecretValue jwt'],
  },
  {
    name: 'client access by a shared secret',
    record: { kind: 'client', verifier: SECRET },
    credential: (key) => `${key}:${hs256}`,
    first: [...BY_HASH, 'GetSecretValue jwt'],
  },
  {
    name: 'client access by a key set',
    record: { kind: 'client', verifier: verifierOf({ kind: 'jwks', url: JWKS_URL }) },
    credential: (key) => `${key}:${es256('first')}`,
    first: [...BY_HASH, 'fetch'],
  },
  {
    name: 'client access by a PEM key',
    record: { kind: 'client', verifier: verifierOf({ kind: 'pem', pem: pemOf(PAIRS.ES256) }) },
    credential: (key) => `${key}:${es256()}`,
    first: BY_HASH,
  },
  {
    name: 'a scoped token',
    record: {},
    credential: (key) => mint({ key, claims: { exp: NOW_SECONDS + 3_600 } }),
    first: ['GetItem name', 'GetSecretValue key'],
  },
];

describe.each(KINDS)('$name', ({ record, credential, first }) => {
  const now = credential(KEY);
  const former = credential(FORMER_KEY);

  test('is decided without the network while its record is cached, and costs one read in ten seconds', async () => {
    await write(record);
    const gateway = makeAuthorizer();
    expect(await gateway.decide(now)).toBe('grant');
    expect(gateway.read()).toEqual(first);
    for (const afterMs of [0, 1, 5_000, 9_999]) {
      gateway.nowMs = NOW_MS + afterMs;
      for (let count = 0; count < 50; count += 1) expect(await gateway.decide(now)).toBe('grant');
    }
    expect(gateway.read()).toEqual([]);
    gateway.nowMs = NOW_MS + 10_000;
    for (let count = 0; count < 50; count += 1) expect(await gateway.decide(now)).toBe('grant');
    expect(gateway.read()).toEqual(['GetItem name']);
  });

  // guarantee: disabled-within-ten-seconds
  test('is refused at most ten seconds after its key was disabled', async () => {
    await write(record);
    const gateway = makeAuthorizer();
    expect(await gateway.decide(now)).toBe('grant');
    await write({ ...record, disabled: true });
    gateway.nowMs = NOW_MS + 10_000;
    expect(await gateway.decide(now)).toBe('invalid_api_key');
  });

  test('is accepted at once with the string that a rotation made', async () => {
    await write({ ...record, version: '1', keyHash: hashOfKey(FORMER_KEY) });
    const gateway = makeAuthorizer();
    expect(await gateway.decide(former)).toBe('grant');
    await write({ ...record, former: { version: '1', untilMs: NOW_MS + HOUR_MS } });
    gateway.nowMs = NOW_MS + 1_000;
    expect(await gateway.decide(now)).toBe('grant');
    expect(await gateway.decide(former)).toBe('grant');
  });

  test('is accepted with the former string until the overlap ends, and not a millisecond longer', async () => {
    await write({ ...record, former: { version: '1', untilMs: NOW_MS + HOUR_MS } });
    const gateway = makeAuthorizer();
    gateway.nowMs = NOW_MS + HOUR_MS - 1;
    expect(await gateway.decide(former)).toBe('grant');
    gateway.nowMs = NOW_MS + HOUR_MS;
    expect(await gateway.decide(former)).toBe('invalid_api_key');
  });

  test('is refused with the former string at most ten seconds after a rotation without overlap', async () => {
    await write({ ...record, version: '1', keyHash: hashOfKey(FORMER_KEY) });
    const gateway = makeAuthorizer();
    expect(await gateway.decide(former)).toBe('grant');
    await write(record);
    gateway.nowMs = NOW_MS + 10_000;
    expect(await gateway.decide(former)).toBe('invalid_api_key');
    expect(await gateway.decide(now)).toBe('grant');
  });
});

describe('an unknown caller', () => {
  test.each<[string, string, Partial<KeyRecord>, readonly string[]]>([
    ['an unknown key', UNKNOWN_KEY, {}, ['GetItem hash']],
    ['a key of no form of ours', 'sk-proj-abc', {}, []],
    ['a key without its checksum', `${KEY.slice(0, -1)}n`, {}, []],
    ['a disabled key', KEY, { disabled: true }, BY_HASH],
    ['a client key alone', KEY, { kind: 'client', verifier: SECRET }, BY_HASH],
    [
      'a token of an unknown key',
      mint({ header: { kid: 'acct_test:eA==' } }),
      {},
      ['GetItem name'],
    ],
    ['a token of another account', mint({ header: { kid: 'acct_other:eA==' } }), {}, []],
    ['a token of a disabled key', mint(), { disabled: true }, ['GetItem name']],
    ['a token of a client key', mint(), { kind: 'client', verifier: SECRET }, ['GetItem name']],
    [
      'a token of a wrong signature',
      mint({ key: UNKNOWN_KEY }),
      {},
      ['GetItem name', 'GetSecretValue key'],
    ],
    ['a token without a signature', mint().replace(/[^.]+$/, ''), {}, []],
  ])('costs these reads, once in a second: %s', async (_, credential, record, reads) => {
    await write(record);
    const gateway = makeAuthorizer();
    for (const afterMs of [0, 1, 999]) {
      gateway.nowMs = NOW_MS + afterMs;
      expect(await gateway.decide(credential)).toBe('invalid_api_key');
    }
    expect(gateway.read()).toEqual(reads);
  });
});
