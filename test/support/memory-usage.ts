import type { UsageRow } from '../../core/hold.ts';
import type { RequestId } from '../../core/ids.ts';
import type { UsageRows } from '../../core/ports.ts';

export interface MemoryUsage extends UsageRows {
  readonly rows: ReadonlyMap<RequestId, UsageRow>;
}

/** Usage rows in memory: the first of a request stands. */
export function makeMemoryUsage(): MemoryUsage {
  const rows = new Map<RequestId, UsageRow>();
  return {
    rows,
    async put(row) {
      const standing = rows.get(row.requestId) ?? row;
      rows.set(row.requestId, standing);
      return { row: standing, writeUnits: 1 };
    },
  };
}
