import type { RequestId } from '../../core/base/ids.ts';
import { isoDay } from '../../core/base/limits.ts';
import { placeOf } from '../../core/usage/cells.ts';
import type { UsageReader } from '../../core/usage/ports.ts';
import type { UsageRows } from '../../core/wallet/ports.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';

export interface MemoryUsage extends UsageRows, Pick<UsageReader, 'readRows'> {
  readonly rows: ReadonlyMap<RequestId, UsageRow>;
}

/** Usage rows in memory: the first of a request stands. Read in pages of so many. */
export function makeMemoryUsage(pageSize = 2): MemoryUsage {
  const rows = new Map<RequestId, UsageRow>();
  return {
    rows,
    async put(row) {
      const standing = rows.get(row.requestId) ?? row;
      rows.set(row.requestId, standing);
      return { row: standing, writeUnits: 1 };
    },
    async readRows({ keyId, day, after = '', walletId }) {
      const found = [...rows.values()]
        .filter((row) => row.keyId === keyId && isoDay(row.reservedAtMs) === day)
        .filter((row) => placeOf(row) > after)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      const page = found.slice(0, pageSize);
      const last = page.at(-1);
      return {
        rows: page
          .filter((row) => walletId === undefined || row.walletId === walletId)
          .map((row) => ({ row, isMarked: false })),
        ...(last === undefined || found.length === page.length ? {} : { next: placeOf(last) }),
      };
    },
  };
}
