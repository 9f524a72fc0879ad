/**
 * Grants of sign-in in DynamoDB: one item each, changed only as it was seen. The table deletes what has expired hours or
 * days late, so each read compares the time. Fails closed.
 */
import type { SignInStore, StoredGrant } from '../../core/sign-in/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import {
  adds,
  attribute,
  type Condition,
  condition,
  ONE,
  readItem,
  sets,
  subtracts,
  type Update,
  updateItem,
} from './update.ts';
import { type Item, readNumber, readText, toNumber, toText } from './values.ts';

const { partitionKey, ttlAttribute } = TABLES.signIn;
const REV = 'rev';
const EXPIRES_AT = 'expiresAtMs';
const DATA = 'data';
const COUNT = 'count';

/** The grants of a table. */
export function makeSignInStore(call: AwsCall, table: string): SignInStore {
  const write = (id: string, update: Update): Promise<boolean> =>
    updateItem(call, table, id, update);
  return {
    async find(id, nowMs) {
      // A poll must see the approval that was written a moment ago, and `readItem` does.
      const item = await readItem(call, table, id);
      const grant = item && toGrant(id, item);
      return grant !== undefined && grant.expiresAtMs > nowMs ? grant : undefined;
    },

    create: ({ id, expiresAtMs, data }) =>
      write(id, {
        set: toState({ expiresAtMs, data, rev: 1 }),
        conditions: [isNew()],
      }),

    replace: ({ id, rev }, next) =>
      write(id, { set: toState({ ...next, rev: rev + 1 }), conditions: [isAsSeen(rev)] }),

    count: (id, { max, expiresAtMs }) =>
      write(id, {
        set: [adds(COUNT, ONE), ...toExpiry(expiresAtMs)],
        conditions: [hasRoom(max)],
      }),

    async uncount(id) {
      await write(id, { set: [subtracts(COUNT, ONE)], conditions: [isCounted()] });
    },
  };
}

const toExpiry = (expiresAtMs: number) => [
  sets(EXPIRES_AT, toNumber(expiresAtMs)),
  sets(ttlAttribute, toNumber(Math.ceil(expiresAtMs / 1000))),
];

const toState = ({ expiresAtMs, data, rev }: Omit<StoredGrant, 'id'>) => [
  sets(REV, toNumber(rev)),
  sets(DATA, toText(data)),
  ...toExpiry(expiresAtMs),
];

/** Invariant: an id names one grant. Defeats: two that draw the same user code. Keeps `grant-is-new`. */
const isNew = (): Condition => condition`attribute_not_exists(${attribute(partitionKey)})`;

/**
 * Invariant: each state follows the one that its writer saw. Defeats: two polls, two refreshes, an approval and a denial,
 * and two uses of one code, that read the same state: one of them loses. Keeps `grant-as-seen`.
 */
const isAsSeen = (rev: number): Condition => condition`${attribute(REV)} = ${toNumber(rev)}`;

/** Invariant: a count never passes its maximum. Defeats: a thousand guesses at once. Keeps `count-has-room`. */
const hasRoom = (max: number): Condition =>
  condition`(attribute_not_exists(${attribute(COUNT)}) OR ${attribute(COUNT)} < ${toNumber(max)})`;

/** Invariant: a count is never negative. Defeats: a count that expired before it was taken back. Keeps `count-not-negative`. */
const isCounted = (): Condition => condition`${attribute(COUNT)} >= ${ONE}`;

/** Reads a grant; undefined for a count. */
export function toGrant(id: string, item: Item): StoredGrant | undefined {
  const rev = readNumber(item, REV);
  const expiresAtMs = readNumber(item, EXPIRES_AT);
  const data = readText(item, DATA);
  if (rev === undefined || expiresAtMs === undefined || data === undefined) return undefined;
  return { id, rev, expiresAtMs, data };
}
