/**
 * Forget: removes the name of a payer from usage rows and rollups. Sums and counters stay under the wallet's hash.
 * Flow: command > **forget**. Invariant: no sum changes, so the audit stays as it was. Each step may be repeated, and a day
 * whose rollup no longer has the name is not read again.
 */
import type { Identity } from '../access/grant.ts';
import { mapSome } from '../base/chunks.ts';
import { GatewayError } from '../base/errors.ts';
import type { KeyId, WalletId } from '../base/ids.ts';
import { isoDay } from '../base/limits.ts';
import { placeOf, type RollupSegment } from './cells.ts';
import type { Rollups, UsageNames, UsageReader } from './ports.ts';

/** The payer of a row or cell. */
export interface NamedPayer {
  readonly walletId: WalletId;
  readonly identity?: Identity;
}

export interface ForgetAsk {
  readonly keyId: KeyId;
  readonly nowMs: number;
  /** The days of the key that are not rolled up, by `findUnsummedDays`. */
  readonly unsummed: ReadonlySet<string>;
  readonly isForgotten: (payer: NamedPayer) => boolean;
}

export interface ForgetPorts {
  readonly usage: UsageReader;
  readonly rollups: Pick<Rollups, 'findOpenDays'>;
  readonly names: UsageNames;
}

/** The places from which a name was removed. */
export interface Forgotten {
  readonly rows: number;
  /** Sums of rolled-up days. */
  readonly sums: number;
}

const PAGES_MAX = 10_000;
const FIRST_DAY = '0000-00-00';
/** A sweep may write a rollup of rows that it read before they lost the name. */
const PASSES_MAX = 3;
const WRITES_AT_ONCE = 8;

/** Finds the days of all keys that have rows which no rollup counts, in one search. Today's are left out. */
export async function findUnsummedDays(
  nowMs: number,
  { rollups }: Pick<ForgetPorts, 'rollups'>,
): Promise<ReadonlyMap<KeyId, ReadonlySet<string>>> {
  const days = new Map<KeyId, Set<string>>();
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const found = await rollups.findOpenDays(isoDay(nowMs), after);
    for (const { keyId, day } of found.days) {
      days.set(keyId, (days.get(keyId) ?? new Set()).add(day));
    }
    after = found.next;
    if (after === undefined) return days;
  }
  throw notAll();
}

/** A name that is left behind must not pass for a name that is gone. */
const notAll = (): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: 'there are more rows and sums than one run forgets; run it again',
  });

/**
 * Removes a payer's name from the rows and rollups of a key. A day's rows come before its rollup, so that a run which was
 * broken off goes on where it was.
 * @throws service_unavailable
 */
export async function forgetInUsage(ask: ForgetAsk, ports: ForgetPorts): Promise<Forgotten> {
  const open = new Set([...ask.unsummed, isoDay(ask.nowMs)]);
  let [rows, sums] = [0, 0];
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const named = await findNamedSegments(ask, ports);
    const days = [...new Set([...(pass === 0 ? open : []), ...named.keys()])].sort();
    if (days.length === 0) return { rows, sums };
    for (const day of days) {
      rows += await forgetRows(day, ask, ports);
      for (const segment of named.get(day) ?? []) {
        sums += await ports.names.forgetCells(ask.keyId, segment, ask.isForgotten);
      }
    }
  }
  throw notAll();
}

/** Finds the segments of rollups that have the name, of any generation, by their day. */
async function findNamedSegments(
  { keyId, nowMs, isForgotten }: ForgetAsk,
  { usage }: ForgetPorts,
): Promise<ReadonlyMap<string, readonly RollupSegment[]>> {
  const named = new Map<string, RollupSegment[]>();
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const found = await usage.readRollups(keyId, FIRST_DAY, isoDay(nowMs), after);
    for (const entry of found.entries) {
      if (!('cells' in entry)) continue;
      if (!entry.cells.some((cell) => cell.identity !== undefined && isForgotten(cell))) continue;
      named.set(entry.day, [...(named.get(entry.day) ?? []), entry]);
    }
    after = found.next;
    if (after === undefined) return named;
  }
  throw notAll();
}

async function forgetRows(
  day: string,
  { keyId, isForgotten }: ForgetAsk,
  { usage, names }: ForgetPorts,
): Promise<number> {
  let count = 0;
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const found = await usage.readRows({ keyId, day, ...(after && { after }) });
    const places = found.rows
      .filter(({ row }) => row.identity !== undefined && isForgotten(row))
      .map(({ row }) => placeOf(row));
    await mapSome(places, WRITES_AT_ONCE, (place) => names.forgetRow(keyId, day, place));
    count += places.length;
    after = found.next;
    if (after === undefined) return count;
  }
  throw notAll();
}
