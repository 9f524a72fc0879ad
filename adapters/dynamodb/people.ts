/**
 * Records of people in DynamoDB. What a reserve must see is in the wallet; names, reasons and idempotency keys are in an
 * item beside it, `<wallet>!`, so that the wallet stays within one write unit.
 */
import { asWalletId, type WalletId } from '../../core/base/ids.ts';
import {
  encodeOwnLimits,
  type MadeChange,
  type NoteTexts,
  type PersonChange,
  type PersonNote,
} from '../../core/wallet/person.ts';
import type { People } from '../../core/wallet/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { LIST_INDEX, TABLES } from '../table-schema.ts';
import { transact } from './transact.ts';
import {
  assignment,
  attribute,
  type Condition,
  condition,
  ONE,
  rethrow,
  setsIfAbsent,
  toInput,
  toKey,
  type Update,
} from './update.ts';
import {
  type Item,
  itemsOf,
  parseItem,
  readNumber,
  readText,
  textOf,
  toNumber,
  toText,
} from './values.ts';
import { PERSON } from './wallet-item.ts';
import { recordIsAsSeen, walletHasNotMoved } from './wallet-writes.ts';

const { partitionKey } = TABLES.wallets;
const { partitionKey: listKey } = TABLES.wallets.listIndex;

/** The texts of a note are attributes of the same names. */
const TEXTS = ['name', 'email', 'source', 'reason', 'note'] as const satisfies (keyof NoteTexts)[];
const MINUTES_REFUSED = 'hits';
const CHANGE = 'i:';

/** The id of the item beside a wallet. No wallet's id ends like it. */
export const noteIdOf = (walletId: WalletId): WalletId => asWalletId(`${walletId}!`);

/** The people of a table. Fails closed, and never repeats a write by itself. */
export function makePeople(call: AwsCall, table: string): People {
  return {
    async findNote(walletId) {
      const input = { TableName: table, Key: toKey(noteIdOf(walletId)), ConsistentRead: true };
      const answer = await call('GetItem', input).catch(rethrow);
      const item = parseItem(answer.Item);
      return item && parseNote(item);
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

    async findListed(book, after, pageSize) {
      const answer = await call('Query', {
        TableName: table,
        IndexName: LIST_INDEX,
        KeyConditionExpression: '#key = :key AND #pk > :after',
        ExpressionAttributeNames: { '#key': listKey, '#pk': partitionKey },
        ExpressionAttributeValues: { ':key': toText(book), ':after': toText(after) },
        Limit: pageSize,
      }).catch(rethrow);
      return itemsOf(answer).map((item) => asWalletId(readText(item, partitionKey) ?? ''));
    },
  };
}

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
 * Invariant: each change starts from the record that stands. Defeats: two changes at once, of which the second would
 * write what it saw before the first (`recordIsAsSeen`).
 */
function toRecordChange({ seenRev, person, listedUnder }: PersonChange): Update {
  const { rev, limits, creditNanoUsd, isBlocked } = person;
  return {
    set: [
      assignment`${attribute(PERSON.rev)} = ${toText(rev)}`,
      setsIfAbsent(listKey, toText(listedUnder)),
      limits.length === 0
        ? undefined
        : assignment`${attribute(PERSON.limits)} = ${toText(encodeOwnLimits(limits))}`,
      creditNanoUsd === 0n
        ? undefined
        : assignment`${attribute(PERSON.credit)} = ${toNumber(creditNanoUsd)}`,
      isBlocked ? assignment`${attribute(PERSON.blocked)} = ${ONE}` : undefined,
    ],
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
      assignment`${attribute(CHANGE + idempotencyKey)} = ${toText(`${nowMs}|${digest}`)}`,
      ...names.map((name) => {
        const text = texts[name];
        return text == null ? undefined : assignment`${attribute(name)} = ${toText(text)}`;
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
