import { sign as signWith } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import { makeKeySets } from '../../../core/jwt/issuer-keys.ts';
import { readPublicKeyPem, requireSecretFor } from '../../../core/jwt/key-material.ts';
import type { JwtAlgorithm, VerifyingKey } from '../../../core/jwt/verifier.ts';
import { parseScopedToken } from '../../../core/tokens/scoped-token.ts';
import {
  clock,
  codeOf,
  keyOf,
  OTHERS,
  PAIRS,
  pairOf,
  SECRETS,
  signerOf,
  verify,
} from '../../support/client-jwts.ts';
import {
  AUDIENCE,
  HMAC_ALGORITHMS,
  ISSUER,
  type MintJwt,
  makeJwtSecrets,
  makeVerifyingKey,
  mintJwt,
  NO_KEY_SETS,
  PUBLIC_ALGORITHMS,
  pemOf,
} from '../../support/jwts.ts';
import { JWT_SECRET, KEY } from '../../support/memory-keys.ts';
import { KID, mint, NOW_SECONDS } from '../../support/tokens.ts';

const ES256_KEY = keyOf('ES256');
const es256 = (options: MintJwt = {}) =>
  mintJwt({ alg: 'ES256', ...signerOf('ES256'), ...options });

/** A token with its header and payload, signed by nobody. */
const unsigned = (header: object, signature = ''): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${mintJwt().split('.')[1]}.${signature}`;

describe.each<JwtAlgorithm>([...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS])('%s', (alg) => {
  const key = keyOf(alg);
  const signer = signerOf(alg);
  const send = (options: MintJwt = {}) => codeOf(mintJwt({ alg, ...signer, ...options }), key);

  test('is verified, and says whose it is', async () => {
    expect(await verify(mintJwt({ alg, ...signer }), key)).toEqual({ issuer: ISSUER, id: 'ada' });
  });

  test('is refused when another key signed it', async () => {
    const other = alg.startsWith('HS') ? 'x'.repeat(64) : pairOf(alg, OTHERS).privateKey;
    expect(await send({ key: other })).toBe('invalid_api_key');
  });

  test('is refused by a key of another family', async () => {
    const jwt = mintJwt({ alg, ...signer });
    const other = alg.startsWith('ES') ? keyOf('RS256') : keyOf('ES256');
    expect(await codeOf(jwt, other)).toBe('invalid_api_key');
    expect(await codeOf(jwt, alg.startsWith('HS') ? keyOf('RS256') : keyOf('HS256'))).toBe(
      'invalid_api_key',
    );
  });

  test('is refused by a key that allows another algorithm of the family', async () => {
    const narrowed = alg.startsWith('HS') ? 'HS256' : 'RS256';
    const expected = alg === narrowed ? 'verified' : 'invalid_api_key';
    const jwt = mintJwt({ alg, ...signer });
    expect(await codeOf(jwt, keyOf(alg, { algorithms: [narrowed] }))).toBe(expected);
  });

  test('is refused with a payload that was tampered with', async () => {
    const [head, , signature] = mintJwt({ alg, ...signer }).split('.');
    const [, payload] = mintJwt({ claims: { sub: 'eve' } }).split('.');
    expect(await codeOf(`${head}.${payload}.${signature}`, key)).toBe('invalid_api_key');
  });

  test('is told to be expired, or not active yet, when it is', async () => {
    expect(await send({ claims: { exp: NOW_SECONDS - 5 } })).toBe('token_expired');
    expect(await send({ claims: { exp: NOW_SECONDS - 4 } })).toBe('verified');
    expect(await send({ claims: { nbf: NOW_SECONDS + 6 } })).toBe('token_not_active');
    expect(await send({ claims: { nbf: NOW_SECONDS + 5 } })).toBe('verified');
  });
});

test('tells none of the faults before the signature apart', async () => {
  const faults = [
    mintJwt({ key: 'x'.repeat(64) }),
    mintJwt({ header: { alg: 'HS999' } }),
    mintJwt({ claims: { exp: 1 }, key: 'x'.repeat(64) }),
    'x',
  ];
  for (const jwt of faults) {
    await expect(verify(jwt)).rejects.toMatchObject({
      code: 'invalid_api_key',
      message: 'The API key is missing or not valid.',
      facts: {},
    });
  }
});

test('tells the checks that are passed, in their order', async () => {
  const told: string[] = [];
  const onPassed = (check: string): void => void told.push(check);
  const key = makeVerifyingKey({ required: [{ claim: 'sub', values: [] }] });
  await verifyClientJwt(mintJwt(), key, {
    secrets: SECRETS,
    keySets: NO_KEY_SETS,
    clock,
    onPassed,
  });
  expect(told).toEqual([
    'jwt form',
    'jwt signature',
    'issuer',
    'audience',
    'azp',
    'jwt times',
    'user',
    'required claims',
  ]);
});

test('takes another claim for the audience where there is none, if the key says which', async () => {
  const key = makeVerifyingKey({ audiences: ['app'], audienceClaim: 'client_id' });
  expect(await codeOf(mintJwt({ claims: { aud: undefined, client_id: 'app' } }), key)).toBe(
    'verified',
  );
  expect(await codeOf(mintJwt({ claims: { aud: 'app', client_id: 'other' } }), key)).toBe(
    'verified',
  );
  for (const claims of [
    { aud: undefined, client_id: 'other' },
    { aud: undefined },
    { aud: undefined, client_id: 1 },
    { aud: 'other', client_id: 'app' },
    { aud: [], client_id: 'app' },
  ]) {
    expect(await codeOf(mintJwt({ claims }), key)).toBe('token_claim_invalid');
  }
  const plain = makeVerifyingKey({ audiences: ['app'] });
  const unnamed = mintJwt({ claims: { aud: undefined, client_id: 'app' } });
  expect(await codeOf(unnamed, plain)).toBe('token_claim_invalid');
});

test('passes over what providers write into their headers', async () => {
  for (const header of [
    { kid: 'ins_1', cat: 'cl_B7d4PD111AAA' },
    { x5t: 'nOo3ZDrODXEK1jKWhXslHR_KXEg', kid: 'nOo3ZDrODXEK1jKWhXslHR_KXEg', nonce: 'n' },
    { 'x5t#S256': 'x', typ: 'at+jwt' },
    { typ: undefined },
  ]) {
    expect(await codeOf(mintJwt({ header }))).toBe('verified');
  }
});

describe('RFC 8725', () => {
  test('3.1: verifies with the algorithms of the key, whatever the header says', async () => {
    const pem = pemOf(PAIRS.rsa);
    for (const key of [
      pem,
      pem.trim(),
      JSON.stringify(PAIRS.rsa.publicKey.export({ format: 'jwk' })),
    ]) {
      expect(await codeOf(mintJwt({ alg: 'HS256', key }), keyOf('RS256'))).toBe('invalid_api_key');
    }
    // Nor when a record lists what its material cannot serve.
    const confused = keyOf('RS256', { algorithms: ['RS256', 'HS256'] });
    await expect(verify(mintJwt({ alg: 'HS256', key: pem }), confused)).rejects.toMatchObject({
      code: 'invalid_api_key',
      detail: 'client access: its "alg" is not one that the key allows',
    });
  });

  test('3.2: has no "none", in any case, with or without a signature', async () => {
    const cases = fc.sample(fc.mixedCase(fc.constant('none')), 100);
    for (const alg of [...new Set([...cases, 'none', 'NONE', 'nOnE', 'None', ' none', 'none\0'])]) {
      expect(await codeOf(unsigned({ alg }))).toBe('invalid_api_key');
      expect(await codeOf(mintJwt({ header: { alg } }))).toBe('invalid_api_key');
    }
  });

  test('3.3: refuses what is encrypted or nested', async () => {
    expect(await codeOf(`${mintJwt()}.AA.AA`)).toBe('invalid_api_key');
    expect(await codeOf(mintJwt({ header: { enc: 'A256GCM' } }))).toBe('invalid_api_key');
    expect(await codeOf(mintJwt({ header: { cty: 'JWT' } }))).toBe('invalid_api_key');
    expect(await codeOf(mintJwt({ payloadText: mintJwt() }))).toBe('token_claim_invalid');
  });

  test('3.4: has no use for a point that is not on its curve', async () => {
    const jwk = { ...PAIRS.ES256.publicKey.export({ format: 'jwk' }), kid: 'k1' };
    const moved = { ...jwk, y: jwk.x };
    const find = (key: object) =>
      makeKeySets(async () => JSON.stringify({ keys: [key] }), clock).find('https://i.example/', {
        kid: 'k1',
        alg: 'ES256',
      });
    expect(await find(jwk)).toBeDefined();
    expect(await find(moved)).toBeUndefined();
  });

  test('3.5: takes no secret that is shorter than the hash', async () => {
    expect(() => requireSecretFor(Buffer.alloc(31, 'a'), ['HS256'])).toThrow(GatewayError);
    expect(() => requireSecretFor(Buffer.alloc(0), ['HS256'])).toThrow(GatewayError);
    for (const secret of ['8 bytes!', '']) {
      const secrets = makeJwtSecrets(secret);
      const jwt = mintJwt({ key: secret });
      await expect(
        verifyClientJwt(jwt, makeVerifyingKey(), { secrets, keySets: NO_KEY_SETS, clock }),
      ).rejects.toMatchObject({ code: 'service_unavailable' });
    }
  });

  test('3.6: refuses what is compressed', async () => {
    expect(await codeOf(mintJwt({ header: { zip: 'DEF' } }))).toBe('invalid_api_key');
  });

  test('3.7: reads UTF-8 strictly', async () => {
    const notUtf8 = Buffer.concat([Buffer.from('{"sub":"a'), Buffer.of(0xff), Buffer.from('"}')]);
    expect(await codeOf(mintJwt({ payloadText: notUtf8 }))).toBe('token_claim_invalid');
    expect(await codeOf(mintJwt({ headerText: notUtf8 }))).toBe('invalid_api_key');
    expect(await verify(mintJwt({ claims: { sub: 'Ada Lovelace \u{1F469}' } }))).toMatchObject({
      id: 'Ada Lovelace \u{1F469}',
    });
  });

  test('3.8: asks for the issuer and the subject', async () => {
    const key = makeVerifyingKey({ issuers: [ISSUER] });
    expect(await codeOf(mintJwt(), key)).toBe('verified');
    for (const iss of [
      'https://issuer.example.edu',
      `${ISSUER}x`,
      'https://evil.example/',
      undefined,
    ]) {
      expect(await codeOf(mintJwt({ claims: { iss } }), key)).toBe('token_claim_invalid');
    }
    expect(await codeOf(mintJwt({ claims: { sub: undefined } }))).toBe('token_claim_invalid');
  });

  test('3.9: asks for the audience', async () => {
    const key = makeVerifyingKey({ audiences: [AUDIENCE] });
    expect(await codeOf(mintJwt(), key)).toBe('verified');
    for (const aud of ['hallpass2', 'hall', undefined, [], ['other']]) {
      expect(await codeOf(mintJwt({ claims: { aud } }), key)).toBe('token_claim_invalid');
    }
  });

  test('3.10: follows nothing that a token points to', async () => {
    const jwk = OTHERS.ES256.publicKey.export({ format: 'jwk' });
    const { privateKey } = OTHERS.ES256;
    for (const header of [
      { jwk },
      { jku: 'https://evil.example/jwks.json' },
      { x5u: 'https://evil.example/cert.pem' },
      { x5c: ['MIIB'] },
    ]) {
      expect(await codeOf(es256({ header, key: privateKey }), ES256_KEY)).toBe('invalid_api_key');
      expect(await codeOf(es256({ header }), ES256_KEY)).toBe('invalid_api_key');
    }
  });

  test('3.11: takes the types of ID and access tokens alone', async () => {
    for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt']) {
      expect(await codeOf(mintJwt({ header: { typ } }))).toBe('verified');
    }
    for (const typ of ['dpop+jwt', 'logout+jwt', 'JOSE', '', null, 1, ['JWT'], 'application/']) {
      expect(await codeOf(mintJwt({ header: { typ } }))).toBe('invalid_api_key');
    }
  });

  test('3.12: takes no scoped token, and none of these is one', async () => {
    // Even where someone made the key itself the shared secret.
    const jwt = mint({ claims: { sub: 'ada' } }).slice('jwt:'.length);
    const ports = { secrets: makeJwtSecrets(KEY), keySets: NO_KEY_SETS, clock };
    await expect(verifyClientJwt(jwt, makeVerifyingKey(), ports)).rejects.toMatchObject({
      code: 'invalid_api_key',
      detail: 'client access: it is a scoped token',
    });
    const withKid = mintJwt({ header: { kid: KID } });
    expect(await codeOf(withKid)).toBe('invalid_api_key');
    expect(() => parseScopedToken(mintJwt())).toThrow(GatewayError);
    expect(() => parseScopedToken(mintJwt({ header: { kid: 'key:1' } }))).toThrow(GatewayError);
    expect(() => requireSecretFor(Buffer.from(KEY), ['HS256'])).toThrow(GatewayError);
  });
});

describe('what jose takes and this does not', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const verifiedSpellings = async (jwt: string, key: VerifyingKey) => {
    const spellings = [...ALPHABET].map((last) => codeOf(jwt.slice(0, -1) + last, key));
    return (await Promise.all(spellings)).filter((code) => code === 'verified').length;
  };

  test('is any but one spelling of a signature', async () => {
    expect(await verifiedSpellings(es256(), ES256_KEY)).toBe(1);
    expect(await verifiedSpellings(mintJwt(), makeVerifyingKey())).toBe(1);
  });

  test.each([
    ['a space before', ` ${mintJwt()}`],
    ['a space behind', `${mintJwt()} `],
    ['a line feed behind', `${mintJwt()}\n`],
    ['a space within', mintJwt().replace('.', '. ')],
    ['padding', `${mintJwt()}=`],
    ['standard base64', mintJwt().replaceAll('-', '+').replaceAll('_', '/').concat('+/')],
    ['four parts', `${mintJwt()}.`],
    ['"alg" twice', mintJwt({ headerText: '{"alg":"HS256","alg":"HS256"}' })],
    ['"alg" twice, once escaped', mintJwt({ headerText: '{"alg":"none","\\u0061lg":"HS256"}' })],
    ['a header of 1 MB', mintJwt({ header: { x: 'x'.repeat(1_000_000) } })],
  ])('is %s', async (_, jwt) => {
    expect(await codeOf(jwt)).toBe('invalid_api_key');
  });

  test.each([
    ['exp of 1e300', { exp: 1e300 }],
    ['exp below zero', { exp: -1 }],
    ['exp as a text', { exp: String(NOW_SECONDS + 60) }],
    ['exp of null', { exp: null }],
    ['nbf as a text', { nbf: '0' }],
    ['iat as a list', { iat: [1] }],
    ['an object as sub', { sub: { id: 'ada' } }],
    ['a number as sub', { sub: 7 }],
    ['null as sub', { sub: null }],
    ['an empty sub, whatever else there is', { sub: '', user_id: 'ada' }],
    ['a sub of 257 characters', { sub: 'x'.repeat(257) }],
    ['a control character in sub', { sub: 'a\u0000b' }],
  ])('is %s', async (_, claims) => {
    expect(await codeOf(mintJwt({ claims }))).toBe('token_claim_invalid');
  });

  test('is any type', async () => {
    expect(await codeOf(mintJwt({ header: { typ: 'secevent+jwt' } }))).toBe('invalid_api_key');
  });

  test('is a secret of eight bytes', async () => {
    expect(() => requireSecretFor(Buffer.from('8 bytes!'), ['HS256'])).toThrow(
      'the shared secret must have at least 32 bytes for HS256, got 8',
    );
  });

  test('is a token without a kid, where the issuer has several keys that might fit', async () => {
    const jwkOf = (pair: (typeof PAIRS)['ES256'], kid: string) => ({
      ...pair.publicKey.export({ format: 'jwk' }),
      kid,
    });
    const all = [jwkOf(PAIRS.ES256, 'k1'), jwkOf(OTHERS.ES256, 'k2')];
    const codeWith = (keys: readonly object[], header: object) => {
      const key = makeVerifyingKey({}, { kind: 'jwks', url: 'https://issuer.example.edu/jwks' });
      const keySets = makeKeySets(async () => JSON.stringify({ keys }), clock);
      return verifyClientJwt(es256({ header: { ...header } }), key, {
        secrets: SECRETS,
        keySets,
        clock,
      }).then(
        () => 'verified',
        ({ code }) => code,
      );
    };
    expect(await codeWith(all, {})).toBe('invalid_api_key');
    expect(await codeWith(all, { kid: 'k1' })).toBe('verified');
    expect(await codeWith(all.slice(0, 1), {})).toBe('verified');
  });

  test('is a token from the future', async () => {
    expect(await codeOf(mintJwt({ claims: { iat: NOW_SECONDS + 6 } }))).toBe('token_not_active');
    expect(await codeOf(mintJwt({ claims: { iat: NOW_SECONDS + 5 } }))).toBe('verified');
  });

  test.each([
    ['a claim twice', '{"sub":"ada","sub":"eve"}'],
    ['a claim twice within another', '{"sub":"ada","a":{"b":1,"b":2}}'],
    ['claims 17 deep', `{"sub":"ada","a":${'['.repeat(16)}${']'.repeat(16)}}`],
    ['a list of claims', '["ada"]'],
    ['a byte order mark', '\ufeff{"sub":"ada"}'],
  ])('is %s', async (_, payloadText) => {
    expect(await codeOf(mintJwt({ payloadText }))).toBe('token_claim_invalid');
  });

  test('is claims nested 50,000 deep', async () => {
    const payloadText = `{"sub":"ada","a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect(await codeOf(mintJwt({ payloadText }))).toBe('invalid_api_key');
  });
});

describe('what is hostile', () => {
  test.each([
    ['an empty signature', unsigned({ alg: 'HS256' })],
    ['a signature of zeros', unsigned({ alg: 'HS256' }, 'A'.repeat(43))],
    ['a signature that is too long', `${mintJwt()}AAAA`],
    ['"crit"', mintJwt({ header: { crit: ['exp'] } })],
    ['an empty "crit"', mintJwt({ header: { crit: [] } })],
    ['"b64"', mintJwt({ header: { b64: false, crit: ['b64'] } })],
    ['a "kid" of 7 kB', mintJwt({ header: { kid: 'k'.repeat(5_000) } })],
    ['a "kid" of 257 characters', mintJwt({ header: { kid: 'k'.repeat(257) } })],
    ['an empty "kid"', mintJwt({ header: { kid: '' } })],
    ['an object as "kid"', mintJwt({ header: { kid: { $ne: null } } })],
    ['a "kid" with NUL', mintJwt({ header: { kid: 'key\u0000' } })],
    ['JSON in place of the compact form', JSON.stringify({ payload: 'e30', signatures: [] })],
    ['flattened JSON', `{"protected":"e30","payload":"e30","signature":"AA"}`],
    ['100 kB', mintJwt({ claims: { x: 'x'.repeat(75_000) } })],
    ['100 kB of dots', '.'.repeat(100_000)],
    ['8 kB of dots', '.'.repeat(8_192)],
    ['8 kB of brackets', mintJwt({ headerText: '['.repeat(5_000) })],
    ['nothing', ''],
    ['two dots', '..'],
    ['a list of algorithms', mintJwt({ header: { alg: ['HS256'] } })],
    ['no algorithm', mintJwt({ header: { alg: undefined } })],
    ['a name of every object as algorithm', mintJwt({ header: { alg: 'constructor' } })],
    ['an algorithm in small letters', mintJwt({ header: { alg: 'hs256' } })],
  ])('is refused: %s', async (_, jwt) => {
    expect(await codeOf(jwt)).toBe('invalid_api_key');
  });

  test('is refused: a signature of ECDSA made of zeros, or in DER', async () => {
    const [head, payload] = es256().split('.');
    const zeros = Buffer.alloc(64).toString('base64url');
    expect(await codeOf(`${head}.${payload}.${zeros}`, ES256_KEY)).toBe('invalid_api_key');
    const der = signWith('sha256', Buffer.from(`${head}.${payload}`), PAIRS.ES256.privateKey);
    expect(await codeOf(`${head}.${payload}.${der.toString('base64url')}`, ES256_KEY)).toBe(
      'invalid_api_key',
    );
  });

  test.each([
    ['../../etc/passwd'],
    ['../../../dev/null'],
    ["' OR 1=1 --"],
    ["k1'; DROP TABLE keys; --"],
    ['k1/../k1'],
    ['k1%00'],
    ['__proto__'],
    ['constructor'],
    ['https://evil.example/k'],
    ['k2'],
  ])('is refused: the "kid" %s of a key set that has none such', async (kid) => {
    const jwk = { ...PAIRS.ES256.publicKey.export({ format: 'jwk' }), kid: 'k1' };
    const asked: string[] = [];
    const keySets = makeKeySets(async (url) => {
      asked.push(url);
      return JSON.stringify({ keys: [jwk] });
    }, clock);
    const key = makeVerifyingKey({}, { kind: 'jwks', url: 'https://issuer.example.edu/jwks' });
    const ports = { secrets: SECRETS, keySets, clock };
    await expect(verifyClientJwt(es256({ header: { kid } }), key, ports)).rejects.toMatchObject({
      code: 'invalid_api_key',
      detail: 'client access: no key fits its "kid" and "alg"',
    });
    expect(await verifyClientJwt(es256({ header: { kid: 'k1' } }), key, ports)).toMatchObject({
      id: 'ada',
    });
    expect(asked).toEqual(['https://issuer.example.edu/jwks']);
  });

  test('is an outage, not a refusal, when a record holds what cannot verify', async () => {
    const key = makeVerifyingKey({}, { kind: 'pem', pem: 'CANARY' });
    await expect(verify(es256(), key)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(() => readPublicKeyPem(JWT_SECRET)).toThrow(GatewayError);
  });
});

describe('fuzz', () => {
  const KEYS = [
    makeVerifyingKey({ issuers: [ISSUER], required: [{ claim: 'a.b', values: [1] }] }),
    ES256_KEY,
    keyOf('RS256'),
    keyOf('EdDSA'),
  ];
  const CODES = [
    'verified',
    'invalid_api_key',
    'token_expired',
    'token_not_active',
    'token_claim_invalid',
    'claim_not_allowed',
  ];
  const runs = { numRuns: 300 };

  test('gets nothing but these codes out of any text', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom(...KEYS), async (jwt, key) => {
        expect(await codeOf(jwt, key)).toBe('invalid_api_key');
      }),
      runs,
    );
  });

  test('gets nothing but these codes out of any header', async () => {
    const header = fc.record(
      {
        alg: fc.oneof(fc.constantFrom('HS256', 'ES256', 'RS256', 'none'), fc.jsonValue()),
        typ: fc.oneof(fc.constant('JWT'), fc.jsonValue()),
        kid: fc.jsonValue(),
        crit: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(header, fc.constantFrom(...KEYS), async (members, key) => {
        expect(CODES).toContain(
          await codeOf(mintJwt({ headerText: JSON.stringify(members) }), key),
        );
      }),
      runs,
    );
  });

  test('gets nothing but these codes out of any claims that are signed', async () => {
    const names = ['iss', 'aud', 'azp', 'sub', 'user_id', 'exp', 'nbf', 'iat', 'a', 'email'];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.double(),
      fc.constantFrom(ISSUER, NOW_SECONDS, { b: 1 }),
    );
    const claims = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value);
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(claims, async (members) => {
        const code = await codeOf(mintJwt({ payloadText: JSON.stringify(members) }), KEYS[0]);
        seen.add(code);
        expect(CODES).toContain(code);
      }),
      runs,
    );
    expect(seen).toContain('token_claim_invalid');
  });

  test('takes no bytes for a signature that are none, of whatever length', async () => {
    const signature = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc
        .constantFrom(64, 96, 132, 255, 256, 257)
        .chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
    );
    const algorithms = fc.constantFrom<JwtAlgorithm>(...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS);
    await fc.assert(
      fc.asyncProperty(algorithms, signature, async (alg, bytes) => {
        const jwt = unsigned({ alg }, Buffer.from(bytes).toString('base64url'));
        expect(await codeOf(jwt, keyOf(alg))).toBe('invalid_api_key');
      }),
      runs,
    );
  });

  test('verifies no token of which one character was changed', async () => {
    const jwt = es256();
    const at = fc.nat(jwt.length - 1);
    await fc.assert(
      fc.asyncProperty(at, fc.constantFrom(...'aZ09-_.='), async (index, other) => {
        fc.pre(jwt[index] !== other);
        const changed = jwt.slice(0, index) + other + jwt.slice(index + 1);
        expect(await codeOf(changed, ES256_KEY)).toBe('invalid_api_key');
      }),
      runs,
    );
  });
});
