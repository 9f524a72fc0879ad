/**
 * Holds: the amounts that a request in flight keeps from others, and the state of the limits that count them.
 * Flow: policy > **reserve** > forward > meter > **settle**.
 */

import type { KeyId, RequestId, TokenId, WalletId } from '../base/ids.ts';
import type { CounterKind, Limit, LimitUnit } from '../base/limits.ts';
import type { NanoUsd } from '../base/money.ts';

/** The amounts of one request: the most it can take (as a hold) or what it took (as a cost). */
export interface Amounts {
  readonly usd: NanoUsd;
  /** Input + output tokens. */
  readonly tokens: bigint;
}

/** The amount that a request adds to a counter of this unit. */
export const amountOf = (unit: LimitUnit, { usd, tokens }: Amounts): bigint =>
  unit === 'requests' ? 1n : unit === 'usd' ? usd : tokens;

/** A hold, as kept in an attribute of its wallet. */
export interface Hold {
  readonly walletId: WalletId;
  readonly requestId: RequestId;
  /** From 1. Each try to write a reserve has its own number, so that late duplicates can be recognised. */
  readonly attempt: number;
  readonly reservedAtMs: number;
  /** After this the sweep closes it. */
  readonly leaseEndsAtMs: number;
  readonly amounts: Amounts;
  readonly tokenId?: TokenId;
  /** The counters it was added to; their names follow from `reservedAtMs` and `tokenId`. */
  readonly counted: readonly CounterKind[];
  /** The payer's wallet, in a hold of the key's wallet. Both holds have the same attempt. */
  readonly payerId?: WalletId;
  /** The key of the request, in a hold of a personal wallet, whose id does not name a key. */
  readonly keyId?: KeyId;
  /** Text that a later version wrote into the hold, kept as it is: `~` and text, any number of times. */
  readonly unread?: string;
  /** The text of a hold that version 0.1 wrote. */
  readonly formerText?: string;
}

/** A limit's state after a write: `used` includes `reserved`, what requests in flight hold of it. */
export interface LimitState {
  readonly limit: Limit;
  readonly used: bigint;
  readonly reserved: bigint;
  readonly resetsAtMs: number | null;
}

/** Whole percent of a limit, cut off, so that 100 means used up. A limit of zero is used up. */
export const percentOf = (used: bigint, amount: bigint): number =>
  amount <= 0n ? 100 : Number((used * 100n) / amount);
