/**
 * Marks of alerts in DynamoDB: in the item beside a wallet, or in the pool of a key's budget. A mark on its way is a text,
 * one that is done is the instant at which it was.
 */
import type {
  AlertItem,
  AlertItems,
  AlertMark,
  AlertMarks,
  AlertUpdate,
} from '../../core/wallet/alerts/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import {
  type Assignment,
  adds,
  attribute,
  type Condition,
  condition,
  isWritten,
  ONE,
  readItem,
  sets,
  setsIfAbsent,
  toInput,
  type Update,
  updateItem,
} from './update.ts';
import { readNumber, textOf, toNumber, toText } from './values.ts';
import { shardOf } from './wallet-writes.ts';

const { partitionKey: due, sortKey: dueAt } = TABLES.wallets.index;
/** Begins the attributes of marks. */
export const ALERT_MARK = 'a:';
/** The number of marks that were ever written. */
const MARKS = 'alerts';

/** A mark is on the way of a request's end. */
const MARK_TIMEOUT_MS = 1_000;

/** The alerts of a table. Fails closed, and never repeats a write by itself. */
export function makeAlerts(call: AwsCall, table: string): AlertMarks & AlertItems {
  return {
    async mark(mark) {
      const input = toInput(table, mark.itemId, toMark(mark));
      await isWritten(call('UpdateItem', input, MARK_TIMEOUT_MS));
    },

    async find(itemId) {
      const item = await readItem(call, table, itemId);
      if (item === undefined) return undefined;
      const pending = new Map<string, string>();
      const done = new Map<string, number>();
      for (const [name, value] of Object.entries(item)) {
        if (!name.startsWith(ALERT_MARK)) continue;
        const text = textOf(value);
        const mark = name.slice(ALERT_MARK.length);
        if (text === undefined) done.set(mark, readNumber(item, name) ?? 0);
        else pending.set(mark, text);
      }
      return { marks: readNumber(item, MARKS) ?? 0, pending, done };
    },

    update: (update) => updateItem(call, table, update.itemId, toUpdate(update)),
  };
}

/**
 * Marks a level, and puts its item into the index of the sweep. Levels below are done, unless they are marked.
 * Invariant: one alert for each limit, window, amount and level. Defeats: requests that end at the same moment, and a
 * mark that is sent twice.
 */
const toMark = ({ itemId, name, level, text, passed, nowMs }: AlertMark): Update => ({
  set: [
    sets(nameOf(name, level), toText(text)),
    ...passed.map((each) => setsIfAbsent(nameOf(name, each), toNumber(nowMs))),
    adds(MARKS, ONE),
    setsIfAbsent(due, toText(shardOf(itemId))),
    sets(dueAt, toNumber(nowMs)),
  ],
  conditions: [levelIsNew(name, level)],
});

const nameOf = (name: string, level: number): string => `${ALERT_MARK}${name}:${level}`;

/** Keeps `alert-marked-once`. */
const levelIsNew = (name: string, level: number): Condition =>
  condition`attribute_not_exists(${attribute(nameOf(name, level))})`;

/**
 * Writes what a try to send came to. Invariant: an item with an alert on its way is in the index of the sweep.
 * Defeats: a mark between the look and this write, which would leave the index with the others (`noMarkCame`).
 */
function toUpdate({ itemId, seen, changed, drop, nowMs, nextAtMs }: AlertUpdate): Update {
  const marks: Assignment[] = [...changed].map(([name, text]) =>
    sets(ALERT_MARK + name, text === undefined ? toNumber(nowMs) : toText(text)),
  );
  const index =
    nextAtMs === undefined
      ? []
      : [setsIfAbsent(due, toText(shardOf(itemId))), sets(dueAt, toNumber(nextAtMs))];
  return {
    set: [...marks, ...index],
    remove: [
      ...drop.map((name) => ALERT_MARK + name),
      ...(nextAtMs === undefined ? [due, dueAt] : []),
    ],
    conditions: [noMarkCame(seen)],
  };
}

/** Keeps `alert-stays-in-index`. */
const noMarkCame = ({ marks }: AlertItem): Condition =>
  condition`${attribute(MARKS)} = ${toNumber(marks)}`;
