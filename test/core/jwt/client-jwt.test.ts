import { describe, expect, test } from 'vitest';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import type { JwtFact } from '../../../core/jwt/facts.ts';
import type { JwtAlgorithm } from '../../../core/jwt/verifier.ts';
import {
  codeOf,
  keyOf,
  makeJwtPorts,
  OTHERS,
  pairOf,
  signerOf,
  verify,
} from '../../support/client-jwts.ts';
import {
  HMAC_ALGORITHMS,
  ISSUER,
  type MintJwt,
  makeVerifyingKey,
  mintJwt,
  PUBLIC_ALGORITHMS,
} from '../../support/jwts.ts';
import { NOW_SECONDS } from '../../support/tokens.ts';

describe.each<JwtAlgorithm>([...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS])('%s', (alg) => {
  const key = keyOf(alg);
  const signer = signerOf(alg);
  const send = (options: MintJwt = {}) => codeOf(mintJwt({ alg, ...signer, ...options }), key);

  test('is verified and names its user', async () => {
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

  test('is refused if its payload was changed', async () => {
    const [head, , signature] = mintJwt({ alg, ...signer }).split('.');
    const [, payload] = mintJwt({ claims: { sub: 'eve' } }).split('.');
    expect(await codeOf(`${head}.${payload}.${signature}`, key)).toBe('invalid_api_key');
  });

  test('is refused as expired or not active yet, after its signature holds', async () => {
    expect(await send({ claims: { exp: NOW_SECONDS - 5 } })).toBe('token_expired');
    expect(await send({ claims: { exp: NOW_SECONDS - 4 } })).toBe('verified');
    expect(await send({ claims: { nbf: NOW_SECONDS + 6 } })).toBe('token_not_active');
    expect(await send({ claims: { nbf: NOW_SECONDS + 5 } })).toBe('verified');
  });
});

test('gives one answer to every fault before the signature holds', async () => {
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

test('hands out each check that it passes as a fact, in order', async () => {
  const facts: JwtFact[] = [];
  const onPassed = (fact: JwtFact): void => void facts.push(fact);
  const key = makeVerifyingKey({ issuers: [ISSUER], required: [{ claim: 'sub', values: [] }] });
  await verifyClientJwt(mintJwt(), key, { ...makeJwtPorts(), onPassed });
  expect(facts).toEqual([
    { check: 'jwt form', alg: 'HS256' },
    { check: 'jwt signature' },
    { check: 'issuer', isRestricted: true },
    { check: 'audience', isRestricted: false },
    { check: 'azp', isRestricted: false },
    { check: 'jwt times' },
    { check: 'user' },
    { check: 'required claims' },
  ]);
});

test('reads the audience from another claim if there is no aud and the key names that claim', async () => {
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

test('ignores the extra headers of known providers', async () => {
  for (const header of [
    { kid: 'ins_1', cat: 'cl_B7d4PD111AAA' },
    { x5t: 'nOo3ZDrODXEK1jKWhXslHR_KXEg', kid: 'nOo3ZDrODXEK1jKWhXslHR_KXEg', nonce: 'n' },
    { 'x5t#S256': 'x', typ: 'at+jwt' },
    { typ: undefined },
  ]) {
    expect(await codeOf(mintJwt({ header }))).toBe('verified');
  }
});
