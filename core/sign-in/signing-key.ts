/**
 * The keys that sign for sign-in. Flow: person > **key** > token.
 * Invariant: no key signs that leaves a person without a dollar limit of a day or longer, because each token has an
 * allowance of its own and a person may have a hundred of them.
 */
import { GatewayError } from '../base/errors.ts';
import { isShortWindow } from '../base/limits.ts';
import { hashOfKey } from '../keys/api-key.ts';
import type { KeyRecord } from '../keys/key-record.ts';
import { findFault } from '../keys/key-use.ts';
import { OAuthError } from './oauth-error.ts';
import type { SigningKeyPorts } from './ports.ts';

/** A key that may sign now. */
export interface SigningKey {
  readonly record: KeyRecord;
  /** The whole key string. */
  readonly key: string;
  /** No token may end after this instant; absent: the key's longest lifetime decides alone. */
  readonly endsAtMs?: number;
}

/** Returns what is missing for a key to sign for sign-in; undefined: nothing is. */
export function findSigningFault({
  kind,
  limits,
}: Pick<KeyRecord, 'kind' | 'limits'>): string | undefined {
  if (kind !== 'server') return 'must be a server key';
  const isCap = ({ per, unit, window }: KeyRecord['limits'][number]): boolean =>
    per === 'user' && unit === 'usd' && !isShortWindow(window);
  return limits.some(isCap)
    ? undefined
    : 'must have a limit of dollars for each user, of a day or longer, such as "user:usd:week=10"';
}

const misconfigured = (keyName: string, fault: string): GatewayError =>
  new GatewayError('service_unavailable', { detail: `sign-in: the key "${keyName}" ${fault}` });

/**
 * Finds a key with which sign-in may sign.
 * @throws invalid_grant while the key is switched off or has ended; service_unavailable if it cannot sign for sign-in
 */
export async function requireSigningKey(
  keyName: string,
  { account, keys, secrets, clock }: SigningKeyPorts,
): Promise<SigningKey> {
  const record = await keys.findByName(account, keyName);
  if (record === undefined) throw misconfigured(keyName, 'does not exist');
  const fault = findSigningFault(record);
  if (fault !== undefined) throw misconfigured(keyName, fault);
  const nowMs = clock.nowMs();
  if (findFault(record, { account, use: 'signer', nowMs }) !== undefined) {
    throw new OAuthError('invalid_grant', 'access is switched off');
  }
  const key = await secrets.findKey(keyName);
  if (key === undefined) {
    throw misconfigured(
      keyName,
      'is not in the secret: run "hallpass sign-in use-key" with its name',
    );
  }
  const endsAtMs = endOf(record, key, nowMs);
  return { record, key, ...(endsAtMs !== undefined && { endsAtMs }) };
}

/** A key string that was rotated signs on until its overlap ends, and nothing that lasts longer. */
function endOf(record: KeyRecord, key: string, nowMs: number): number | undefined {
  const { expiresAtMs, former, name } = record;
  if (hashOfKey(key) === record.keyHash) return expiresAtMs;
  if (former === undefined || former.untilMs <= nowMs) {
    throw misconfigured(name, 'was replaced: run "hallpass sign-in use-key" with its name again');
  }
  return Math.min(former.untilMs, expiresAtMs ?? former.untilMs);
}
