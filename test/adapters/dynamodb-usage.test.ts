import { expect, test } from 'vitest';
import { makeUsageRows } from '../../adapters/dynamodb-usage.ts';
import { asRequestId } from '../../core/ids.ts';
import { makeHold, makeRow, usd } from '../support/wallet-fixtures.ts';

test('a row is flat, readable, found by what its hold says, and kept 400 days', async () => {
  const calls: unknown[] = [];
  const usage = makeUsageRows(async (operation, input) => {
    calls.push([operation, input]);
    return { ConsumedCapacity: { CapacityUnits: 1 } };
  }, 'usage');
  const hold = makeHold({ requestId: asRequestId('5f2e') });

  await usage.put(
    makeRow(hold, usd(5, 7n), {
      identity: { source: 'header', issuer: '', id: 'ada@example.edu' },
    }),
  );

  const number = (N: string) => ({ N });
  expect(calls).toEqual([
    [
      'PutItem',
      {
        TableName: 'usage',
        Item: {
          pk: { S: 'k#2026-11-20' },
          sk: { S: '1795176000000#5f2e' },
          expiresAtSeconds: number('1829736000'),
          wallet: { S: 'k#uada' },
          attempt: number('1'),
          status: { S: 'exact' },
          costNanoUsd: number('5'),
          costTokens: number('7'),
          overrunNanoUsd: number('0'),
          inputTokens: number('0'),
          cachedInputTokens: number('0'),
          cacheWriteTokens: number('0'),
          outputTokens: number('0'),
          reasoningTokens: number('0'),
          token: { S: 'tokenA' },
          identitySource: { S: 'header' },
          identityId: { S: 'ada@example.edu' },
        },
        ConditionExpression: 'attribute_not_exists(#pk)',
        ExpressionAttributeNames: { '#pk': 'pk' },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ReturnConsumedCapacity: 'TOTAL',
      },
    ],
  ]);
});
