/**
 * What a wallet needs from outside: the table that holds it. Each port fails closed: `service_unavailable`
 * means that the outcome is not known.
 */

/** One counter of a reserve: `name` grows by `add`, if that leaves it at `max` or less (no `max`: always). */

import type { KeyId, PoolId, RequestId, TokenId, WalletId } from '../base/ids.ts';
import type { Hold } from './hold.ts';
import type { UsageRow } from './usage-row.ts';

export interface CounterAdd {
  readonly name: string;
  readonly add: bigint;
  readonly max?: bigint;
}

/**
 * What a reserve takes of a slice (of `name`, such as `usd:month:2026-11`): refused when there is less left, or when it
 * was drawn under a larger limit than the one that holds now.
 */
export interface SliceTake {
  readonly name: string;
  readonly take: bigint;
  readonly limit: bigint;
}

export interface Reservation {
  readonly hold: Hold;
  readonly counters: readonly CounterAdd[];
  /** None by default. Each takes more than zero. */
  readonly slices?: readonly SliceTake[];
  readonly inFlightMax: number;
  /** Refused when the wallet holds the mark `revoked:<token>`. */
  readonly tokenId?: TokenId;
  /** Refused unless later than the wallet's `notBefore`, if it has one. */
  readonly issuedAtMs?: number;
  /** When the token's counters may go at the earliest; kept as `x:<token>`, only ever later. */
  readonly tokenKeepUntilMs?: number;
}

export interface Settlement {
  readonly walletId: WalletId;
  readonly requestId: RequestId;
  readonly attempt: number;
  /** What to add to each counter: actual − held, so mostly negative. */
  readonly counters: readonly { readonly name: string; readonly add: bigint }[];
  /** What to give back to each slice: held − actual, below zero when more was billed than held. None by default. */
  readonly slices?: readonly { readonly name: string; readonly back: bigint }[];
  /** Counters of windows long past, removed in passing. */
  readonly drop: readonly string[];
  /** Slices of windows long past, removed likewise. None by default. */
  readonly dropSlices?: readonly string[];
  /** Token counters to remove, only if the token's `x:` mark is still as seen. */
  readonly dropTokens: readonly {
    readonly tokenId: TokenId;
    readonly seenKeepUntilMs: number;
    readonly names: readonly string[];
  }[];
}

/** A wallet's part of a budget of the whole key in one window. What its pool has drawn is the sum of all in − out. */
export interface Slice {
  /** What the wallet may still spend of it; below zero after an overrun. */
  readonly left: bigint;
  /** All that was ever drawn into it, and ever recalled from it: these only grow. */
  readonly drawnIn: bigint;
  readonly recalledOut: bigint;
  /** The limit at the last draw. */
  readonly limit: bigint;
}

/** A wallet item, read. */
export interface Wallet {
  readonly id: WalletId;
  readonly counters: ReadonlyMap<string, bigint>;
  readonly holds: ReadonlyMap<RequestId, Hold>;
  /** By name, such as `usd:month:2026-11`. */
  readonly slices: ReadonlyMap<string, Slice>;
  /** How many draws there were: whoever saw this many has seen every slice. */
  readonly draws: number;
  readonly inFlight: number;
  readonly revokedTokens: ReadonlySet<TokenId>;
  readonly notBeforeMs?: number;
  readonly tokenKeepUntilMs: ReadonlyMap<TokenId, number>;
  readonly dueAtMs?: number;
}

export interface WriteOutcome {
  /** False: the condition failed and nothing was written. */
  readonly written: boolean;
  /** The item after the write, or as it stood when the condition failed; undefined: there is none. */
  readonly wallet: Wallet | undefined;
  /** Consumed write units as the table reports them. */
  readonly writeUnits: number;
}

/** Money from a pool into a wallet's slice. */
export interface Draw {
  readonly poolId: PoolId;
  readonly walletId: WalletId;
  readonly name: string;
  /** From zero: a draw of nothing asks whether the slice may be spent under the limit. Never above the limit. */
  readonly amount: bigint;
  /** What the wallet's `drawnIn` was seen to be. */
  readonly seenIn: bigint;
  /** What the pool may then have drawn at most; absent: it covers what was billed already. */
  readonly limit?: bigint;
}

/** Money from a wallet's slice back into its pool. */
export interface Recall {
  readonly poolId: PoolId;
  readonly walletId: WalletId;
  readonly name: string;
  /** Above zero. */
  readonly amount: bigint;
  /** What the wallet's `recalledOut` was seen to be. */
  readonly seenOut: bigint;
}

/** `wallet-changed`: it is not as it was seen, so look again. `pool-refused`: there is not as much in the pool. */
export interface Move {
  readonly kind: 'moved' | 'wallet-changed' | 'pool-refused';
  readonly writeUnits: number;
}

/**
 * Budgets of whole keys, cut into slices. Fails closed. A draw and a recall change pool and wallet together or neither,
 * and each happens at most once however often it is sent.
 */
export interface Pools {
  /** What wallets have drawn of a pool, in all; zero when there is none. */
  findDrawn(poolId: PoolId): Promise<bigint>;
  draw(draw: Draw): Promise<Move>;
  recall(recall: Recall): Promise<Move>;
  /**
   * Ids of wallets of a key that may have something left in a slice or hold something of one, those after an id, in
   * their order, a page at a time. What was drawn a moment ago may be missing.
   */
  findHolders(keyId: KeyId, after: string, pageSize: number): Promise<readonly WalletId[]>;
  /** Those wallets, at most 100, as the last write left them; one that could not be read now is missing. */
  findAll(walletIds: readonly WalletId[]): Promise<readonly Wallet[]>;
  /**
   * Takes a wallet out of those: it was seen with nothing left, nothing in flight and this many draws, and still is so.
   * Slices of windows long past go with it.
   */
  retire(walletId: WalletId, seenDraws: number, dropSlices: readonly string[]): Promise<boolean>;
}

/** Wallets. Fails closed: `service_unavailable` means the outcome is not known. Never retries by itself. */
export interface Wallets extends Pools {
  reserve(reservation: Reservation): Promise<WriteOutcome>;
  /** @param timeoutMs the answer counts as lost after that. @default what the adapter gives any call */
  settle(settlement: Settlement, timeoutMs?: number): Promise<WriteOutcome>;
  find(walletId: WalletId): Promise<Wallet | undefined>;
  /** Ids of wallets whose earliest lease ended before an instant, oldest first, a page at a time. */
  findDue(shard: number, beforeMs: number, pageSize: number): Promise<readonly WalletId[]>;
  /**
   * Moves a wallet's due mark from what was seen to the next lease end, or removes it (undefined), the latter
   * only when nothing is in flight. False: the wallet changed meanwhile; look again at the next sweep.
   */
  moveDue(
    walletId: WalletId,
    seenDueAtMs: number,
    nextDueAtMs: number | undefined,
  ): Promise<boolean>;
}

/** Usage rows. Fails closed before the provider is called; afterwards the lease closes the hold. */
export interface UsageRows {
  /**
   * Writes the row unless one stands for this request; the row that stands is the answer.
   * @param timeoutMs the answer counts as lost after that. @default what the adapter gives any call
   */
  put(
    row: UsageRow,
    timeoutMs?: number,
  ): Promise<{ readonly row: UsageRow; readonly writeUnits: number }>;
}

/** Marks of revocation on wallets. Fails closed; each may be repeated. */
export interface WalletMarks {
  /** Marks a token as revoked, until its counters go: not before this instant. */
  revokeToken(walletId: WalletId, tokenId: TokenId, keepUntilMs: number): Promise<void>;
  /** Raises `notBefore`, which never falls. */
  raiseNotBefore(walletId: WalletId, notBeforeMs: number): Promise<void>;
}
