/**
 * Key records in DynamoDB for commands: read without a cache, and changed only if nobody changed them since.
 * Fails closed: `service_unavailable`.
 */
import { GatewayError, invalidRequest } from '../../core/base/errors.ts';
import { type KeyId, shortDigest } from '../../core/base/ids.ts';
import {
  formatKeyRecord,
  type KeyName,
  type KeyRecord,
  keyNameOf,
  OPTIONAL_FIELDS,
  parseKeyRecord,
} from '../../core/keys/key-record.ts';
import type { KeyChange, KeyStore, SecretMarks } from '../../core/keys/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk } from '../table-schema.ts';
import {
  changePk,
  fromItem,
  hashPk,
  idPk,
  type PlainItem,
  recordIsOf,
  recordsOf,
  toAttribute,
  toItem,
} from './key-items.ts';
import { type EndingTables, markIdOf, RECORD, toMark, toUnmark } from './secret-endings.ts';
import { transact } from './transact.ts';
import {
  attribute,
  type Condition,
  condition,
  isAsSeen,
  readItem,
  readPages,
  rethrow,
  sets,
  toExpressions,
  toInput,
  type Update,
  updateItem,
} from './update.ts';
import { toText } from './values.ts';

/** A page is 1 MB of items: some thousand keys with their pointers and changes. */
const LIST_PAGES_MAX = 1_000;

export function makeKeyStore(
  call: AwsCall,
  { keysTable: table, walletsTable }: EndingTables,
): KeyStore {
  async function read(pk: string): Promise<PlainItem | undefined> {
    const item = await readItem(call, table, pk);
    return item && fromItem(item);
  }

  const put = (pk: string, plain: PlainItem, ...conditions: Condition[]): Promise<unknown> =>
    call('PutItem', {
      TableName: table,
      Item: toItem(pk, plain),
      ...toExpressions({ conditions }),
    });

  return {
    async find(account, name) {
      const item = await read(recordPk(account, shortDigest(name)));
      return item && parseKeyRecord(item);
    },

    async list(account) {
      const input = {
        TableName: table,
        FilterExpression: 'begins_with(pk, :records)',
        ExpressionAttributeValues: { ':records': toText(recordsOf(account)) },
        ConsistentRead: true,
      };
      const { items, isWhole } = await readPages(call, 'Scan', input, LIST_PAGES_MAX);
      if (!isWhole) throw tooMany();
      const records = items.map((item) => parseKeyRecord(fromItem(item)));
      return records.filter((record) => record.account === account).sort(byName);
    },

    async pointId({ account, keyId, keyName }) {
      const record = recordPk(account, shortDigest(keyName));
      await put(idPk(keyId), { [RECORD]: record }, idIsFreeOrOf(record)).catch(rethrow);
    },

    async create(record, made) {
      const { failed } = await transact(call, [
        toInput(
          table,
          recordPkOf(record),
          toNew(formatKeyRecord(record), nameIsFreeOrOf(record.id)),
        ),
        toInput(table, hashPk(record.keyHash), toNew(pointerOf(record), hashIsOf(record))),
        ...toMarkInputs(walletsTable, keyNameOf(record), { ...(made && { made }), ended: [] }),
      ]);
      const [isTaken, isPointed] = failed ?? [];
      if (isTaken || isPointed) throw nameTaken();
      return failed === undefined;
    },

    async point(record) {
      await put(hashPk(record.keyHash), pointerOf(record), hashIsOf(record)).catch(rethrow);
    },

    async replace(seen, next, marks) {
      const replacement = toReplacement(seen, next);
      if (marks === undefined) return updateItem(call, table, recordPkOf(seen), replacement);
      const { failed } = await transact(call, [
        toInput(table, recordPkOf(seen), replacement),
        ...toMarkInputs(walletsTable, keyNameOf(seen), marks),
      ]);
      return failed === undefined;
    },

    async putEnding(key, ending) {
      await updateItem(call, walletsTable, markIdOf(ending.secret), toMark(key, ending));
    },

    async putChange(change) {
      await put(changePk(change.keyId, change.id), { ...change }).catch(rethrow);
    },

    async findChange(keyId, id) {
      const item = await read(changePk(keyId, id));
      return item && parseChange(keyId, item);
    },
  };
}

const tooMany = (): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: 'the table of keys is larger than a command reads',
  });

const recordPkOf = ({ account, name }: KeyRecord): string => recordPk(account, shortDigest(name));

const pointerOf = ({ account, name, version }: KeyRecord): PlainItem => ({
  account,
  name,
  version,
});

const hashIsOf = ({ name, version }: KeyRecord): Condition => hashIsFreeOrOf(name, version);

/** Writes all attributes of an item that is not there, or that is the same. */
function toNew(plain: PlainItem, isFree: Condition): Update {
  const { pk: _, ...attributes } = toItem('', plain);
  return {
    set: Object.entries(attributes).map(([name, value]) => sets(name, value)),
    conditions: [isFree],
  };
}

/**
 * The marks that change with a record. Keeps `mark-with-its-record`.
 * Invariant: a secret that no record names has a mark, so the sweep finds it.
 * Defeats: a crash between the record and a mark; a sweep that deletes the new secret while the record is written
 * (`toUnmark`).
 */
const toMarkInputs = (table: string, key: KeyName, { made, ended }: SecretMarks) => [
  ...(made === undefined ? [] : [toInput(table, markIdOf(made.secret), toUnmark(made.atMs))]),
  ...ended.map((ending) => toInput(table, markIdOf(ending.secret), toMark(key, ending))),
];

const byName = (a: KeyRecord, b: KeyRecord): number => (a.name < b.name ? -1 : 1);

/** One id for each name: of two commands that create one name at once, the second finds the id of the first. */
const nameIsFreeOrOf = (id: KeyId): Condition =>
  condition`(attribute_not_exists(${attribute('pk')}) OR ${attribute('id')} = ${toText(id)})`;

/** An id always means one record. */
const idIsFreeOrOf = (record: string): Condition =>
  condition`(attribute_not_exists(${attribute('pk')}) OR ${attribute(RECORD)} = ${toText(record)})`;

/** A hash always means one version of one key, so a repeated write changes nothing and another key's fails. */
const hashIsFreeOrOf = (name: string, version: string): Condition =>
  condition`(attribute_not_exists(${attribute('pk')}) OR (${attribute('name')} = ${toText(name)} AND ${attribute('version')} = ${toText(version)}))`;

const nameTaken = (): GatewayError =>
  invalidRequest('a key of this name exists or has existed, and names are not used again', 'name');

/** Fields that no command changes. Revocations are added one by one, beside a replacement. */
const UNTOUCHED: readonly string[] = ['id', 'account', 'name', 'kind', 'revoked'];

/** Writes field by field, so that a token revoked in between stays revoked. */
function toReplacement(seen: KeyRecord, next: KeyRecord): Update {
  const fields = Object.entries(formatKeyRecord(next)).filter(
    ([name]) => !UNTOUCHED.includes(name),
  );
  return {
    set: fields.map(([name, value]) => sets(name, toAttribute(value))),
    remove: OPTIONAL_FIELDS.filter((name) => !Object.hasOwn(next, name)),
    conditions: [recordIsOf(seen.id), revisionIs(seen.revision)],
  };
}

/** If two commands read one revision, the second finds another revision and changes nothing. */
const revisionIs = (seen: string | undefined): Condition =>
  isAsSeen('revision', seen === undefined ? undefined : toText(seen));

const ACTIONS: readonly KeyChange['action'][] = ['create', 'set', 'rotate', 'disable', 'revoke'];

function parseChange(keyId: KeyId, item: PlainItem): KeyChange {
  const { id, after, atMs, by, action, fields } = item;
  const known = ACTIONS.find((name) => name === action);
  if (typeof id !== 'string' || typeof atMs !== 'number' || typeof by !== 'string' || !known) {
    throw new GatewayError('service_unavailable', { detail: 'a change of a key cannot be read' });
  }
  const texts = Object.entries(Object(fields)).map(([name, text]) => [name, String(text)]);
  return {
    id,
    keyId,
    ...(typeof after === 'string' && { after }),
    atMs,
    by,
    action: known,
    fields: Object.fromEntries(texts),
  };
}
