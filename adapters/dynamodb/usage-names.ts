/**
 * Names of payers in the usage table, for the command that forgets a person. Sums, wallets and keys stay as they are.
 */
import { GatewayError } from '../../core/base/errors.ts';
import type { UsageNames } from '../../core/usage/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { decodeCell, type EncodedCell, segmentKey } from './rollups.ts';
import {
  attribute,
  type Condition,
  condition,
  isAsSeen,
  isWritten,
  rethrow,
  sets,
  toExpressions,
} from './update.ts';
import { parseItem, readText, toText } from './values.ts';

const { partitionKey, sortKey } = TABLES.usage;
const CELLS = 'cells';

/** The place of the payer's identity in an encoded cell. */
const IDENTITY_AT = 3;
const TRIES_MAX = 5;

/** The names of a table. Fails closed. */
export function makeUsageNames(call: AwsCall, table: string): UsageNames {
  return {
    /** Invariant: no expired row comes back. Defeats: DynamoDB removes the row before this update. */
    async forgetRow(keyId, day, place) {
      await isWritten(
        call('UpdateItem', {
          TableName: table,
          Key: { [partitionKey]: toText(`${keyId}#${day}`), [sortKey]: toText(place) },
          ...toExpressions({
            remove: ['identitySource', 'identityId', 'identityIssuer'],
            conditions: [rowIsThere()],
          }),
        }),
      );
    },

    /** Invariant: a sum is kept. Defeats: two people who are forgotten at once, of whom the first would come back. */
    async forgetCells(keyId, segment, isForgotten) {
      const Key = segmentKey(keyId, segment);
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const input = { TableName: table, Key, ConsistentRead: true };
        const answer = await call('GetItem', input).catch(rethrow);
        const seen = readText(parseItem(answer.Item) ?? {}, CELLS);
        const cells: EncodedCell[] = JSON.parse(seen ?? '[]');
        const isNamed = (cell: EncodedCell): boolean =>
          cell[IDENTITY_AT] !== 0 && isForgotten(decodeCell(cell));
        const count = cells.filter(isNamed).length;
        if (seen === undefined || count === 0) return 0;
        const next = JSON.stringify(
          cells.map((cell) => (isNamed(cell) ? cell.with(IDENTITY_AT, 0) : cell)),
        );
        const update = toExpressions({
          set: [sets(CELLS, toText(next))],
          conditions: [isAsSeen(CELLS, toText(seen))],
        });
        if (await isWritten(call('UpdateItem', { TableName: table, Key, ...update }))) return count;
      }
      throw new GatewayError('service_unavailable', { detail: 'a rollup keeps changing' });
    },
  };
}

/** Keeps `expired-stays-gone`. */
const rowIsThere = (): Condition => condition`attribute_exists(${attribute(partitionKey)})`;
