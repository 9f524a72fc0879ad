/**
 * A key that another one manages: the owner of the server key that its record names sees and changes its users.
 * Flow: verify > **managed key** > grant. Invariant: only the current string of that server key, sent alone, finds it.
 */
import type { HttpRequest } from '../base/http.ts';
import type { KeyRecords } from '../keys/ports.ts';
import { type Grant, isOwner, type ManagedKey } from './grant.ts';
import { limitsOfRecord } from './key-grant.ts';

/** The routes that take `?key=NAME`. */
const MANAGING_ROUTE = /^\/v1\/(?:usage|users(?:\/.+)?)$/;

/**
 * Finds the key that a request names by `?key=NAME`, if this credential manages it.
 * @throws service_unavailable
 */
export async function findManagedKey(
  grant: Grant,
  route: Pick<HttpRequest, 'path'> & Partial<Pick<HttpRequest, 'query'>>,
  keys: Pick<KeyRecords, 'findByName'>,
): Promise<ManagedKey | undefined> {
  const name = route.query?.key;
  if (name === undefined || !MANAGING_ROUTE.test(route.path) || !isOwner(grant)) return undefined;
  const record = await keys.findByName(grant.account, name);
  if (record?.managedBy !== grant.keyName) return undefined;
  const { id: keyId, name: keyName, kind: keyKind, user } = record;
  return { keyId, keyName, keyKind, limits: limitsOfRecord(record), ...(user && { user }) };
}
