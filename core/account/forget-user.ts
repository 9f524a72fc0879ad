/**
 * Forgets a person: their names leave usage rows, rollups, the list of changes and the item beside their wallet. A block,
 * revocations, sums of tokens and counters stay under the wallet's hash. Flow: command > **forget** > answer.
 * Invariant: nothing is worth more afterwards. The note comes last, so that a run which was broken off finds the person again.
 */
import type { Identity } from '../access/grant.ts';
import type { KeyId, WalletId } from '../base/ids.ts';
import { parseStrictObject } from '../base/json.ts';
import { windowEndMs } from '../base/limits.ts';
import { foldUser } from '../base/names.ts';
import { type ForgetPorts, forgetInUsage, type NamedPayer } from '../usage/forget.ts';
import { parseCounterName } from '../wallet/counter-name.ts';
import type { Wallet } from '../wallet/ports.ts';
import { type FindUsersPorts, type FoundUser, findUsers } from './find-users.ts';
import type { OwnedUsers } from './owned-users.ts';
import type { UserChangeRow, UserChanges } from './ports.ts';
import { digestOf, readUserId, userIdOf } from './user-id.ts';

export interface ForgetUserPorts extends FindUsersPorts, ForgetPorts {
  readonly userChanges: UserChanges;
}

export interface ForgetUserAsk {
  /** An id of `GET /v1/users`, or an e-mail address alone. */
  readonly text: string;
  readonly owned: OwnedUsers;
  /** The keys whose rows may name the person. */
  readonly keyIds: readonly KeyId[];
  readonly nowMs: number;
  /** Days that are not rolled up, by key. */
  readonly unsummed: ReadonlyMap<KeyId, ReadonlySet<string>>;
  /** Called after each key. */
  readonly onKey: () => void;
}

/** The parts of a wallet that stay under its hash. */
export interface KeptWallet {
  /** `wallet:<hash>`, by which an owner still names it. */
  readonly id: string;
  readonly isBlocked: boolean;
  /** The end of the last window with a counter; absent: there is none but sums of the whole life. */
  readonly countersUntilMs?: number;
  /** The day from which the last token's sum and revocation may go; absent: no token is counted in the wallet. */
  readonly tokensUntilMs?: number;
}

export interface ForgottenUser {
  readonly rows: number;
  readonly sums: number;
  readonly changes: number;
  readonly wallets: readonly KeptWallet[];
}

/**
 * Forgets a person among the users of a key, or of all personal keys.
 * @throws invalid_request for an id that can name nobody, service_unavailable
 */
export async function forgetUser(
  { text, owned, keyIds, nowMs, unsummed, onKey }: ForgetUserAsk,
  ports: ForgetUserPorts,
): Promise<ForgottenUser> {
  const users = await findUsers(text, owned, ports);
  const person = personOf(users, owned);
  let [rows, sums, changes] = [0, 0, 0];
  for (const keyId of keyIds) {
    const ask = { keyId, nowMs, unsummed: unsummed.get(keyId) ?? new Set<string>() };
    const forgotten = await forgetInUsage({ ...ask, isForgotten: person.isPayer }, ports);
    rows += forgotten.rows;
    sums += forgotten.sums;
    onKey();
  }
  for (const keyId of new Set([...keyIds, owned.keyId])) {
    for (const row of await ports.userChanges.list(keyId)) {
      if (!person.isNamed(row.user)) continue;
      const next = withoutNames(row, person.hash);
      if (next.user === row.user && next.fields === row.fields) continue;
      await ports.userChanges.forget(next);
      changes += 1;
    }
  }
  const known = users.filter(({ wallet, note }) => wallet !== undefined || note !== undefined);
  for (const { walletId, note } of known) if (note) await ports.people.forget(walletId, note);
  return { rows, sums, changes, wallets: known.map(toKept) };
}

interface Person {
  readonly isPayer: (payer: NamedPayer) => boolean;
  /** True for a text by which an owner named the person. */
  readonly isNamed: (text: string) => boolean;
  readonly hash: string;
}

/** Recognises a person in rows and changes: by wallet, and by name in any spelling. */
function personOf(users: readonly FoundUser[], owned: OwnedUsers): Person {
  const walletIds = new Set<WalletId>(users.map(({ walletId }) => walletId));
  const identities = users.flatMap((user) => identityOf(user, owned) ?? []);
  const emails = new Set(users.flatMap(({ note }) => note?.email ?? []));
  const isIdentity = (identity: Identity): boolean =>
    identities.some(
      ({ source, issuer, id }) =>
        source === identity.source && issuer === identity.issuer && isSame(id, identity),
    );
  return {
    isPayer: ({ walletId, identity }) =>
      walletIds.has(walletId) || (identity !== undefined && isIdentity(identity)),
    isNamed: (text) => {
      const named = readUserId(text, owned.book);
      switch (named?.kind) {
        case 'identity':
          return isIdentity(named.identity);
        case 'wallet':
          return walletIds.has(named.walletId);
        case 'person':
          return emails.has(named.user) || identities.some(({ id }) => id === named.user);
        case undefined:
          return false;
      }
    },
    hash: users[0] === undefined ? 'wallet:' : `wallet:${digestOf(users[0].walletId)}`,
  };
}

/** The subject of a JWT is compared as it is. */
const isSame = (id: string, { source, id: other }: Identity): boolean =>
  source === 'jwt' ? id === other : id === (foldUser(other) || other);

function identityOf({ identity, walletId, note }: FoundUser, owned: OwnedUsers) {
  if (identity !== undefined) return identity;
  const named = readUserId(userIdOf(walletId, note), owned.book);
  return named?.kind === 'identity' ? named.identity : undefined;
}

const REMOVED = 'removed';

/** A change without the texts that may name its user. */
function withoutNames(row: UserChangeRow, user: string): UserChangeRow {
  const fields = parseStrictObject(row.fields);
  if (fields === undefined) return { ...row, user };
  const { note, blocked, ...rest } = fields;
  const kept = {
    ...rest,
    ...(note !== undefined && { note: note === null ? null : REMOVED }),
    ...(blocked !== undefined && { blocked: blocked === null ? null : REMOVED }),
  };
  return { ...row, user, fields: JSON.stringify(kept) };
}

function toKept({ walletId, wallet }: FoundUser): KeptWallet {
  const countersUntilMs = lastWindowEnd(wallet);
  const tokensUntilMs = Math.max(0, ...(wallet?.tokenKeepUntilMs.values() ?? []));
  return {
    id: `wallet:${digestOf(walletId)}`,
    isBlocked: wallet?.person?.isBlocked === true,
    ...(countersUntilMs > 0 && { countersUntilMs }),
    ...(tokensUntilMs > 0 && { tokensUntilMs }),
  };
}

function lastWindowEnd(wallet: Wallet | undefined): number {
  const ends = [...(wallet?.counters.keys() ?? [])].map((name) => {
    const counter = parseCounterName(name);
    return (counter && windowEndMs(counter.window, counter.windowName)) ?? 0;
  });
  return Math.max(0, ...ends);
}
