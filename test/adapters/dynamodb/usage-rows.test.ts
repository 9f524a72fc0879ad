import { describe, expect, test } from 'vitest';
import { AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeUsageRows } from '../../../adapters/dynamodb/usage-rows.ts';
import { asKeyId, asRequestId } from '../../../core/base/ids.ts';
import type { UsageRow } from '../../../core/wallet/usage-row.ts';
import { makeHold, makeRow, NOW_MS, usd } from '../../support/wallet-fixtures.ts';

/** Rows of a table that takes all; what was put is in `items`. */
function makeRecorded(nowMs: () => number = () => NOW_MS, outcomes: (Error | undefined)[] = []) {
  const calls: [string, { readonly Item: Record<string, unknown> }][] = [];
  const usage = makeUsageRows(
    async (operation, input) => {
      calls.push([operation, input as never]);
      const error = outcomes.shift();
      if (error !== undefined) throw error;
      return { ConsumedCapacity: { CapacityUnits: 1 } };
    },
    'usage',
    nowMs,
  );
  const marks = () => calls.map(([, { Item }]) => [Item.open, Item.openDay]);
  return { usage, calls, marks };
}

const MARKED = [{ S: '1' }, { S: '2026-11-20' }];
const UNMARKED = [undefined, undefined];
const rowAt = (request: string, overrides: Partial<UsageRow> = {}): UsageRow =>
  makeRow(makeHold({ requestId: asRequestId(request) }), usd(5, 7n), overrides);

describe('the mark by which the sweep finds a day', () => {
  test('is on the first row of a key and day that a process writes, and on no other', async () => {
    const { usage, marks } = makeRecorded();
    await usage.put(rowAt('r1'));
    await usage.put(rowAt('r2'));
    await usage.put(rowAt('r3', { keyId: asKeyId('other') }));

    expect(marks()).toEqual([MARKED, UNMARKED, MARKED]);
  });

  test('is on the next row too when the first write has no known outcome', async () => {
    const lost = new AwsCallError('TimeoutError', 'PutItem', 0);
    const { usage, marks } = makeRecorded(() => NOW_MS, [lost]);
    await usage.put(rowAt('r1')).catch(() => undefined);
    await usage.put(rowAt('r2'));

    expect(marks()).toEqual([MARKED, MARKED]);
  });

  test('is on every row that is written after its day', async () => {
    let nowMs = NOW_MS;
    const { usage, marks } = makeRecorded(() => nowMs);
    await usage.put(rowAt('r1'));
    nowMs += 12 * 3_600_000;
    await usage.put(rowAt('r2'));
    await usage.put(rowAt('r3'));

    expect(marks()).toEqual([MARKED, MARKED, MARKED]);
  });
});

test('a row is flat, readable, found by its hold, and kept 400 days', async () => {
  const { usage, calls } = makeRecorded();
  const hold = makeHold({ requestId: asRequestId('5f2e') });

  await usage.put(
    makeRow(hold, usd(5, 7n), {
      identity: { source: 'header', issuer: '', id: 'ada@example.edu' },
      counted: hold.counted,
      errorCode: 'upstream_error',
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
          counted: { S: 'hz' },
          errorCode: { S: 'upstream_error' },
          open: { S: '1' },
          openDay: { S: '2026-11-20' },
        },
        ConditionExpression: 'attribute_not_exists(#n0)',
        ExpressionAttributeNames: { '#n0': 'pk' },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ReturnConsumedCapacity: 'TOTAL',
      },
    ],
  ]);
});
