/**
 * Finds the users of a key and reads their wallets and notes. Flow: id > **user** > answer.
 */
import type { Identity } from '../access/grant.ts';
import { chunksOf, mapSome } from '../base/chunks.ts';
import { invalidRequest } from '../base/errors.ts';
import type { WalletId } from '../base/ids.ts';
import { namesOf } from '../wallet/introduce.ts';
import { walletIdOf } from '../wallet/payer.ts';
import type { People } from '../wallet/people.ts';
import type { Wallets } from '../wallet/ports.ts';
import type { OwnedUsers } from './owned-users.ts';
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

/** Finds the wallets that an id means: none if it means nobody of these users. Those of an e-mail alone need not exist. */
export async function findUsers(
  text: string,
  owned: OwnedUsers,
  ports: FindUsersPorts,
): Promise<readonly FoundUser[]> {
  const { book, arePersonal, only } = owned;
  const named = readUserId(text, book);
  if (named === undefined) {
    throw invalidRequest(
      'the user must be an id of GET /v1/users, or an e-mail address alone',
      'user',
    );
  }
  switch (named.kind) {
    case 'wallet': {
      const isOurs = only === undefined || named.walletId === walletIn(owned, only);
      return isOurs ? [await readUser(named.walletId, only, ports)] : [];
    }
    case 'identity':
      return readIdentities([named.identity], owned, ports);
    case 'person': {
      const sources = arePersonal ? (['personal'] as const) : (['token', 'header'] as const);
      const identities = sources.map((source) => ({ source, issuer: '', id: named.user }));
      const bySource = await readIdentities(identities, owned, ports);
      return arePersonal
        ? bySource
        : [...bySource, ...(await findByEmail(named.user, book, ports))];
    }
  }
}

/** Reads those of the identities that are among an owner's users. */
const readIdentities = (
  identities: readonly Identity[],
  owned: OwnedUsers,
  ports: FindUsersPorts,
): Promise<readonly FoundUser[]> => {
  const { arePersonal, only } = owned;
  const ours = identities.filter(
    ({ source, id }) =>
      (source === 'personal') === arePersonal && (only === undefined || only.id === id),
  );
  return Promise.all(ours.map((each) => readUser(walletIn(owned, each), each, ports)));
};

const walletIn = ({ account, keyId }: OwnedUsers, identity: Identity): WalletId =>
  walletIdOf({ account, keyId, identity });

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

/** The most users of a key that are read by one request. */
export const USERS_MAX = 10_000;
const BATCH_SIZE = 100;
const BATCHES_AT_ONCE = 8;
const LIST_PAGE_SIZE = 1_000;

/**
 * Finds users of JWTs by their verified e-mail address.
 * @throws invalid_request when the key has more users than one request reads: one of them may be the person
 */
async function findByEmail(
  email: string,
  book: string,
  ports: FindUsersPorts,
): Promise<readonly FoundUser[]> {
  if (!email.includes('@')) return [];
  const ids = await listUsers({ book }, '', USERS_MAX + 1, ports);
  if (ids.length > USERS_MAX) {
    throw invalidRequest(
      `the key has more than ${USERS_MAX} users, too many to find one by the address alone: use an id of GET /v1/users`,
      'user',
    );
  }
  const users = await readUsers(ids, ports);
  return users
    .filter(({ note }) => note?.source?.startsWith('jwt:') && note.email === email)
    .map((user) => ({ ...user, identity: undefined }));
}

/** Lists the wallets of users, in order, behind one. */
export async function listUsers(
  { book }: Pick<OwnedUsers, 'book'>,
  after: string,
  countMax: number,
  { people }: Pick<FindUsersPorts, 'people'>,
): Promise<readonly WalletId[]> {
  const ids: WalletId[] = [];
  let last = after;
  while (ids.length < countMax) {
    const size = Math.min(LIST_PAGE_SIZE, countMax - ids.length);
    const page = await people.findListed(book, last === '' ? `${book}#` : last, size);
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
  const users = await mapSome(chunksOf(ids, BATCH_SIZE), BATCHES_AT_ONCE, async (batch) => {
    const [found, notes] = await Promise.all([wallets.findAll(batch), people.findNotes(batch)]);
    const byId = new Map(found.map((wallet) => [wallet.id, wallet]));
    return batch.map((walletId) => ({
      walletId,
      wallet: byId.get(walletId),
      note: notes.get(walletId),
    }));
  });
  return users.flat();
}
