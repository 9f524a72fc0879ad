/**
 * The list of a key's revoked tokens in DynamoDB, for the account function and commands.
 *
 * An element is `<token id>:<the day it may be removed, in days since 1970>`. Adding and removing are single writes on a
 * string set, so none undoes another. The set holds 2,000; elements that may be removed make room first. The list is in
 * the key's record, because a `jti` does not say whose wallet pays and only the record is read for every token. The
 * account function reads and writes `id` and `revoked`, and may do nothing else with a record.
 */
import { GatewayError, invalidRequest } from '../../core/base/errors.ts';
import { shortDigest } from '../../core/base/ids.ts';
import { DAY_MS } from '../../core/base/limits.ts';
import type { KeyName } from '../../core/keys/key-record.ts';
import { REVOKED_MAX } from '../../core/keys/key-record.ts';
import type { RevokedList } from '../../core/keys/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk } from '../table-schema.ts';
import { recordIsOf } from './key-items.ts';
import {
  attribute,
  type Condition,
  condition,
  isConditionFailed,
  rethrow,
  toExpressions,
  type Update,
} from './update.ts';
import { toNumber, toText, toUnavailable } from './values.ts';

export function makeRevokedList(call: AwsCall, table: string): RevokedList {
  const send = (operation: string, { account, keyName }: KeyName, input: object) =>
    call(operation, {
      TableName: table,
      Key: { pk: toText(recordPk(account, shortDigest(keyName))) },
      ...input,
    });
  const update = (key: KeyName, { conditions = [], ...rest }: Update): Promise<unknown> =>
    send(
      'UpdateItem',
      key,
      toExpressions({ ...rest, conditions: [recordIsOf(key.keyId), ...conditions] }),
    );

  async function read(key: KeyName): Promise<readonly string[]> {
    const input = { ConsistentRead: true, ProjectionExpression: 'id, revoked' };
    const answer = await send('GetItem', key, input).catch(rethrow);
    const { id, revoked = { SS: [] } } = Object(answer.Item);
    if (id?.S !== key.keyId || !Array.isArray(revoked.SS)) throw unreadable();
    return revoked.SS;
  }

  return {
    has: async (key, tokenId) => (await read(key)).some((element) => tokenOf(element) === tokenId),

    async add(key, { tokenId, keepUntilMs, nowMs }) {
      const listed = await read(key);
      const element = `${tokenId}:${Math.ceil(keepUntilMs / DAY_MS)}`;
      if (listed.includes(element)) return;
      const outdated = listed.filter((other) => dayOf(other) * DAY_MS <= nowMs);
      try {
        if (outdated.length > 0) await update(key, { delete: { revoked: { SS: outdated } } });
        await update(key, { add: { revoked: { SS: [element] } }, conditions: [listHasRoom()] });
      } catch (error) {
        if (!isConditionFailed(error)) throw toUnavailable(error);
        await read(key); // Throws if the record belongs to another key by now.
        throw listFull();
      }
    },
  };
}

/** If several commands add at once, none exceeds the maximum. A set that is absent has room. */
const listHasRoom = (): Condition =>
  condition`NOT size(${attribute('revoked')}) >= ${toNumber(REVOKED_MAX)}`;

const tokenOf = (element: string): string => element.split(':')[0] ?? '';
const dayOf = (element: string): number => Number(element.split(':')[1]);

const listFull = (): GatewayError =>
  invalidRequest(
    `the key's list of revoked tokens is full at ${REVOKED_MAX}: revoke them one by one or by user, or replace the key`,
    'jti',
  );

const unreadable = (): GatewayError =>
  new GatewayError('service_unavailable', { detail: 'a key record is gone or cannot be read' });
