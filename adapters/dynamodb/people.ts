/**
 * Records of people in DynamoDB. What a reserve must see is in the wallet; names, reasons and idempotency keys are in an
 * item beside it, `<wallet>!`, so that the wallet stays within one write unit.
 */
import { asWalletId, type WalletId } from '../../core/base/ids.ts';
import { FORGOTTEN_REASON, noteIdOf, type People } from '../../core/wallet/people.ts';
import type {
  MadeChange,
  NoteTexts,
  PersonChange,
  PersonNames,
  PersonNote,
} from '../../core/wallet/person.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { transact } from './transact.ts';
import {
  adds,
  attribute,
  type Condition,
  condition,
  ONE,
  readItem,
  readItems,
  sets,
  setsIfAbsent,
  toInput,
  type Update,
  updateItem,
} from './update.ts';
import { type Item, readNumber, readText, textOf, toNumber, toText } from './values.ts';
import { findWalletIds } from './wallet-ids.ts';
import { PERSON } from './wallet-item.ts';
import { toPerson } from './wallet-move.ts';
import { recordIsAsSeen, walletHasNotMoved } from './wallet-writes.ts';

const { partitionKey } = TABLES.wallets;
const { partitionKey: listKey } = TABLES.wallets.listIndex;

/** The texts of a note are attributes of the same names. */
const TEXTS = ['name', 'email', 'source', 'reason', 'note'] as const satisfies (keyof NoteTexts)[];
const MINUTES_REFUSED = 'hits';
const REFUSED_AT = 'hitAt';
const CHANGE = 'i:';

/** The attributes of a note; `change` begins those of changes that were made. */
export const NOTE = {
  texts: TEXTS,
  minutesRefused: MINUTES_REFUSED,
  refusedAt: REFUSED_AT,
  change: CHANGE,
} as const;

/** The people of a table. Fails closed, and never repeats a write by itself. */
export function makePeople(call: AwsCall, table: string): People {
  return {
    async findNote(walletId) {
      const item = await readItem(call, table, noteIdOf(walletId));
      return item && parseNote(item);
    },

    async findNotes(walletIds) {
      const notes = new Map<WalletId, PersonNote>();
      for (const item of await readItems(call, table, walletIds.map(noteIdOf))) {
        const id = readText(item, partitionKey);
        if (id !== undefined) notes.set(asWalletId(id.slice(0, -1)), parseNote(item));
      }
      return notes;
    },

    async introduce(walletId, names) {
      await updateItem(call, table, noteIdOf(walletId), toIntroduction(names));
    },

    async forget(walletId, { reason }) {
      await updateItem(call, table, noteIdOf(walletId), toForgotten(reason !== undefined));
    },

    async countRefusal(walletId, nowMs) {
      await updateItem(call, table, noteIdOf(walletId), toRefusal(nowMs));
    },

    async change(change) {
      const { failed } = await transact(call, [
        toInput(table, change.walletId, toRecordChange(change)),
        toInput(table, noteIdOf(change.walletId), toNoteChange(change)),
      ]);
      // A change that was made before has changed the record, too, so its key takes precedence.
      if (failed?.[1]) return 'repeated';
      return failed?.[0] ? 'record-changed' : 'changed';
    },

    findListed: (book, after, pageSize) =>
      findWalletIds(call, { ...TABLES.wallets.listIndex, table }, { value: book, after, pageSize }),
  };
}

const toIntroduction = (names: PersonNames): Update => ({
  set: TEXTS.map((name) => {
    const text = Object(names)[name];
    return typeof text === 'string' ? sets(name, toText(text)) : undefined;
  }),
  conditions: [condition`attribute_not_exists(${attribute('name')})`],
});

const toForgotten = (hasReason: boolean): Update => ({
  set: hasReason ? [sets('reason', toText(FORGOTTEN_REASON))] : [],
  remove: TEXTS.filter((name) => name !== 'reason'),
  conditions: [condition`attribute_exists(${attribute(partitionKey)})`],
});

const MINUTE_MS = 60_000;

/** Invariant: `hits` is a number of minutes. Defeats: a script that tries a hundred times a second. */
const toRefusal = (nowMs: number): Update => ({
  set: [adds(MINUTES_REFUSED, ONE), sets(REFUSED_AT, toNumber(nowMs))],
  conditions: [
    condition`(attribute_not_exists(${attribute(REFUSED_AT)}) OR ${attribute(REFUSED_AT)} <= ${toNumber(nowMs - MINUTE_MS)})`,
  ],
});

function parseNote(item: Item): PersonNote {
  const texts = TEXTS.flatMap((name) => {
    const text = readText(item, name);
    return text === undefined ? [] : [[name, text] as const];
  });
  const minutesRefused = readNumber(item, MINUTES_REFUSED);
  const changes = new Map<string, MadeChange>();
  for (const [name, value] of Object.entries(item)) {
    const change = name.startsWith(CHANGE) ? parseChange(textOf(value) ?? '') : undefined;
    if (change !== undefined) changes.set(name.slice(CHANGE.length), change);
  }
  return {
    ...Object.fromEntries(texts),
    ...(minutesRefused === undefined ? {} : { minutesRefused }),
    changes,
  };
}

/** A change that was made, as `<made at>|<digest>`. */
const parseChange = (text: string): MadeChange => ({
  madeAtMs: Number(text.slice(0, text.indexOf('|'))),
  digest: text.slice(text.indexOf('|') + 1),
});

/**
 * Invariant: each change starts from the current record. Defeats: two changes at once, of which the second would
 * write what it saw before the first (`recordIsAsSeen`).
 */
function toRecordChange({ seenRev, person, listedUnder }: PersonChange): Update {
  const { limits, creditNanoUsd, isBlocked } = person;
  return {
    set: [...toPerson(person), setsIfAbsent(listKey, toText(listedUnder))],
    remove: [
      ...(limits.length === 0 ? [PERSON.limits] : []),
      ...(creditNanoUsd === 0n ? [PERSON.credit] : []),
      ...(isBlocked ? [] : [PERSON.blocked]),
    ],
    conditions: [recordIsAsSeen(seenRev), walletHasNotMoved()],
  };
}

/** Invariant: a change is made once under its key. Defeats: a change that is sent twice, or whose answer was lost. */
function toNoteChange({ texts, idempotencyKey, digest, nowMs, forget }: PersonChange): Update {
  const names = TEXTS.filter((name) => texts[name] !== undefined);
  return {
    set: [
      sets(CHANGE + idempotencyKey, toText(`${nowMs}|${digest}`)),
      ...names.map((name) => {
        const text = texts[name];
        return text == null ? undefined : sets(name, toText(text));
      }),
    ],
    remove: [
      ...names.filter((name) => texts[name] === null),
      ...forget.filter((key) => key !== idempotencyKey).map((key) => CHANGE + key),
    ],
    conditions: [keyIsNew(idempotencyKey, forget)],
  };
}

/** Keeps `change-once`. A key that is forgotten may be used again. */
const keyIsNew = (key: string, forget: readonly string[]): Condition | undefined =>
  forget.includes(key) ? undefined : condition`attribute_not_exists(${attribute(CHANGE + key)})`;
