/**
 * Keys and their secrets in memory, in the place of the table and of the secrets.
 */
import { GatewayError } from '../../core/base/errors.ts';
import { asKeyHash, asKeyId } from '../../core/base/ids.ts';
import type { Secrets } from '../../core/base/ports.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import type { KeyRecords } from '../../core/keys/ports.ts';

export const ACCOUNT = 'acct_test';
/** Made of 32 bytes of 7, of 8 and of 9. */
export const KEY = 'sk-hp-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwce_zG3m';
export const FORMER_KEY = 'sk-hp-CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgPjhJzu';
export const UNKNOWN_KEY = 'sk-hp-CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkDKzd3e';
const FORMER_HASH = 'OII-0q4oyCKLUb8cpVVUch5TnvZzM7QcPtEMOsPxu6s';

/** Long enough for HS512: what the memory's keys verify JWTs with. */
export const JWT_SECRET = 'the-shared-secret-of-a-test-issuer-which-is-long-enough-for-HS512';

/** The server key `course`, whose string is `KEY`. */
export const SERVER_RECORD: KeyRecord = {
  id: asKeyId('AAAAAAAAAAAAAAAAAAAAAA'),
  account: ACCOUNT,
  name: 'course',
  kind: 'server',
  version: '2',
  keyHash: asKeyHash('1_ADfUE61d6-HGep8DtZYG7KaCWhbyWBnUiPcwuWs9A'),
  disabled: false,
  limits: [],
  maxTokenLifetimeSeconds: 604_800,
  revoked: [],
  createdAtMs: 1795000000000,
};

/** One record, found by its name, by `KEY` (version 2) and by `FORMER_KEY` (version 1). */
export const makeMemoryKeys = (record: KeyRecord = SERVER_RECORD): KeyRecords & Secrets => ({
  async findByName(account, name) {
    return account === record.account && name === record.name ? record : undefined;
  },
  async findByKeyHash(hash) {
    if (hash === SERVER_RECORD.keyHash) return { record, version: '2' };
    return hash === FORMER_HASH ? { record, version: '1' } : undefined;
  },
  async readKey(_, version) {
    return version === '2' ? KEY : FORMER_KEY;
  },
  async readJwtSecret() {
    return Buffer.from(JWT_SECRET);
  },
  async findProviderKey() {
    return undefined;
  },
});

const fail = async (): Promise<never> => {
  throw new GatewayError('service_unavailable', { detail: 'down' });
};

/** Everything is down. */
export const OUTAGE: KeyRecords & Secrets = {
  findByName: fail,
  findByKeyHash: fail,
  readKey: fail,
  readJwtSecret: fail,
  findProviderKey: fail,
};
