/**
 * Marks of revocation on wallets in DynamoDB, where the reserve of every request looks (dynamodb-wallets.ts).
 * The account function may write them, and nothing else of a wallet by this file: what is revoked must be so at the next
 * request, and no record that the authorizer keeps for ten seconds can do that.
 */
import { GatewayError } from '../../core/base/errors.ts';
import type { TokenId, WalletId } from '../../core/base/ids.ts';
import type { WalletMarks } from '../../core/wallet/ports.ts';
import { type AwsCall, AwsCallError } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { toNumber, toText, toUnavailable } from './values.ts';

const { partitionKey } = TABLES.wallets;
/** A token's mark may go, or its day be moved, between two writes; not again and again. */
const ATTEMPTS_MAX = 3;

export function makeWalletMarks(call: AwsCall, table: string): WalletMarks {
  const update = (walletId: WalletId, input: object): Promise<boolean> =>
    call('UpdateItem', {
      TableName: table,
      Key: { [partitionKey]: toText(walletId) },
      ...input,
    }).then(
      () => true,
      (error) => {
        if (isConditionFailed(error)) return false;
        throw toUnavailable(error);
      },
    );

  /**
   * Invariant: a mark never goes before its day, and the day never comes earlier. The mark goes with all that a wallet
   * has of its token, by a settle that saw a day long past; moving the day makes that settle's condition fail.
   * Where the day is late enough already, only the mark is written, if the day is still there: else the mark would
   * stand without one, for ever.
   */
  async function revokeToken(walletId: WalletId, tokenId: TokenId, keepUntilMs: number) {
    const names = { '#revoked': `revoked:${tokenId}`, '#keep': `x:${tokenId}` };
    const values = { ':one': toNumber(1), ':keep': toNumber(keepUntilMs) };
    const common = { ExpressionAttributeNames: names, ExpressionAttributeValues: values };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const isWritten =
        (await update(walletId, {
          ...common,
          UpdateExpression: 'SET #revoked = :one, #keep = :keep',
          ConditionExpression: 'NOT #keep >= :keep',
        })) ||
        (await update(walletId, {
          ...common,
          UpdateExpression: 'SET #revoked = :one',
          ConditionExpression: '#keep >= :keep',
        }));
      if (isWritten) return;
    }
    throw new GatewayError('service_unavailable', { detail: 'a mark of a wallet keeps moving' });
  }

  return {
    revokeToken,

    /** Invariant: `notBefore` only grows: of two revocations the later holds, in whatever order they arrive. */
    async raiseNotBefore(walletId, notBeforeMs) {
      await update(walletId, {
        UpdateExpression: 'SET #notBefore = :at',
        ConditionExpression: 'NOT #notBefore >= :at',
        ExpressionAttributeNames: { '#notBefore': 'notBefore' },
        ExpressionAttributeValues: { ':at': toNumber(notBeforeMs) },
      });
    },
  };
}

const isConditionFailed = (error: unknown): boolean =>
  error instanceof AwsCallError && error.name === 'ConditionalCheckFailedException';
