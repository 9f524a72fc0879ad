/**
 * Keys that verify JWTs, one of each algorithm, and what becomes of a JWT that meets one.
 */

import { GatewayError } from '../../core/base/errors.ts';
import { verifyClientJwt } from '../../core/jwt/client-jwt.ts';
import { makeJwtKeys } from '../../core/jwt/jwt-keys.ts';
import type { JwtAlgorithm, Verifier, VerifyingKey } from '../../core/jwt/verifier.ts';
import {
  type MintJwt,
  makeJwtSecrets,
  makePairs,
  makeVerifyingKey,
  NO_KEY_SETS,
  type Pair,
  pemOf,
} from './jwts.ts';
import { NOW_MS } from './tokens.ts';

export const clock = { nowMs: () => NOW_MS, sleep: async () => {} };
/** The issuer's, and another's. */
export const PAIRS = makePairs();
export const OTHERS = makePairs();
export const SECRETS = makeJwtSecrets();

/** The default means to verify a JWT: the shared secret of all tests, and no key set. */
export const makeJwtPorts = ({ secrets = SECRETS, keySets = NO_KEY_SETS } = {}) => ({
  jwtKeys: makeJwtKeys(secrets, keySets),
  clock,
});

export const verify = (jwt: string, key: VerifyingKey = makeVerifyingKey()) =>
  verifyClientJwt(jwt, key, makeJwtPorts());
/** The code it is refused with, or that it is verified. */
export const codeOf = (jwt: string, key?: VerifyingKey): Promise<string> =>
  verify(jwt, key).then(
    () => 'verified',
    (error) => (error instanceof GatewayError ? error.code : `not ours: ${error}`),
  );

const familyOf = (alg: JwtAlgorithm): keyof typeof PAIRS =>
  alg.startsWith('RS') || alg.startsWith('PS') ? 'rsa' : (alg as 'ES256');
export const pairOf = (alg: JwtAlgorithm, pairs = PAIRS): Pair => pairs[familyOf(alg)];
/** A key that verifies with the issuer's key of an algorithm's family, or with the shared secret. */
export const keyOf = (alg: JwtAlgorithm, verifier: Partial<Verifier> = {}): VerifyingKey =>
  alg.startsWith('HS')
    ? makeVerifyingKey(verifier)
    : makeVerifyingKey(verifier, { kind: 'pem', pem: pemOf(pairOf(alg)) });
export const signerOf = (alg: JwtAlgorithm): Pick<MintJwt, 'key'> =>
  alg.startsWith('HS') ? {} : { key: pairOf(alg).privateKey };
