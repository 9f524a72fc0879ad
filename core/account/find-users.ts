/**
 * Finds the users of a key and reads their wallets and notes. Flow: id > **user** > answer.
 */
import type { Grant, Identity } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { WalletId } from '../base/ids.ts';
import { namesOf } from '../wallet/introduce.ts';
import { walletIdOf } from '../wallet/payer.ts';
import type { People } from '../wallet/people.ts';
import type { Wallets } from '../wallet/ports.ts';
import { readUserId } from './user-id.ts';
import type { UserItems } from './user-view.ts';

export interface FindUsersPorts {
  readonly people: People;
  readonly wallets: Pick<Wallets, 'find' | 'findAll'>;
}

export interface FoundUser extends UserItems {
  /** The identity, if the id holds it. */
  readonly identity: Identity | undefined;
}

/** Finds the wallets that an id means. Those of an id by e-mail alone need not exist. */
export async function findUsers(
  text: string,
  { account, keyId }: Grant,
  ports: FindUsersPorts,
): Promise<readonly FoundUser[]> {
  const named = readUserId(text, keyId);
  if (named === undefined) {
    throw new GatewayError('invalid_request', {
      message: 'the user must be an id of GET /v1/users, or an e-mail address alone',
      param: 'user',
    });
  }
  switch (named.kind) {
    case 'wallet':
      return [await readUser(named.walletId, undefined, ports)];
    case 'identity': {
      const { identity } = named;
      return [await readUser(walletIdOf({ account, keyId, identity }), identity, ports)];
    }
    case 'person': {
      const identities = (['token', 'header'] as const).map((source) => ({
        source,
        issuer: '',
        id: named.user,
      }));
      const bySource = identities.map((identity) =>
        readUser(walletIdOf({ account, keyId, identity }), identity, ports),
      );
      return [...(await Promise.all(bySource)), ...(await findByEmail(named.user, keyId, ports))];
    }
  }
}

export async function readUser(
  walletId: WalletId,
  identity: Identity | undefined,
  { wallets, people }: FindUsersPorts,
): Promise<FoundUser> {
  const [wallet, known] = await Promise.all([wallets.find(walletId), people.findNote(walletId)]);
  // The id says who it is, also before their first request.
  const note = known && identity ? { ...namesOf(identity), ...known } : known;
  return { walletId, wallet, note, identity };
}

/** The most users of a key that are looked at. */
export const USERS_MAX = 10_000;
const BATCH_SIZE = 100;
const BATCHES_AT_ONCE = 8;
const LIST_PAGE_SIZE = 1_000;

/** Finds users of JWTs by their verified e-mail address. */
async function findByEmail(
  email: string,
  keyId: string,
  ports: FindUsersPorts,
): Promise<readonly FoundUser[]> {
  if (!email.includes('@')) return [];
  const users = await readUsers(await listUsers(keyId, '', USERS_MAX, ports), ports);
  return users
    .filter(({ note }) => note?.source?.startsWith('jwt:') && note.email === email)
    .map((user) => ({ ...user, identity: undefined }));
}

/** Lists the wallets of a key's users, in order, behind one. */
export async function listUsers(
  keyId: string,
  after: string,
  countMax: number,
  { people }: Pick<FindUsersPorts, 'people'>,
): Promise<readonly WalletId[]> {
  const ids: WalletId[] = [];
  let last = after;
  while (ids.length < countMax) {
    const size = Math.min(LIST_PAGE_SIZE, countMax - ids.length);
    const page = await people.findListed(keyId, last === '' ? `${keyId}#` : last, size);
    ids.push(...page);
    last = page.at(-1) ?? last;
    if (page.length < size) break;
  }
  return ids;
}

/** Reads wallets and notes, in batches. */
export async function readUsers(
  ids: readonly WalletId[],
  { wallets, people }: Pick<FindUsersPorts, 'wallets' | 'people'>,
): Promise<readonly UserItems[]> {
  const users: UserItems[] = [];
  const span = BATCH_SIZE * BATCHES_AT_ONCE;
  for (let start = 0; start < ids.length; start += span) {
    const batches: WalletId[][] = [];
    for (let at = start; at < Math.min(ids.length, start + span); at += BATCH_SIZE) {
      batches.push(ids.slice(at, at + BATCH_SIZE));
    }
    const read = batches.map(async (batch) => {
      const [found, notes] = await Promise.all([wallets.findAll(batch), people.findNotes(batch)]);
      const byId = new Map(found.map((wallet) => [wallet.id, wallet]));
      return batch.map((walletId) => ({
        walletId,
        wallet: byId.get(walletId),
        note: notes.get(walletId),
      }));
    });
    users.push(...(await Promise.all(read)).flat());
  }
  return users;
}
