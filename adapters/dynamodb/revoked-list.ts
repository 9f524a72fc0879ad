/**
 * The list of a record's revoked tokens in DynamoDB, for the account function and commands.
 *
 * An element is `<token id>:<the day it may go, in days since 1970>`, so that adding and letting go are single writes on
 * the set, which undo no other's. It holds 2,000; what may go makes room first. The account function writes it because
 * a `jti` does not say whose wallet pays: only the record is seen with every token. It reads and writes `id` and
 * `revoked`, and may do no more with a record.
 */
import { GatewayError } from '../../core/base/errors.ts';
import { shortDigest } from '../../core/base/ids.ts';
import { DAY_MS } from '../../core/base/limits.ts';
import { REVOKED_MAX } from '../../core/keys/key-record.ts';
import type { KeyName, RevokedList } from '../../core/keys/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk } from '../table-schema.ts';
import { isConditionFailed } from './update.ts';
import { toUnavailable } from './values.ts';

export function makeRevokedList(call: AwsCall, table: string): RevokedList {
  const send = (operation: string, { account, keyName }: KeyName, input: object) =>
    call(operation, {
      TableName: table,
      Key: { pk: { S: recordPk(account, shortDigest(keyName)) } },
      ...input,
    });

  async function read(key: KeyName): Promise<readonly string[]> {
    const answer = await send('GetItem', key, {
      ConsistentRead: true,
      ProjectionExpression: 'id, revoked',
    }).catch((error) => {
      throw toUnavailable(error);
    });
    const { id, revoked = { SS: [] } } = Object(answer.Item);
    if (id?.S !== key.keyId || !Array.isArray(revoked.SS)) throw unreadable();
    return revoked.SS;
  }

  async function letGo(key: KeyName, elements: readonly string[]): Promise<void> {
    if (elements.length === 0) return;
    await send('UpdateItem', key, {
      UpdateExpression: 'DELETE revoked :gone',
      ConditionExpression: 'id = :id',
      ExpressionAttributeValues: { ':gone': { SS: elements }, ':id': { S: key.keyId } },
    });
  }

  return {
    has: async (key, tokenId) => (await read(key)).some((element) => tokenOf(element) === tokenId),

    async add(key, { tokenId, keepUntilMs, nowMs }) {
      const listed = await read(key);
      const element = `${tokenId}:${Math.ceil(keepUntilMs / DAY_MS)}`;
      if (listed.includes(element)) return;
      try {
        await letGo(
          key,
          listed.filter((other) => dayOf(other) * DAY_MS <= nowMs),
        );
        await send('UpdateItem', key, {
          UpdateExpression: 'ADD revoked :one',
          ConditionExpression: 'id = :id AND NOT size(revoked) >= :max',
          ExpressionAttributeValues: {
            ':one': { SS: [element] },
            ':id': { S: key.keyId },
            ':max': { N: String(REVOKED_MAX) },
          },
        });
      } catch (error) {
        if (!isConditionFailed(error)) throw toUnavailable(error);
        await read(key); // It fails for a record that is another key's by now.
        throw listFull();
      }
    },
  };
}

const tokenOf = (element: string): string => element.split(':')[0] ?? '';
const dayOf = (element: string): number => Number(element.split(':')[1]);

const listFull = (): GatewayError =>
  new GatewayError('invalid_request', {
    message: `the key's list of revoked tokens is full at ${REVOKED_MAX}: revoke them one by one or by user, or replace the key`,
    param: 'jti',
  });

const unreadable = (): GatewayError =>
  new GatewayError('service_unavailable', { detail: 'a key record is gone or cannot be read' });
