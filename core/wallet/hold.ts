/**
 * What a request holds of a wallet while it is in flight, and the row that says what it cost.
 * Flow: policy > **reserve** > forward > meter > **settle**.
 */

import type { RequestId, TokenId, WalletId } from '../base/ids.ts';
import type { CounterKind, Limit, LimitUnit } from '../base/limits.ts';
import type { NanoUsd } from '../base/money.ts';

/** What one request takes at most (as a hold) or took (as a cost). */
export interface Amounts {
  readonly usd: NanoUsd;
  /** Input + output tokens. */
  readonly tokens: bigint;
}

/** What a request takes of a counter of this unit. */
export const amountOf = (unit: LimitUnit, { usd, tokens }: Amounts): bigint =>
  unit === 'requests' ? 1n : unit === 'usd' ? usd : tokens;

/** A hold as it stands in the wallet's attribute `h:<request>`. */
export interface Hold {
  readonly walletId: WalletId;
  readonly requestId: RequestId;
  /** From 1. Each try to write a reserve has its own, so that a late duplicate can be told apart. */
  readonly attempt: number;
  readonly reservedAtMs: number;
  /** After this the sweep closes it. */
  readonly leaseEndsAtMs: number;
  readonly amounts: Amounts;
  readonly tokenId?: TokenId;
  /** The counters it was added to; their names follow from `reservedAtMs` and `tokenId`. */
  readonly counted: readonly CounterKind[];
  /** Of a hold in the key's wallet beside the payer's: whose request it is. The attempt is the payer's hold's. */
  readonly payerId?: WalletId;
}

/** A limit's state after a write: `used` includes `reserved`, what requests in flight hold of it. */
export interface LimitState {
  readonly limit: Limit;
  readonly used: bigint;
  readonly reserved: bigint;
  readonly resetsAtMs: number | null;
}
