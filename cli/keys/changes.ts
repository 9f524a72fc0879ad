/**
 * The changes of a key and of its people, in one list.
 */
import { usersOfKey } from '../../core/account/owned-users.ts';
import type { UserChangeRow, UserChanges } from '../../core/account/ports.ts';
import { isNameOf } from '../../core/account/user-id.ts';
import { parseStrictObject } from '../../core/base/json.ts';
import { listChanges } from '../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import type { KeyChange, KeyStore } from '../../core/keys/ports.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';

/** A change of a key, or of one of its people. */
export type ListedChange = Omit<KeyChange, 'keyId' | 'after' | 'action'> & {
  readonly action: KeyChange['action'] | 'user';
};

interface ListPorts {
  readonly keys: Pick<KeyStore, 'findChange'>;
  readonly userChanges: Pick<UserChanges, 'list'>;
}

export interface ListedChanges {
  /** The latest first. */
  readonly changes: readonly ListedChange[];
  /** False if older ones are left out. */
  readonly isWhole: boolean;
}

/** Lists changes: 200 of the key, 1,000 of its people at most. */
export async function listAllChanges(
  record: KeyRecord,
  { keys, userChanges }: ListPorts,
): Promise<ListedChanges> {
  const [ofKey, ofPeople] = await Promise.all([
    listChanges(record, keys),
    listUserChanges(record, userChanges),
  ]);
  const listed = [...ofKey, ...ofPeople.slice(0, LISTED_MAX).map(toListed)];
  return {
    changes: listed.sort((a, b) => b.atMs - a.atMs),
    isWhole: ofKey.at(-1)?.after === undefined && ofPeople.length <= LISTED_MAX,
  };
}

/** The most changes of people that are listed. */
const LISTED_MAX = 1_000;

/** Lists the changes of a key's people. Those of a personal key's user are listed for all personal keys together. */
async function listUserChanges(
  { id: keyId, kind: keyKind, account, limits, user }: KeyRecord,
  changes: ListPorts['userChanges'],
): Promise<readonly UserChangeRow[]> {
  const owned = usersOfKey(account, { keyId, keyKind, limits, ...(user && { user }) });
  const rows = await changes.list(owned.keyId);
  const { only } = owned;
  if (only === undefined) return rows;
  const walletId = walletIdOf({ ...owned, identity: only });
  return rows.filter((row) => isNameOf(row.user, only, walletId));
}

const toListed = ({ id, atMs, by, user, fields }: UserChangeRow): ListedChange => ({
  id,
  atMs,
  by,
  action: 'user',
  fields: { user, ...toTexts(fields) },
});

/** Each field as text: `{"credit_usd":2}` is `credit_usd: 2`. */
function toTexts(fields: string): Readonly<Record<string, string>> {
  const entries = Object.entries(parseStrictObject(fields) ?? {});
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}
