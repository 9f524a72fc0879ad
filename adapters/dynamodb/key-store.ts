/**
 * Key records in DynamoDB for the commands: read as they stand, and changed only if they are as they were read.
 * Fails closed: `service_unavailable`.
 */
import { GatewayError } from '../../core/base/errors.ts';
import { type KeyId, shortDigest } from '../../core/base/ids.ts';
import { formatKeyRecord, type KeyRecord, parseKeyRecord } from '../../core/keys/key-record.ts';
import type { KeyChange, KeyStore } from '../../core/keys/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk } from '../table-schema.ts';
import {
  changePk,
  fromItem,
  hashPk,
  type PlainItem,
  recordsOf,
  toAttribute,
  toItem,
} from './key-items.ts';
import { isConditionFailed } from './update.ts';
import { toUnavailable } from './values.ts';

/** A page is 1 MB of items: some thousand keys with their pointers and changes. */
const LIST_PAGES_MAX = 1_000;

/** All but `create`, which `makeKeyWriter` does. */
export function makeKeyStore(call: AwsCall, table: string): Omit<KeyStore, 'create'> {
  const run = (operation: string, input: object): Promise<Record<string, unknown>> =>
    call(operation, { TableName: table, ...input }).catch((error) => {
      throw toUnavailable(error);
    });

  async function read(pk: string): Promise<PlainItem | undefined> {
    const { Item: item } = await run('GetItem', { Key: { pk: { S: pk } }, ConsistentRead: true });
    return item === undefined ? undefined : fromItem(item);
  }

  return {
    async find(account, name) {
      const item = await read(recordPk(account, shortDigest(name)));
      return item && parseKeyRecord(item);
    },

    async list(account) {
      const records: KeyRecord[] = [];
      let from: unknown;
      for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
        const answer = await run('Scan', {
          FilterExpression: 'begins_with(pk, :records)',
          ExpressionAttributeValues: { ':records': { S: recordsOf(account) } },
          ConsistentRead: true,
          ...(from !== undefined && { ExclusiveStartKey: from }),
        });
        const items = Array.isArray(answer.Items) ? answer.Items : [];
        records.push(...items.map((item) => parseKeyRecord(fromItem(item))));
        from = answer.LastEvaluatedKey;
        if (from === undefined) break;
      }
      return records.filter((record) => record.account === account).sort(byName);
    },

    async point({ account, name, version, keyHash }) {
      await run('PutItem', {
        Item: toItem(hashPk(keyHash), { account, name, version }),
        // A hash stands for one version of one key, for ever.
        ConditionExpression: 'attribute_not_exists(pk) OR (#name = :name AND version = :version)',
        ExpressionAttributeNames: { '#name': 'name' },
        ExpressionAttributeValues: { ':name': { S: name }, ':version': { S: version } },
      });
    },

    async replace(seen, next) {
      try {
        await call('UpdateItem', { TableName: table, ...toReplacement(seen, next) });
        return true;
      } catch (error) {
        if (isConditionFailed(error)) return false;
        throw toUnavailable(error);
      }
    },

    async putChange(change) {
      await run('PutItem', { Item: toItem(changePk(change.keyId, change.id), { ...change }) });
    },

    async findChange(keyId, id) {
      const item = await read(changePk(keyId, id));
      return item && parseChange(keyId, item);
    },
  };
}

const byName = (a: KeyRecord, b: KeyRecord): number => (a.name < b.name ? -1 : 1);

/** Fields that a command never changes; tokens are revoked one by one, beside all this. */
const UNTOUCHED: ReadonlySet<string> = new Set(['id', 'account', 'name', 'kind', 'revoked']);
/** Fields that a record may lack. */
const OPTIONAL = ['former', 'models', 'user', 'verifier', 'identity', 'allowedOrigins'] as const;

/**
 * Field by field, so that a token revoked in between stays revoked. Of two commands that read one revision, the second
 * finds another one and changes nothing.
 */
function toReplacement(seen: KeyRecord, next: KeyRecord): object {
  const fields = Object.entries(formatKeyRecord(next)).filter(([name]) => !UNTOUCHED.has(name));
  const removed = OPTIONAL.filter((name) => next[name] === undefined);
  const names = [...fields.map(([name]) => name), ...removed, 'id', 'revision'];
  const assignments = fields.map(([name]) => `#${name} = :${name}`).join(', ');
  const removals = removed.map((name) => `#${name}`).join(', ');
  const { revision } = seen;
  return {
    Key: { pk: { S: recordPk(seen.account, shortDigest(seen.name)) } },
    UpdateExpression: `SET ${assignments}${removals === '' ? '' : ` REMOVE ${removals}`}`,
    ConditionExpression: `#id = :id AND ${revision === undefined ? 'attribute_not_exists(#revision)' : '#revision = :seen'}`,
    ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: {
      ...Object.fromEntries(fields.map(([name, value]) => [`:${name}`, toAttribute(value)])),
      ':id': { S: seen.id },
      ...(revision !== undefined && { ':seen': { S: revision } }),
    },
  };
}

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
