/**
 * The promises that a history must keep at any instant: no limit is passed, and every counter is exact.
 */
import { expect } from 'vitest';
import type { Wallet } from '../../core/wallet/ports.ts';
import { booksOf, isoOf, mustBe, mustBeWithin, sumOf } from './joined-books.ts';
import { type History, IN_FLIGHT_MAX } from './joined-history.ts';

/** Slices go an hour after their month; from then on its pool has nothing to be compared with. */
const MONTHS = [
  ['2026-11', Date.parse('2026-12-01T01:00:00Z')],
  ['2026-12', Date.parse('2027-01-01T01:00:00Z')],
  ['2027-01', Date.parse('2027-02-01T01:00:00Z')],
] as const;

/** Promises 1 and 3, at any instant: nothing is over, and all is exact. */
export async function expectKept(history: History): Promise<void> {
  const { largest, clock, rows, overrun } = history;
  const all = await history.readAll();
  const books = booksOf(all, rows.values());
  const now = isoOf(clock.nowMs());
  history.expectRecords(all, clock.nowMs(), overrun());
  for (const { id, counters, inFlight, holds, movedTo } of all) {
    if (movedTo !== undefined) {
      expectMoved({ counters, holds });
      continue;
    }
    const joined = await history.joinedTo(id);
    mustBe(BigInt(inFlight), BigInt(holds.size), `${id} in flight`);
    if (!id.endsWith('#k'))
      mustBeWithin(BigInt(inFlight), BigInt(IN_FLIGHT_MAX), `${id} in flight`);
    for (const [name, used] of counters) {
      const account = `${id} ${name}`;
      const limit = largerOf(largest.get(account), joined && largest.get(`${joined} ${name}`));
      if (limit !== undefined) mustBeWithin(used, limit + overrun(), `${account} is over`);
      // Windows and tokens of the past are on their way out, and nothing reads them any more.
      const isNow =
        name === 'usd:total' ||
        name === `usd:month:${now.slice(0, 7)}` ||
        (name.startsWith('t:') && name.endsWith(`${now.slice(0, 10)}:usd:total`));
      if (isNow) mustBe(used, sumOf(books, account, joined), account);
    }
  }
  for (const [month, goesAtMs] of MONTHS) {
    if (goesAtMs <= clock.nowMs()) continue;
    const name = `usd:month:${month}`;
    const most = (largest.get(name) ?? 0n) + overrun();
    let drawn = 0n;
    for (const { id, slices, movedTo } of all) {
      const { left, drawnIn, recalledOut } = slices.get(name) ?? NO_SLICE;
      drawn += drawnIn - recalledOut;
      const joined = await history.joinedTo(id);
      const counted = movedTo === undefined ? sumOf(books, `${id} ${name}`, joined) : 0n;
      mustBe(drawnIn - recalledOut - left, counted, `${id} ${name} by slices`);
      mustBeWithin(-left, overrun(), `${id} ${name} below nothing`);
    }
    mustBe(await history.drawnOf(name), drawn, `${name} drawn`);
    mustBeWithin(drawn, most, `${name} drawn is over`);
    mustBeWithin(sumOf(books, name), most, `${name} is over`);
  }
}

/** A wallet that was moved counts nothing and holds nothing. */
function expectMoved({ counters, holds }: Pick<Wallet, 'counters' | 'holds'>): void {
  expect([counters.size, holds.size], 'a moved wallet').toEqual([0, 0]);
}

const largerOf = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

const NO_SLICE = { left: 0n, drawnIn: 0n, recalledOut: 0n };
