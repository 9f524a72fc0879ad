/**
 * Give-back: returns a part of a hold while its request runs, when the provider's stream has named its input.
 * Flow: reserve > forward > **meter** > settle.
 * Invariant: it happens at most once, in the payer's wallet only, and a settle finds out whether it did.
 */
import { counterName, windowAt } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { type Amounts, amountOf } from './hold.ts';
import type { GiveBack, Wallets } from './ports.ts';
import { isKeyBudget, sliceName } from './slices.ts';
import { isLongPast, type OpenHold } from './wallet.ts';

export interface GiveBackOutcome {
  /** The hold as it is now as far as is known. If the answer was lost, the one before: its settle works it out. */
  readonly hold: OpenHold;
  readonly writeUnits: number;
}

/**
 * Lowers a hold to smaller amounts. Tried once; never throws.
 * @param amounts what the request can still take; where it is not smaller, the hold stays
 */
export async function giveBack(
  hold: OpenHold,
  amounts: Amounts,
  { wallets, clock }: { readonly wallets: Pick<Wallets, 'giveBack'>; readonly clock: Clock },
): Promise<GiveBackOutcome> {
  const lowered = smallerOf(hold.amounts, amounts);
  if (lowered.usd === hold.amounts.usd && lowered.tokens === hold.amounts.tokens) {
    return { hold, writeUnits: 0 };
  }
  try {
    const { written, writeUnits } = await wallets.giveBack(
      giveBackOf(hold, lowered, clock.nowMs()),
    );
    return { hold: written ? { ...hold, amounts: lowered } : hold, writeUnits };
  } catch {
    // Given back or not: the settle compares the hold's whole text, and works out the difference anew.
    return { hold, writeUnits: 0 };
  }
}

const smallerOf = (a: Amounts, b: Amounts): Amounts => ({
  usd: b.usd < a.usd ? b.usd : a.usd,
  tokens: b.tokens < a.tokens ? b.tokens : a.tokens,
});

/** The write of a give-back. Counters and slices of windows long past are gone, and nothing is given back to them. */
function giveBackOf(hold: OpenHold, amounts: Amounts, nowMs: number): GiveBack {
  const counters: GiveBack['counters'][number][] = [];
  const slices: GiveBack['slices'][number][] = [];
  for (const kind of hold.counted) {
    const back = amountOf(kind.unit, hold.amounts) - amountOf(kind.unit, amounts);
    const isPast = isLongPast(kind.window, windowAt(kind.window, hold.reservedAtMs).name, nowMs);
    if (back === 0n || isPast) continue;
    if (isKeyBudget(kind)) slices.push({ name: sliceName(kind, hold.reservedAtMs), back });
    else counters.push({ name: counterName(kind, hold.tokenId, hold.reservedAtMs), add: -back });
  }
  return { hold, amounts, counters, slices };
}
