import type { AuthorizePorts } from '../../core/authorize.ts';
import type { Secrets } from '../../core/base/ports.ts';
import type { KeyRecords } from '../../core/keys/ports.ts';
import { NO_KEY_SETS } from './jwts.ts';
import { ACCOUNT } from './memory-keys.ts';
import { NOW_MS } from './tokens.ts';

/** What an authorizer decides with, on keys in memory, at the instant of the tests' tokens; no key set is asked for. */
export const makeAuthorizePorts = (keys: KeyRecords & Secrets): AuthorizePorts => ({
  account: ACCOUNT,
  allowedOrigins: ['*'],
  keys,
  secrets: keys,
  keySets: NO_KEY_SETS,
  clock: { nowMs: () => NOW_MS, sleep: async () => {} },
});
