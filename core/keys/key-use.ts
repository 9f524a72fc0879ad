/**
 * The present use of a key, and which of its versions are valid. Flow: record > **use** > grant.
 */
import type { FormerVersion, KeyRecord } from './key-record.ts';

/** A key string sent alone, one with its user's JWT, or one that signed a scoped token. */
export type KeyUse = 'alone' | 'with-jwt' | 'signer';

/** Returns why a key may not be used in this way; undefined: it may. */
export function findFault(
  record: KeyRecord,
  {
    account,
    use,
    nowMs,
  }: { readonly account: string; readonly use: KeyUse; readonly nowMs: number },
): string | undefined {
  if (record.account !== account) return 'a key of another account';
  if (record.disabled) return 'a disabled key';
  if (record.expiresAtMs !== undefined && record.expiresAtMs <= nowMs) return 'an expired key';
  if (record.kind === 'client' && use !== 'with-jwt') return 'a client key without a JWT';
  if (record.kind === 'personal' && use === 'signer') return 'a personal key as signer';
  return undefined;
}

/** A version of a key that is valid now; `former` is set if it is not the current one. */
export interface ValidVersion {
  readonly version: string;
  readonly former?: FormerVersion;
}

export function validVersionsOf(
  { version, former }: KeyRecord,
  nowMs: number,
): readonly ValidVersion[] {
  if (former === undefined || nowMs >= former.untilMs) return [{ version }];
  return [{ version }, { version: former.version, former }];
}
