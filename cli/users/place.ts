/**
 * The users of a key, reached by the gateway's URL with the key alone, or by its tables.
 */
import { makePeople } from '../../adapters/dynamodb/people.ts';
import { makeUserChanges } from '../../adapters/dynamodb/user-changes.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { systemClock as clock, systemRandom as random } from '../../adapters/system.ts';
import type { Grant } from '../../core/access/grant.ts';
import { grantOf } from '../../core/access/key-grant.ts';
import { describeUsers } from '../../core/account/user-list.ts';
import type { UserView } from '../../core/account/user-view.ts';
import { changeUser, describeUser } from '../../core/account/users.ts';
import type { JsonObject } from '../../core/base/json.ts';
import { requireKey } from '../../core/keys/key-admin.ts';
import { CommandError, wrongUse } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { callByKey, type UrlFlag } from '../gateway/by-key.ts';
import { type Gateway, makeAdminPorts, withGateway } from '../gateway/connect.ts';
import type { Terminal } from '../output.ts';

/** The flag that names the key whose users are meant. */
export interface UsersPlace {
  readonly key?: string;
}

export interface ListQuery {
  readonly near: number | undefined;
  readonly sort: string | undefined;
}

/** Reads and changes of users by the commands. */
export interface Users {
  list(query: ListQuery): Promise<readonly UserView[]>;
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
  const { url, key } = flags;
  if (url !== undefined) {
    if (key !== undefined) throw wrongUse('--key goes with --data or --stack, not with --url');
    return use(usersByKey(url, terminal));
  }
  if (key === undefined) throw wrongUse('there must be --url, or --key with --data or --stack');
  return withGateway(flags, terminal.variables, async (gateway) => {
    const { by } = await makeAdminPorts(gateway, flags, terminal.variables);
    return use(await usersInTables(gateway, key, by));
  });
}

const PAGE_SIZE = 200;
const PAGES_MAX = 100;

type ReadPage = (query: Readonly<Record<string, string>>) => Promise<JsonObject>;

/** Reads all pages of a list. */
async function readAll({ near, sort }: ListQuery, read: ReadPage): Promise<readonly UserView[]> {
  const users: UserView[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { data, next } = await read({
      limit: String(PAGE_SIZE),
      ...(near !== undefined && { near: String(near) }),
      ...(sort !== undefined && { sort }),
      ...(after !== undefined && { after }),
    });
    users.push(...(data as UserView[]));
    if (typeof next !== 'string') return users;
    after = next;
  }
  throw new CommandError(`the key has more than ${PAGE_SIZE * PAGES_MAX} users`);
}

const userIn = ({ data }: JsonObject): UserView => data as UserView;

function usersByKey(url: string, terminal: Terminal): Users {
  const pathOf = (user: string): string => `/users/${encodeURIComponent(user)}`;
  return {
    list: (query) =>
      readAll(query, (page) => callByKey(url, `/users?${new URLSearchParams(page)}`, terminal)),
    find: async (user) => userIn(await callByKey(url, pathOf(user), terminal)),
    change: async (user, body, idempotencyKey = random.uuid()) => {
      const options = { method: 'PATCH', body, idempotencyKey } as const;
      return userIn(await callByKey(url, pathOf(user), terminal, options));
    },
  };
}

/** The operator stands in for the key's owner, also for a client key. */
export async function usersInTables(
  gateway: Gateway,
  key: string,
  by: string,
): Promise<UsersInTables> {
  const { account, keys, dynamodb, environment } = gateway;
  const record = await requireKey(key, { account, store: keys });
  const grant: Grant = {
    ...grantOf(record),
    keyKind: 'server',
    credential: 'key',
    former: false,
  };
  const ports = {
    wallets: makeWallets(dynamodb, environment.walletsTable),
    people: makePeople(dynamodb, environment.walletsTable),
    userChanges: makeUserChanges(dynamodb, environment.usageTable),
    clock,
    random,
  };
  const request = { method: 'GET', path: '/v1/users', headers: new Map(), body: undefined };
  const page: ReadPage = (query) => describeUsers({ ...request, query }, grant, ports);
  return {
    page,
    list: (query) => readAll(query, page),
    find: async (user) => userIn(await describeUser(user, grant, ports)),
    change: async (user, fields, idempotencyKey = random.uuid()) => {
      const headers = new Map([['idempotency-key', [idempotencyKey]]]);
      const change = { body: JSON.stringify(fields), headers };
      return userIn(await changeUser(user, change, { grant, by }, ports));
    },
  };
}
