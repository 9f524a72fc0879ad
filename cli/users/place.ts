/**
 * The users of a key, reached by the gateway's URL with the key alone, or by its tables.
 */
import { systemClock as clock, systemRandom as random } from '../../adapters/system.ts';
import { limitsOfRecord } from '../../core/access/key-grant.ts';
import { type OwnedUsers, usersOfKey } from '../../core/account/owned-users.ts';
import { describeUsers } from '../../core/account/user-list.ts';
import { changeUser, describeUser } from '../../core/account/users.ts';
import type { UserView } from '../../core/account/views.ts';
import { asKeyId } from '../../core/base/ids.ts';
import type { JsonObject } from '../../core/base/json.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { personalBookOf } from '../../core/wallet/payer.ts';
import { wrongUse } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { callByKey, type UrlFlag } from '../gateway/by-key.ts';
import { type Gateway, withAdmin } from '../gateway/connect.ts';
import type { Terminal } from '../output.ts';

/** The flags that name the users who are meant: those of a key, or those of all personal keys. */
export interface UsersPlace {
  readonly key?: string;
  readonly personal?: true;
}

export interface ListQuery {
  readonly near: number | undefined;
  readonly sort: string | undefined;
}

export interface ListedUsers {
  readonly users: readonly UserView[];
  /** False if there are more than the command or the gateway reads. */
  readonly isWhole: boolean;
}

/** Reads and changes of users by the commands. */
export interface Users {
  list(query: ListQuery): Promise<ListedUsers>;
  find(user: string): Promise<UserView>;
  /** @param idempotencyKey the same for a change that is sent again @default a new one */
  change(user: string, fields: object, idempotencyKey?: string): Promise<UserView>;
}

/** The users of a key in its tables. A page has the parameters and the shape of `GET /v1/users`. */
export interface UsersInTables extends Users {
  readonly page: ReadPage;
}

/** Runs something with the users of a key. */
export async function withUsers<T>(
  flags: PlaceFlags & UrlFlag & UsersPlace,
  terminal: Terminal,
  use: (users: Users) => Promise<T>,
): Promise<T> {
  const { url, key, personal } = flags;
  if (key !== undefined && personal) throw wrongUse('--key and --personal cannot be used together');
  if (url !== undefined) {
    if (personal) throw wrongUse('--personal goes with --data or --stack, not with --url');
    return use(usersByKey({ url, key }, terminal));
  }
  if (key === undefined && !personal) {
    throw wrongUse('there must be --url, or --key or --personal with --data or --stack');
  }
  return withAdmin(flags, terminal, async ({ by }, gateway) => {
    const owned = key === undefined ? personalUsersOf(gateway) : await usersOf(gateway, key);
    return use(usersIn(gateway, owned, by));
  });
}

const PAGE_SIZE = 200;
/** 200,000 users. */
const PAGES_MAX = 1_000;

type ReadPage = (query: Readonly<Record<string, string>>) => Promise<JsonObject>;

/** Reads all pages of a list. */
async function readAll({ near, sort }: ListQuery, read: ReadPage): Promise<ListedUsers> {
  const users: UserView[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { data, next, truncated } = await read({
      limit: String(PAGE_SIZE),
      ...(near !== undefined && { near: String(near) }),
      ...(sort !== undefined && { sort }),
      ...(after !== undefined && { after }),
    });
    users.push(...(data as UserView[]));
    if (typeof next !== 'string') return { users, isWhole: truncated !== true };
    after = next;
  }
  return { users, isWhole: false };
}

const userIn = ({ data }: JsonObject): UserView => data as UserView;

/** @param place.key a key that the one in HALLPASS_KEY manages. @default that key itself */
function usersByKey(
  { url, key }: { readonly url: string; readonly key: string | undefined },
  terminal: Terminal,
): Users {
  const managed: Readonly<Record<string, string>> = key === undefined ? {} : { key };
  const queryOf = (page: Readonly<Record<string, string>> = {}): string =>
    String(new URLSearchParams({ ...page, ...managed }));
  const pathOf = (user: string): string => `/users/${encodeURIComponent(user)}?${queryOf()}`;
  return {
    list: (query) => readAll(query, (page) => callByKey(url, `/users?${queryOf(page)}`, terminal)),
    find: async (user) => userIn(await callByKey(url, pathOf(user), terminal)),
    change: async (user, body, idempotencyKey = random.uuid()) => {
      const options = { method: 'PATCH', body, idempotencyKey } as const;
      return userIn(await callByKey(url, pathOf(user), terminal, options));
    },
  };
}

/** The operator acts for the key's owner, also for a client or personal key. */
export async function usersInTables(
  gateway: Gateway,
  key: string,
  by: string,
): Promise<UsersInTables> {
  return usersIn(gateway, await usersOf(gateway, key), by);
}

const usersOf = async (gateway: Gateway, key: string): Promise<OwnedUsers> =>
  usersOfRecord(gateway.account, await gateway.requireKey(key));

/** Returns the users of a key by its record. */
export function usersOfRecord(account: string, record: KeyRecord): OwnedUsers {
  const { id: keyId, kind: keyKind, user } = record;
  const limits = limitsOfRecord(record);
  return usersOfKey(account, { keyId, keyKind, limits, ...(user && { user }) });
}

/** The users of all personal keys. Their keys may have different limits, so only own ones are shown. */
export function personalUsersOf({ account }: Gateway): OwnedUsers {
  const book = personalBookOf(account);
  return { account, keyId: asKeyId(book), book, limits: [], arePersonal: true };
}

function usersIn(gateway: Gateway, owned: OwnedUsers, by: string): UsersInTables {
  const ports = { ...gateway, clock, random };
  const page: ReadPage = (query) => describeUsers({ query }, owned, ports);
  return {
    page,
    list: (query) => readAll(query, page),
    find: async (user) => userIn(await describeUser(user, owned, ports)),
    change: async (user, fields, idempotencyKey = random.uuid()) => {
      const headers = new Map([['idempotency-key', [idempotencyKey]]]);
      const change = { body: JSON.stringify(fields), headers };
      return userIn(await changeUser(user, change, { owned, by }, ports));
    },
  };
}
