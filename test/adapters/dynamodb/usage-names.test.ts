import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { makeRollups } from '../../../adapters/dynamodb/rollups.ts';
import { makeUsageNames } from '../../../adapters/dynamodb/usage-names.ts';
import { asWalletId } from '../../../core/base/ids.ts';
import { NO_USAGE, type RollupSegment, type UsageCell } from '../../../core/usage/cells.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { KEY_ID } from '../../support/wallet-fixtures.ts';

const { usageTable } = TABLE_NAMES;
const DAY = '2026-11-20';

let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

const cellOf = (id: string): UsageCell => ({
  ...NO_USAGE,
  requests: 7,
  walletId: asWalletId(`k#u${id}`),
  identity: { source: 'token', issuer: '', id },
});
const SEGMENT: RollupSegment = {
  day: DAY,
  generation: 1,
  after: '',
  until: '1',
  isLast: true,
  rows: 14,
  cells: [cellOf('ann'), cellOf('bob'), cellOf('cyd')],
  marked: [],
};
const isOf = (id: string) => (cell: UsageCell) => cell.identity?.id === id;

describe('the names of a rollup', () => {
  test('of two people who are forgotten at once are both removed, and no sum changes', async () => {
    const rollups = makeRollups(tables.call, usageTable);
    await rollups.addSegment(KEY_ID, SEGMENT);
    let reads = 0;
    let bothHaveRead: () => void = () => {};
    const both = new Promise<void>((resolve) => {
      bothHaveRead = resolve;
    });
    /** Neither writes before both have read. */
    const meeting: AwsCall = async (operation, input, timeoutMs) => {
      if (operation === 'UpdateItem') await both;
      const answer = await tables.call(operation, input, timeoutMs);
      if (operation === 'GetItem') reads += 1;
      if (reads === 2) bothHaveRead();
      return answer;
    };
    const names = makeUsageNames(meeting, usageTable);

    const counts = await Promise.all(
      ['ann', 'bob'].map((id) => names.forgetCells(KEY_ID, SEGMENT, isOf(id))),
    );

    expect(counts).toEqual([1, 1]);
    const { segments } = await rollups.findDay(KEY_ID, DAY);
    expect(segments[0]?.cells.map(({ identity, requests }) => [identity?.id, requests])).toEqual([
      [undefined, 7],
      [undefined, 7],
      ['cyd', 7],
    ]);
  });

  // guarantee: expired-stays-gone
  test('of a row or segment that has expired bring nothing back', async () => {
    const names = makeUsageNames(tables.call, usageTable);

    await names.forgetRow(KEY_ID, DAY, '1795176000000#gone');
    const gone = { ...SEGMENT, day: '2026-11-19' };

    expect(await names.forgetCells(KEY_ID, gone, () => true)).toBe(0);
    expect((await makeRollups(tables.call, usageTable).findDay(KEY_ID, gone.day)).segments).toEqual(
      [],
    );
    const { Items: items } = await tables.call('Scan', { TableName: usageTable });
    expect(JSON.stringify(items)).not.toContain('#gone');
  });
});
