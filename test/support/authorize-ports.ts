import type { AuthorizePorts } from '../../core/authorize.ts';
import type { Secrets } from '../../core/base/ports.ts';
import { makeJwtKeys } from '../../core/jwt/jwt-keys.ts';
import type { KeyRecords } from '../../core/keys/ports.ts';
import { NO_KEY_SETS } from './jwts.ts';
import { ACCOUNT } from './memory-keys.ts';
import { NOW_MS } from './tokens.ts';

/** The authorizer's ports on keys and secrets in memory, at the instant of the tests' tokens; no key set may be read. */
export const makeAuthorizePorts = (
  keys: KeyRecords & Secrets,
  secrets: Secrets = keys,
): AuthorizePorts => ({
  account: ACCOUNT,
  allowedOrigins: ['*'],
  keys,
  secrets,
  jwtKeys: makeJwtKeys(secrets, NO_KEY_SETS),
  clock: { nowMs: () => NOW_MS, sleep: async () => {} },
});
