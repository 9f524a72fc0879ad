/**
 * Names of payers in the usage table, for the command that forgets a person. Sums, wallets and keys stay as they are.
 */
import { GatewayError } from '../../core/base/errors.ts';
import type { UsageNames } from '../../core/usage/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { decodeCell, type EncodedCell, itemIsThere, segmentKey } from './rollups.ts';
import { isAsSeen, readItem, sets, updateItem } from './update.ts';
import { readText, toText } from './values.ts';

const CELLS = 'cells';

/** The place of the payer's identity in an encoded cell. */
const IDENTITY_AT = 3;
const TRIES_MAX = 5;

/** The names of a table. Fails closed. */
export function makeUsageNames(call: AwsCall, table: string): UsageNames {
  return {
    /** Invariant: no expired row comes back. Defeats: DynamoDB removes the row before this update. */
    async forgetRow(keyId, day, place) {
      await updateItem(call, table, [`${keyId}#${day}`, place], {
        remove: ['identitySource', 'identityId', 'identityIssuer'],
        conditions: [itemIsThere()],
      });
    },

    /** Invariant: a sum is kept. Defeats: two people who are forgotten at once, of whom the first would come back. */
    async forgetCells(keyId, segment, isForgotten) {
      const key = segmentKey(keyId, segment);
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const seen = readText((await readItem(call, table, key)) ?? {}, CELLS);
        const cells: EncodedCell[] = JSON.parse(seen ?? '[]');
        const isNamed = (cell: EncodedCell): boolean =>
          cell[IDENTITY_AT] !== 0 && isForgotten(decodeCell(cell));
        const count = cells.filter(isNamed).length;
        if (seen === undefined || count === 0) return 0;
        const next = JSON.stringify(
          cells.map((cell) => (isNamed(cell) ? cell.with(IDENTITY_AT, 0) : cell)),
        );
        const update = {
          set: [sets(CELLS, toText(next))],
          conditions: [isAsSeen(CELLS, toText(seen))],
        };
        if (await updateItem(call, table, key, update)) return count;
      }
      throw new GatewayError('service_unavailable', { detail: 'a rollup keeps changing' });
    },
  };
}
