/**
 * A few of the histories of test/core/wallet/joined-histories.test.ts, on the embedded table: by its expressions, not by the
 * rules in plain words. `HALLPASS_TEST_SEED=…` plays others, `RUNS=…` as many; a history takes a third of a second.
 */
import { afterAll, beforeAll, test } from 'vitest';
import { makeWalletMarks } from '../../../adapters/dynamodb/marks.ts';
import { makePeople } from '../../../adapters/dynamodb/people.ts';
import { makeUsageRows } from '../../../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { DUE_SHARDS } from '../../../adapters/table-schema.ts';
import { asKeyId } from '../../../core/base/ids.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { playHistories } from '../../support/joined-histories.ts';
import { NOW_MS } from '../../support/wallet-fixtures.ts';

const { RUNS } = process.env;
const { walletsTable, usageTable } = TABLE_NAMES;

let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

test('limits of token, user and key at once, on a table: never over, never lost, exact', async () => {
  let keys = 0;
  const startKey = () => {
    keys += 1;
    return {
      wallets: makeWallets(tables.call, walletsTable),
      usage: makeUsageRows(tables.call, usageTable, () => NOW_MS),
      marks: makeWalletMarks(tables.call, walletsTable),
      people: makePeople(tables.call, walletsTable),
      keyId: asKeyId(`k${keys}`),
      shards: DUE_SHARDS,
    };
  };
  await playHistories(startKey, {
    numRuns: Number(RUNS ?? 3),
  });
}, 3_600_000);
