import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import { makeJwtKeys } from '../../../core/jwt/jwt-keys.ts';
import type { JwtAlgorithm } from '../../../core/jwt/verifier.ts';
import { clock, keyOf, PAIRS, signerOf } from '../../support/client-jwts.ts';
import { makeVerifyingKey, mintJwt, NO_KEY_SETS } from '../../support/jwts.ts';
import { JWT_SECRET } from '../../support/memory-keys.ts';

const wanted = (alg: JwtAlgorithm) => ({ alg, kid: undefined });

/** Keys of a shared secret, and the versions of it that were read. */
function makeKeys(secret = JWT_SECRET) {
  const reads: string[] = [];
  const readJwtSecret = async (_: unknown, version: string) => {
    reads.push(version);
    return Buffer.from(secret);
  };
  return { reads, keys: makeJwtKeys({ readJwtSecret }, NO_KEY_SETS) };
}

describe('a shared secret', () => {
  test('is read once for each version and algorithm, and imported for that algorithm alone', async () => {
    const { keys, reads } = makeKeys('x'.repeat(64));
    const first = await keys.find(makeVerifyingKey(), wanted('HS256'));
    expect(await keys.find(makeVerifyingKey(), wanted('HS256'))).toBe(first);
    expect(first).toMatchObject({
      algorithm: { name: 'HMAC', hash: { name: 'SHA-256' } },
      extractable: false,
      usages: ['verify'],
    });
    await keys.find(makeVerifyingKey(), wanted('HS512'));
    await keys.find(makeVerifyingKey({}, { kind: 'secret', version: 'v2' }), wanted('HS256'));
    expect(reads).toEqual(['v1', 'v1', 'v2']);
  });

  test('is not read for a public algorithm', async () => {
    const { keys, reads } = makeKeys();
    expect(await keys.find(makeVerifyingKey(), wanted('RS256'))).toBeUndefined();
    expect(reads).toEqual([]);
  });

  test('that is shorter than the hash is an outage, and is not kept', async () => {
    const { keys, reads } = makeKeys('x'.repeat(31));
    for (const _ of [1, 2]) {
      await expect(keys.find(makeVerifyingKey(), wanted('HS256'))).rejects.toMatchObject({
        code: 'service_unavailable',
        detail: 'the shared secret of a key is too short for HS256',
      });
    }
    expect(reads).toEqual(['v1', 'v1']);
  });
});

describe('a public key in a record', () => {
  test('is parsed once', async () => {
    const { keys } = makeKeys();
    const first = await keys.find(keyOf('RS256'), wanted('RS256'));
    expect(await keys.find(keyOf('RS256'), wanted('PS512'))).toBe(first);
  });

  test.each<JwtAlgorithm>(['ES256', 'EdDSA', 'HS256'])(
    'does not serve %s if it is an RSA key',
    async (alg) => {
      const { keys } = makeKeys();
      expect(await keys.find(keyOf('RS256'), wanted(alg))).toBeUndefined();
    },
  );
});

test.each([
  ['of another curve', PAIRS.ES384.publicKey],
  ['of another family', PAIRS.rsa.publicKey],
  ['that signs', PAIRS.ES256.privateKey],
  ['that is shared', createSecretKey(Buffer.alloc(64))],
])('a key %s verifies nothing, even if a port hands it out', async (_, key) => {
  const jwt = mintJwt({ alg: 'ES256', ...signerOf('ES256') });
  const ports = { jwtKeys: { find: async () => key }, clock };
  await expect(verifyClientJwt(jwt, keyOf('ES256'), ports)).rejects.toMatchObject({
    code: 'invalid_api_key',
  });
});
