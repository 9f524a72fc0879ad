/**
 * What a request holds of a wallet while it is in flight, and the row that says what it cost.
 * Flow: policy > **reserve** > forward > meter > **settle**.
 */

import type { Identity } from '../access/grant.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { KeyId, RequestId, TokenId, WalletId } from '../base/ids.ts';
import type { CounterKind, Limit, LimitUnit } from '../base/limit-text.ts';
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

/** A limit that applies to a request, with the counter that it bounds. */
export type AppliedLimit = Limit;

/** A limit's state after a write: `used` includes `reserved`, what requests in flight hold of it. */
export interface LimitState {
  readonly limit: AppliedLimit;
  readonly used: bigint;
  readonly reserved: bigint;
  readonly resetsAtMs: number | null;
}

/** Tokens by kind. `input` is all input with cached ones, `output` all output with reasoning. */
export interface TokenUsage {
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
}

/**
 * How the cost is known. `exact`: the provider said so. `estimated`: it did not, so input bound and bytes sent.
 * `released`: the provider was not called or charged nothing. `swept`: the function died; the whole hold.
 */
export type UsageStatus = 'exact' | 'estimated' | 'released' | 'swept';

/** One row a request, written before the settle and never changed: what it says is what the wallet pays. */
export interface UsageRow {
  readonly keyId: KeyId;
  readonly walletId: WalletId;
  readonly requestId: RequestId;
  /** The attempt whose hold this row closes; a hold of another attempt is a ghost and costs nothing. */
  readonly attempt: number;
  readonly reservedAtMs: number;
  readonly status: UsageStatus;
  readonly cost: Amounts;
  /** What was billed beyond the hold, else zero. */
  readonly overrunNanoUsd: NanoUsd;
  readonly tokens: TokenUsage;
  readonly provider?: string;
  readonly model?: string;
  readonly priceVersion?: string;
  readonly identity?: Identity;
  readonly tokenId?: TokenId;
  /** The counters that its cost stands in. */
  readonly counted?: readonly CounterKind[];
  readonly conversation?: string;
  readonly httpStatus?: number;
  /** Why it failed, where it did. */
  readonly errorCode?: ErrorCode;
  readonly latencyMs?: number;
  readonly firstByteMs?: number;
}
