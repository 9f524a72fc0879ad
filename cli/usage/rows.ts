/**
 * Single usage rows: those whose cost was not reported, and those that cost more than was held.
 */
import { DAY_MS, isoDay } from '../../core/base/limits.ts';
import { toUsdText, usdFromNano } from '../../core/base/money.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import type { UsageReader } from '../../core/usage/ports.ts';
import type { UsageAsk } from '../../core/usage/report.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import { toInstant, toTable } from '../output.ts';

/** Lists the `estimated` rows of keys, in the order of their requests within a key. */
export async function listRows(
  keys: readonly Pick<KeyRecord, 'id'>[],
  { fromMs, toMs, readsMax }: Required<Pick<UsageAsk, 'fromMs' | 'toMs' | 'readsMax'>>,
  usage: Pick<UsageReader, 'readRows'>,
): Promise<{ readonly rows: readonly UsageRow[]; readonly truncated: boolean }> {
  const rows: UsageRow[] = [];
  let reads = 0;
  for (const { id: keyId } of keys) {
    for (let dayMs = Math.floor(fromMs / DAY_MS) * DAY_MS; dayMs < toMs; dayMs += DAY_MS) {
      let after: string | undefined;
      do {
        if (reads === readsMax) return { rows, truncated: true };
        reads += 1;
        const page = await usage.readRows({ keyId, day: isoDay(dayMs), ...(after && { after }) });
        for (const { row } of page.rows) {
          const isWithin = row.reservedAtMs >= fromMs && row.reservedAtMs < toMs;
          if (row.status === 'estimated' && isWithin) rows.push(row);
        }
        after = page.next;
      } while (after !== undefined);
    }
  }
  return { rows, truncated: false };
}

/** A row with the field names of `GET /v1/usage`. */
export const toRowJson = (row: UsageRow) => ({
  request: row.requestId,
  at: toInstant(row.reservedAtMs),
  user: row.identity?.id ?? null,
  token: row.tokenId ?? null,
  model: row.model ?? null,
  status: row.status,
  error: row.errorCode ?? null,
  usd: usdFromNano(row.cost.usd),
  overrun_usd: usdFromNano(row.overrunNanoUsd),
});

/** Rows as a table, with dollars in full. */
export const toRowTable = (rows: readonly UsageRow[]): string =>
  toTable(
    ['AT', 'REQUEST', 'USER', 'MODEL', 'STATUS', 'ERROR', 'USD', 'OVERRUN'],
    rows.map((row) => [
      toInstant(row.reservedAtMs),
      row.requestId,
      row.identity?.id ?? '',
      row.model ?? '',
      row.status,
      row.errorCode ?? '',
      toUsdText(row.cost.usd),
      toUsdText(row.overrunNanoUsd),
    ]),
  );
