import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import { KEY_SETS_MAX, makeKeySets } from '../../../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../../../core/jwt/jwt-keys.ts';
import type { JwtAlgorithm } from '../../../core/jwt/verifier.ts';
import {
  makeJwtSecrets,
  makePairs,
  makeVerifyingKey,
  mintJwt,
  type Pair,
} from '../../support/jwts.ts';
import { NOW_MS } from '../../support/tokens.ts';

const PAIRS = makePairs();
const NEW_PAIRS = makePairs();
const URL_OF_SET = 'https://issuer.example.edu/jwks';
const MINUTE_MS = 60_000;

const jwkOf = ({ publicKey }: Pair, more: object = {}) => ({
  ...publicKey.export({ format: 'jwk' }),
  ...more,
});
const FIRST = jwkOf(PAIRS.ES256, { kid: 'first' });
const SECOND = jwkOf(NEW_PAIRS.ES256, { kid: 'second' });

/** An issuer under a clock that a test moves. Its answer may fail, or wait until it is released. */
function makeIssuer(keys: readonly object[] = [FIRST]) {
  const issuer = {
    nowMs: NOW_MS,
    fetched: [] as string[],
    keys,
    answer: async (): Promise<string> => JSON.stringify({ keys: issuer.keys }),
    slept: [] as number[],
  };
  const clock = {
    nowMs: () => issuer.nowMs,
    sleep: async (durationMs: number) => {
      issuer.slept.push(durationMs);
    },
  };
  const sets = makeKeySets((url) => {
    issuer.fetched.push(url);
    return issuer.answer();
  }, clock);
  const find = (kid?: string, alg: JwtAlgorithm = 'ES256', url = URL_OF_SET) =>
    sets.find(url, { kid, alg });
  const key = makeVerifyingKey({ clockToleranceSeconds: 60 }, { kind: 'jwks', url: URL_OF_SET });
  const verify = (pair: Pair, kid?: string) =>
    verifyClientJwt(
      mintJwt({
        alg: 'ES256',
        key: pair.privateKey,
        header: { kid },
        claims: { exp: NOW_MS / 1000 + 172_800 },
      }),
      key,
      { jwtKeys: makeJwtKeys(makeJwtSecrets(), sets), clock },
    );
  const codeOf = (pair: Pair, kid?: string): Promise<string> =>
    verify(pair, kid).then(
      () => 'verified',
      (error) => (error instanceof GatewayError ? error.code : `not ours: ${error}`),
    );
  return Object.assign(issuer, { find, verify, codeOf });
}

const down = async (): Promise<never> => {
  throw new GatewayError('service_unavailable', { detail: 'down' });
};

describe('a key set', () => {
  test('is fetched once for callers at the same time, and kept for ten minutes', async () => {
    const issuer = makeIssuer();
    const codes = await Promise.all(
      Array.from({ length: 100 }, () => issuer.codeOf(PAIRS.ES256, 'first')),
    );
    expect(new Set(codes)).toEqual(new Set(['verified']));
    issuer.nowMs += 10 * MINUTE_MS - 1;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    expect(issuer.fetched).toEqual([URL_OF_SET]);
    issuer.nowMs += 1;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    expect(issuer.fetched).toHaveLength(2);
  });

  test('accepts a new key and refuses a withdrawn one, without a restart', async () => {
    const issuer = makeIssuer();
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    issuer.nowMs += 30_000;
    issuer.keys = [FIRST, SECOND];
    expect(await issuer.codeOf(NEW_PAIRS.ES256, 'second')).toBe('verified');
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    expect(issuer.fetched).toHaveLength(2);
    issuer.keys = [SECOND];
    issuer.nowMs += 10 * MINUTE_MS;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('invalid_api_key');
    expect(await issuer.codeOf(NEW_PAIRS.ES256, 'second')).toBe('verified');
  });

  test('is fetched again once for an unknown kid, and then not for 30 s', async () => {
    const issuer = makeIssuer();
    await issuer.codeOf(PAIRS.ES256, 'first');
    issuer.nowMs += 29_999;
    expect(await issuer.codeOf(NEW_PAIRS.ES256, 'second')).toBe('invalid_api_key');
    expect(issuer.fetched).toHaveLength(1);
    issuer.nowMs += 1;
    expect(await issuer.codeOf(NEW_PAIRS.ES256, 'second')).toBe('invalid_api_key');
    expect(await issuer.codeOf(NEW_PAIRS.ES256, 'third')).toBe('invalid_api_key');
    expect(issuer.fetched).toHaveLength(2);
  });

  test('is dropped when 16 newer sets are used', async () => {
    const issuer = makeIssuer();
    const ask = (count: number) => issuer.find('first', 'ES256', `https://i${count}.example/`);
    for (let count = 0; count < KEY_SETS_MAX; count += 1) await ask(count);
    await ask(0);
    await ask(KEY_SETS_MAX);
    expect(issuer.fetched).toHaveLength(17);
    await ask(0); // A request used it since, so another one gave way.
    expect(issuer.fetched).toHaveLength(17);
    await ask(1);
    expect(issuer.fetched).toHaveLength(18);
  });
});

describe('an outage', () => {
  const answers: readonly (readonly [string, () => Promise<string>])[] = [
    ['fails', down],
    ['is no JSON', async () => '<html>'],
    ['is no key set', async () => '{"keys":{}}'],
    ['is null', async () => 'null'],
  ];
  test.each(answers)(
    'with no key in memory is told as such when the answer %s',
    async (_, answer) => {
      const issuer = makeIssuer();
      issuer.answer = answer;
      expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('service_unavailable');
      issuer.nowMs += 9_999;
      expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('service_unavailable');
      expect(issuer.fetched).toHaveLength(1);
      issuer.nowMs += 1;
      issuer.answer = async () => JSON.stringify({ keys: [FIRST] });
      expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
      expect(issuer.fetched).toHaveLength(2);
    },
  );

  test('shows its reason to the operator and to nobody else', async () => {
    const issuer = makeIssuer();
    issuer.answer = async () => {
      const detail = "an issuer's key set cannot be fetched: it answered 500";
      throw new GatewayError('service_unavailable', { detail, cause: 'why' });
    };
    for (let count = 0; count < 2; count += 1) {
      await expect(issuer.find('first')).rejects.toMatchObject({
        message: 'The gateway cannot decide now; nothing was spent.',
        detail:
          "no keys of an issuer are in memory: an issuer's key set cannot be fetched: it answered 500",
        cause: 'why',
      });
    }
    issuer.nowMs += 10_000;
    issuer.answer = async () => '<html>';
    await expect(issuer.find('first')).rejects.toMatchObject({
      detail: "no keys of an issuer are in memory: an issuer's key set cannot be read",
    });
  });

  test('leaves the last keys valid for a day, and then none', async () => {
    const issuer = makeIssuer();
    await issuer.codeOf(PAIRS.ES256, 'first');
    issuer.answer = down;
    issuer.nowMs += 1440 * MINUTE_MS - 1;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    expect(await issuer.codeOf(NEW_PAIRS.ES256, 'second')).toBe('invalid_api_key');
    issuer.nowMs += 10_000;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('service_unavailable');
  });

  test('starts a fetch every 30 s while the last keys are used', async () => {
    const issuer = makeIssuer();
    await issuer.codeOf(PAIRS.ES256, 'first');
    issuer.answer = down;
    issuer.nowMs += 10 * MINUTE_MS;
    for (let second = 0; second < 60; second += 1) {
      expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
      issuer.nowMs += 1_000;
    }
    expect(issuer.fetched).toHaveLength(3);
  });

  test('delays a token with a known key by a second at most', async () => {
    const issuer = makeIssuer();
    await issuer.codeOf(PAIRS.ES256, 'first');
    issuer.answer = () => new Promise(() => {});
    issuer.nowMs += 10 * MINUTE_MS;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    issuer.nowMs += 400;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    issuer.nowMs += 600;
    expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    expect(issuer.slept).toEqual([1_000, 600]);
    expect(issuer.fetched).toHaveLength(2);
  });
});

describe('10,000 unknown kids', () => {
  const flood = async (issuer: ReturnType<typeof makeIssuer>, spreadMs: number) => {
    const codes = new Set<string | undefined>();
    for (let batch = 0; batch < 100; batch += 1) {
      const found = Array.from({ length: 100 }, (_, at) =>
        issuer.find(`kid-${batch}-${at}`).then(
          (key) => (key === undefined ? 'unknown' : 'found'),
          (error) => Object(error).code,
        ),
      );
      for (const code of await Promise.all(found)) codes.add(code);
      expect(await issuer.find('first').catch((error) => Object(error).code)).toBeDefined();
      issuer.nowMs += spreadMs;
    }
    return [...codes];
  };

  test.each([
    ['answers', async () => JSON.stringify({ keys: [FIRST] })],
    ['fails', down],
  ])(
    'cause one fetch in each cool-down while the issuer %s, and valid tokens pass',
    async (_, answer) => {
      const issuer = makeIssuer();
      expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
      issuer.answer = answer;
      issuer.nowMs += 30_000;
      // A hundred batches over 99 s: the first of them asks, and those 30, 60 and 90 s later.
      expect(await flood(issuer, 1_000)).toEqual(['unknown']);
      expect(issuer.fetched).toHaveLength(5);
      expect(await issuer.codeOf(PAIRS.ES256, 'first')).toBe('verified');
    },
  );

  test('cause one fetch every ten seconds if the issuer was never up', async () => {
    const issuer = makeIssuer();
    issuer.answer = down;
    expect(await flood(issuer, 100)).toEqual(['service_unavailable']);
    expect(issuer.fetched).toHaveLength(1);
    issuer.nowMs += 100;
    await flood(issuer, 0);
    expect(issuer.fetched).toHaveLength(2);
  });

  test('wait for the one running fetch', async () => {
    const issuer = makeIssuer();
    await issuer.find('first');
    issuer.nowMs += 30_000;
    let release = (_: string): void => {};
    issuer.answer = () => new Promise((resolve) => (release = resolve));
    const asked = Array.from({ length: 10_000 }, (_, at) => issuer.find(`kid-${at}`));
    await expect(issuer.find('first')).resolves.toBeDefined();
    expect(issuer.fetched).toHaveLength(2);
    release(JSON.stringify({ keys: [FIRST] }));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([undefined]));
    expect(issuer.fetched).toHaveLength(2);
  });
});

describe('the key that fits', () => {
  const findIn = (keys: readonly unknown[], kid: string | undefined, alg: JwtAlgorithm) =>
    makeIssuer(keys as object[]).find(kid, alg);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

  test.each<[string, readonly unknown[], string | undefined, JwtAlgorithm]>([
    ['its kid and curve', [FIRST, SECOND], 'first', 'ES256'],
    ['the only one, for a token without a kid', [FIRST], undefined, 'ES256'],
    ['the only one of its type', [FIRST, jwkOf(PAIRS.rsa)], undefined, 'PS384'],
    [
      'use, alg and key_ops',
      [{ ...FIRST, use: 'sig', alg: 'ES256', key_ops: ['verify'] }],
      'first',
      'ES256',
    ],
    [
      'the one of two with a kid that has its alg',
      [
        jwkOf(PAIRS.rsa, { kid: 'k', alg: 'RS256' }),
        jwkOf(NEW_PAIRS.rsa, { kid: 'k', alg: 'RS512' }),
      ],
      'k',
      'RS512',
    ],
    ['the newer name of EdDSA', [jwkOf(PAIRS.EdDSA, { kid: 'k', alg: 'Ed25519' })], 'k', 'EdDSA'],
    ['what is unknown beside it', [null, 5, 'x', [], {}, { kty: 'new' }, FIRST], 'first', 'ES256'],
    [
      'members that are not followed',
      [{ ...FIRST, x5u: 'https://evil.example/', x5c: ['x'] }],
      'first',
      'ES256',
    ],
  ])('is found by %s', async (_, keys, kid, alg) => {
    expect(await findIn(keys, kid, alg)).toMatchObject({ type: 'public' });
  });

  test.each<[string, readonly unknown[], string | undefined, JwtAlgorithm]>([
    ['another curve', [FIRST], 'first', 'ES384'],
    ['another type', [FIRST], 'first', 'RS256'],
    ['another alg', [jwkOf(PAIRS.rsa, { kid: 'k', alg: 'RS256' })], 'k', 'PS256'],
    ['an alg that is none', [{ ...FIRST, alg: 'none' }], 'first', 'ES256'],
    ['a key for encryption', [{ ...FIRST, use: 'enc' }], 'first', 'ES256'],
    ['a key to sign with', [{ ...FIRST, key_ops: ['sign'] }], 'first', 'ES256'],
    ['key_ops that are no list', [{ ...FIRST, key_ops: 'verify' }], 'first', 'ES256'],
    [
      'a private key',
      [{ ...PAIRS.ES256.privateKey.export({ format: 'jwk' }), kid: 'k' }],
      'k',
      'ES256',
    ],
    ['a shared secret', [{ kty: 'oct', k: 'x'.repeat(86), kid: 'k' }], 'k', 'HS256'],
    ['a weak RSA key', [jwkOf(weak, { kid: 'k' })], 'k', 'RS256'],
    ['the exponent 1', [jwkOf(PAIRS.rsa, { kid: 'k', e: 'AQ' })], 'k', 'RS256'],
    ['several, for a token without a kid', [FIRST, SECOND], undefined, 'ES256'],
    ['two of one kid', [FIRST, { ...SECOND, kid: 'first' }], 'first', 'ES256'],
    ['a kid that is no text', [{ ...FIRST, kid: 5 }], undefined, 'ES256'],
    ['a key without kid, for a token with one', [jwkOf(PAIRS.ES256)], 'first', 'ES256'],
    ['a kid in other case', [FIRST], 'FIRST', 'ES256'],
    ['the 65th key', [...Array.from({ length: 64 }, () => SECOND), FIRST], 'first', 'ES256'],
    ['no key at all', [], undefined, 'ES256'],
  ])('does not exist: %s', async (_, keys, kid, alg) => {
    expect(await findIn(keys, kid, alg)).toBeUndefined();
  });

  test('is parsed once', async () => {
    const issuer = makeIssuer();
    expect(await issuer.find('first')).toBe(await issuer.find('first'));
  });
});
