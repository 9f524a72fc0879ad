/**
 * Routes of the page of `hallpass console` for people: who is near a limit over all keys, and the people of one key.
 */
import type { UserView } from '../../core/account/views.ts';
import { mapSome } from '../../core/base/chunks.ts';
import type { Gateway } from '../gateway/connect.ts';
import { usersInTables } from '../users/place.ts';
import type { ConsoleRoute } from './server.ts';

const NEAR_PERCENT = '80';
/** The most people of one key in an answer; `GET /v1/users` allows no more. */
const PAGE_SIZE = '200';
const KEYS_AT_ONCE = 8;

/** Makes the routes of one gateway. `by` is the name under which a change is listed. */
export const makePeopleRoutes = (
  gateway: Gateway,
  by: string,
): Readonly<Record<string, ConsoleRoute>> => ({
  'GET near': () => listNear(gateway, by),
  'GET people': async ({ segments: [key = ''], query }) => {
    const after = query.get('after');
    const users = await usersInTables(gateway, key, by);
    return users.page({ limit: PAGE_SIZE, sort: 'spent', ...(after !== null && { after }) });
  },
  'PATCH people': async ({ segments: [key = '', user = ''], body, idempotencyKey }) => {
    const users = await usersInTables(gateway, key, by);
    return { data: await users.change(user, body, idempotencyKey) };
  },
});

/** Lists the people near a limit of every key that is not disabled, the nearest first; of one key 200 at most. */
async function listNear(gateway: Gateway, by: string) {
  const keys = (await gateway.keys.list(gateway.account)).filter(({ disabled }) => !disabled);
  const pages = await mapSome(keys, KEYS_AT_ONCE, async ({ name }) => {
    const users = await usersInTables(gateway, name, by);
    const { data, next, truncated } = await users.page({ limit: PAGE_SIZE, near: NEAR_PERCENT });
    const near = (data as UserView[]).map((user) => ({ key: name, ...user }));
    return { near, isCut: next !== null || truncated === true };
  });
  return {
    data: pages.flatMap(({ near }) => near).sort((a, b) => percentOf(b) - percentOf(a)),
    truncated: pages.some(({ isCut }) => isCut),
  };
}

const percentOf = ({ nearest }: UserView): number => nearest?.percent ?? 0;
