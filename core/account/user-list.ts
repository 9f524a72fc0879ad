/**
 * `GET /v1/users`: the users of a key, a page at a time. Flow: Grant > **answer**.
 */
import type { Identity } from '../access/grant.ts';
import { invalidField, invalidRequest } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import { asWalletId, type WalletId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { walletIdOf } from '../wallet/payer.ts';
import { listUsers, readUser, readUsers, USERS_MAX } from './find-users.ts';
import type { OwnedUsers } from './owned-users.ts';
import { digestOf } from './user-id.ts';
import { viewUser } from './user-view.ts';
import type { UsersPorts } from './users.ts';
import type { UserView } from './views.ts';

const PARAMETERS: readonly string[] = ['limit', 'after', 'near', 'sort', 'key'];
const SORTS = ['spent', 'left', 'seen', 'near'] as const;
type Sort = (typeof SORTS)[number];

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 200;
const DIGEST = /^u[\w-]{22}$/;

interface ListRequest {
  readonly limit: number;
  readonly after: string | undefined;
  readonly near: number | undefined;
  readonly sort: Sort | undefined;
}

function readListRequest(query: HttpRequest['query']): ListRequest {
  const unknown = Object.keys(query).find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) {
    throw invalidRequest(`a parameter is unknown, allowed are ${PARAMETERS.join(', ')}`, 'query');
  }
  const { after } = query;
  if (after !== undefined && !DIGEST.test(after)) {
    throw invalidField('after', 'must be the "next" of the page before');
  }
  const sort = SORTS.find((each) => each === query.sort);
  if (query.sort !== undefined && sort === undefined) {
    throw invalidField('sort', `must be one of ${SORTS.join(', ')}`);
  }
  return {
    limit: readNumber('limit', query.limit, 1, LIMIT_MAX) ?? LIMIT_DEFAULT,
    after,
    near: readNumber('near', query.near, 0, 100),
    sort,
  };
}

function readNumber(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,3}$/.test(text) ? Number(text) : -1;
  if (number >= least && number <= most) return number;
  throw invalidField(name, `must be a whole number from ${least} to ${most}`);
}

/**
 * Lists users. In the order of their ids a page costs its own reads; sorted or filtered, all users are read.
 * @throws invalid_request with the parameter, service_unavailable
 */
export async function describeUsers(
  { query }: Pick<HttpRequest, 'query'>,
  owned: OwnedUsers,
  ports: UsersPorts,
): Promise<JsonObject> {
  const request = readListRequest(query);
  if (owned.only !== undefined) return listOnly(request, { ...owned, only: owned.only }, ports);
  const isPlain = request.sort === undefined && request.near === undefined;
  return isPlain ? listPage(request, owned, ports) : listSorted(request, owned, ports);
}

/** Reads the one user of a personal key. */
async function listOnly(
  { near = 0 }: ListRequest,
  owned: OwnedUsers & { readonly only: Identity },
  ports: UsersPorts,
): Promise<JsonObject> {
  const { only } = owned;
  const items = await readUser(walletIdOf({ ...owned, identity: only }), only, ports);
  const view = viewUser(items, owned, ports.clock.nowMs());
  return { data: isNear(view, near) ? [view] : [], next: null };
}

const isNear = ({ nearest }: UserView, percent: number): boolean =>
  percent === 0 || (nearest?.percent ?? 0) >= percent;

/** Reads one page, in the order of ids. */
async function listPage(
  { limit, after }: ListRequest,
  owned: OwnedUsers,
  ports: UsersPorts,
): Promise<JsonObject> {
  const start = after === undefined ? '' : asWalletId(`${owned.book}#${after}`);
  const ids = await listUsers(owned, start, limit + 1, ports);
  const page = await readUsers(ids.slice(0, limit), ports);
  const nowMs = ports.clock.nowMs();
  return {
    data: page.map((items) => viewUser(items, owned, nowMs)),
    next: ids.length > limit ? nextOf(ids[limit - 1]) : null,
  };
}

const nextOf = (walletId: WalletId | undefined): string | null =>
  walletId === undefined ? null : digestOf(walletId);

/** Reads all users, and answers a page of those that are near their limit, in the order of the request. */
async function listSorted(
  { limit, after, near = 0, sort = 'near' }: ListRequest,
  owned: OwnedUsers,
  ports: UsersPorts,
): Promise<JsonObject> {
  const ids = await listUsers(owned, '', USERS_MAX, ports);
  const nowMs = ports.clock.nowMs();
  const all = (await readUsers(ids, ports))
    .map((items) => ({ walletId: items.walletId, view: viewUser(items, owned, nowMs) }))
    .filter(({ view }) => isNear(view, near))
    .sort((a, b) => rankOf(b.view, sort) - rankOf(a.view, sort));
  const start =
    after === undefined ? 0 : all.findIndex(({ walletId }) => digestOf(walletId) === after) + 1;
  const page = all.slice(start, start + limit);
  return {
    data: page.map(({ view }) => view),
    next: start + limit < all.length ? nextOf(page.at(-1)?.walletId) : null,
    truncated: ids.length === USERS_MAX,
  };
}

/** The users with the highest rank come first. */
function rankOf(view: UserView, sort: Sort): number {
  switch (sort) {
    case 'spent':
      return view.usage_usd;
    case 'left':
      return -leastLeft(view);
    case 'seen':
      return view.last_seen === null ? 0 : Date.parse(view.last_seen);
    case 'near':
      return view.nearest?.percent ?? -1;
  }
}

/** Dollars left under the tightest limit; a user without one comes last. */
const leastLeft = ({ limits }: UserView): number =>
  Math.min(
    Number.MAX_SAFE_INTEGER,
    ...limits.filter(({ unit }) => unit === 'usd').map(({ remaining }) => remaining),
  );
