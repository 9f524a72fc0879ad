/**
 * The promises that a history must keep at any instant: no limit is passed, and every counter is exact.
 */
import { booksOf, isoOf, mustBe, mustBeWithin } from './joined-books.ts';
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
  const { spent, held } = booksOf(all, rows.values());
  const sumOf = (account: string): bigint => (spent.get(account) ?? 0n) + (held.get(account) ?? 0n);
  const now = isoOf(clock.nowMs());
  for (const { id, counters, inFlight, holds } of all) {
    mustBe(BigInt(inFlight), BigInt(holds.size), `${id} in flight`);
    if (!id.endsWith('#k'))
      mustBeWithin(BigInt(inFlight), BigInt(IN_FLIGHT_MAX), `${id} in flight`);
    for (const [name, used] of counters) {
      const account = `${id} ${name}`;
      const limit = largest.get(account);
      if (limit !== undefined) mustBeWithin(used, limit + overrun(), `${account} is over`);
      // Windows and tokens of the past are on their way out, and nothing reads them any more.
      const isNow =
        name === 'usd:total' ||
        name === `usd:month:${now.slice(0, 7)}` ||
        (name.startsWith('t:') && name.endsWith(`${now.slice(0, 10)}:usd:total`));
      if (isNow) mustBe(used, sumOf(account), account);
    }
  }
  for (const [month, goesAtMs] of MONTHS) {
    if (goesAtMs <= clock.nowMs()) continue;
    const name = `usd:month:${month}`;
    const most = (largest.get(name) ?? 0n) + overrun();
    let drawn = 0n;
    for (const { id, slices } of all) {
      const { left, drawnIn, recalledOut } = slices.get(name) ?? NO_SLICE;
      drawn += drawnIn - recalledOut;
      mustBe(drawnIn - recalledOut - left, sumOf(`${id} ${name}`), `${id} ${name} by slices`);
      mustBeWithin(-left, overrun(), `${id} ${name} below nothing`);
    }
    mustBe(await history.drawnOf(name), drawn, `${name} drawn`);
    mustBeWithin(drawn, most, `${name} drawn is over`);
    mustBeWithin(sumOf(name), most, `${name} is over`);
  }
}

const NO_SLICE = { left: 0n, drawnIn: 0n, recalledOut: 0n };
