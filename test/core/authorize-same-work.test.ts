/**
 * Every unknown credential costs the same work, so that the time of an answer reveals no more than the answer itself.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type AuthorizePorts, authorize } from '../../core/authorize.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makeAuthorizePorts } from '../support/authorize-ports.ts';
import { makePairs, makeVerifyingKey, mintJwt, pemOf } from '../support/jwts.ts';
import {
  FORMER_KEY,
  KEY,
  makeMemoryKeys,
  SERVER_RECORD,
  UNKNOWN_KEY,
} from '../support/memory-keys.ts';
import { mint } from '../support/tokens.ts';
import { SECRET_VERIFIER } from '../support/user-jwts.ts';

/** The sizes of the texts that HMACs were computed of. */
const signedBytes = vi.hoisted((): number[] => []);

vi.mock('node:crypto', async (importReal) => {
  const real = await importReal<typeof import('node:crypto')>();
  return {
    ...real,
    createHmac(...parameters: Parameters<typeof real.createHmac>) {
      const hmac = real.createHmac(...parameters);
      const update = hmac.update.bind(hmac);
      return Object.assign(hmac, {
        update(text: string) {
          signedBytes.push(Buffer.byteLength(text));
          return update(text);
        },
      });
    },
    hash: vi.fn(real.hash),
    timingSafeEqual: vi.fn(real.timingSafeEqual),
  };
});

/** jose verifies with it. */
const verify = vi.spyOn(crypto.subtle, 'verify');

beforeEach(() => {
  vi.clearAllMocks();
});

const bytesOf = (input: string | NodeJS.ArrayBufferView): number =>
  typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength;

/** The calls that a decision makes to the cryptography and the ports, once all caches are warm. */
async function workOf(credential: string, record: KeyRecord) {
  const lookups: string[] = [];
  const memory = makeMemoryKeys(record);
  const ports: AuthorizePorts = {
    ...makeAuthorizePorts(memory),
    keys: {
      findByName: async (account, name, ageMaxMs) => {
        // A younger record is in memory, too, save once a second.
        if (ageMaxMs === undefined) lookups.push('by name');
        return memory.findByName(account, name);
      },
      findByKeyHash: async (keyHash) => {
        lookups.push('by hash');
        return memory.findByKeyHash(keyHash);
      },
    },
  };
  const decide = () =>
    authorize({ headers: new Map([['authorization', [`Bearer ${credential}`]]]) }, ports);
  await decide();
  vi.clearAllMocks();
  lookups.length = 0;
  signedBytes.length = 0;
  const decision = await decide();
  return {
    code: decision.kind === 'denied' ? decision.error.code : decision.kind,
    lookups,
    hashed: vi.mocked(hash).mock.calls.map(([, input]) => bytesOf(input)),
    signed: [...signedBytes],
    compared: vi.mocked(timingSafeEqual).mock.calls.map(([one]) => one.byteLength),
    verified: verify.mock.calls.length,
  };
}

const DISABLED: KeyRecord = { ...SERVER_RECORD, disabled: true };
const CLIENT: KeyRecord = { ...SERVER_RECORD, kind: 'client', verifier: SECRET_VERIFIER };
const PERSONAL: KeyRecord = { ...SERVER_RECORD, kind: 'personal', user: 'ada' };

describe('a key string', () => {
  // guarantee: unknown-key-equal-work
  test.each<[string, string, KeyRecord]>([
    ['of nobody', UNKNOWN_KEY, SERVER_RECORD],
    ['that is disabled', KEY, DISABLED],
    ['of a client key', KEY, CLIENT],
    ['whose overlap has ended', FORMER_KEY, SERVER_RECORD],
    ['of another account', KEY, { ...SERVER_RECORD, account: 'acct_other' }],
  ])('%s costs two hashes and one lookup, by digest', async (_, key, record) => {
    expect(await workOf(key, record)).toEqual({
      code: 'invalid_api_key',
      lookups: ['by hash'],
      // Its checksum, then the digest by which it is looked up: nothing is compared character by character.
      hashed: [49, 55],
      signed: [],
      compared: [],
      verified: 0,
    });
  });
});

describe('a token', () => {
  const otherName = { header: { kid: 'acct_test:b3RoZXIx' } };
  // guarantee: unknown-key-equal-work
  test.each<[string, string, KeyRecord]>([
    ['of a key of nobody', mint(otherName), SERVER_RECORD],
    ['of a wrong signature', mint({ key: UNKNOWN_KEY }), SERVER_RECORD],
    ['that another key signed', mint({ key: FORMER_KEY }), SERVER_RECORD],
    ['of a disabled key', mint(), DISABLED],
    ['of a client key', mint(), CLIENT],
    ['of a personal key', mint(), PERSONAL],
  ])('%s costs one HMAC, one comparison and one lookup', async (_, token, record) => {
    expect(await workOf(token, record)).toEqual({
      code: 'invalid_api_key',
      lookups: ['by name'],
      hashed: [],
      signed: [token.length - 'jwt:'.length - '.'.length - 43],
      compared: [43],
      verified: 0,
    });
  });
});

describe('a JWT behind a key', () => {
  const { ES256 } = makePairs();
  const { verifier } = makeVerifyingKey({}, { kind: 'pem', pem: pemOf(ES256) });
  const record: KeyRecord = { ...SERVER_RECORD, kind: 'client', verifier };
  const mintEs256 = (header: object = {}) =>
    mintJwt({ alg: 'ES256', key: ES256.privateKey, header: { ...header } });
  const jwt = mintEs256();
  const [, payload, signature] = jwt.split('.');
  const unsigned = (header: object): string =>
    `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`;

  // guarantee: hostile-jwt-unverified
  test.each([
    ['"none"', unsigned({ alg: 'none' })],
    ['HS256 on a public key', unsigned({ alg: 'HS256' })],
    ['an embedded key', mintEs256({ jwk: {} })],
    ['"crit"', mintEs256({ crit: ['exp'] })],
    ['no signature', `${jwt.split('.').slice(0, 2).join('.')}.`],
    ['8 kB of dots', '.'.repeat(8_000)],
    ['8 kB of brackets', `${Buffer.from('['.repeat(5_000)).toString('base64url')}.e30.AA`],
    ['a header of 7 kB', unsigned({ alg: 'ES256', x: 'x'.repeat(5_000) })],
    ['100 kB', mintJwt({ claims: { x: 'x'.repeat(75_000) } })],
    ['a header of 1 MB', mintJwt({ header: { x: 'x'.repeat(1_000_000) } })],
  ])('is refused without verifying a signature: %s', async (_, hostile) => {
    expect(await workOf(`${KEY}:${hostile}`, record)).toMatchObject({
      code: 'invalid_api_key',
      verified: 0,
    });
  });

  test('is verified once if only its signature can be wrong, valid or not', async () => {
    const wrong = mintJwt({ alg: 'ES256', key: makePairs().ES256.privateKey });
    for (const forged of [wrong, `${jwt}AAAA`]) {
      expect(await workOf(`${KEY}:${forged}`, record)).toMatchObject({
        code: 'invalid_api_key',
        verified: 1,
      });
    }
    expect(await workOf(`${KEY}:${jwt}`, record)).toMatchObject({ code: 'grant', verified: 1 });
  });

  test('is not verified behind an unknown key', async () => {
    expect(await workOf(`${UNKNOWN_KEY}:${jwt}`, record)).toMatchObject({ verified: 0 });
    expect(await workOf(`${KEY}:${jwt}`, { ...record, disabled: true })).toMatchObject({
      code: 'invalid_api_key',
      verified: 0,
    });
  });
});
