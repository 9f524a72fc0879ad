/**
 * The wallet's needs from outside: the table that holds it. Each port fails closed: `service_unavailable`
 * means that the outcome is not known.
 */

import type { KeyId, PoolId, RequestId, TokenId, WalletId } from '../base/ids.ts';
import type { Amounts, Hold } from './hold.ts';
import type { Memory, Remembered } from './memory.ts';
import type { Person } from './person.ts';
import type { Spills } from './spill-port.ts';
import type { UsageRow } from './usage-row.ts';

/** One counter of a reserve: `name` grows by `add`, if that leaves it at `max` or less (no `max`: always). */
export interface CounterAdd {
  readonly name: string;
  readonly add: bigint;
  readonly max?: bigint;
}

/**
 * The part of a slice that a reserve takes (`name` is like `usd:month:2026-11`). Refused when less is left, or when the
 * slice was drawn under a larger limit than the current one.
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
  /** Refused when the wallet has the mark `revoked:<token>`. */
  readonly tokenId?: TokenId;
  /**
   * The number of tokens that had left the wallet when the token's own item was looked for and not found. A token that the wallet
   * does not count is refused when more have left since. @default none had ever left
   */
  readonly seenSpills?: number;
  /** Refused unless later than the wallet's `notBefore`, if it has one. */
  readonly issuedAtMs?: number;
  /** The earliest instant at which the token's counters may go; kept as `x:<token>`, only ever later. */
  readonly tokenKeepUntilMs?: number;
  /** The `rev` of the payer's record whose limits were judged; refused when another is there. @default none is there */
  readonly seenRev?: string;
  /** The book that the first reserve lists the wallet in. @default not listed */
  readonly listedUnder?: string;
  /** The day of the request in UTC, `2026-11-29`. @default not recorded */
  readonly seenDay?: string;
}

export interface Settlement {
  /** The hold as the settler knows it. Refused unless the wallet's hold has the same text. */
  readonly hold: Hold;
  /** Amounts to add to counters: actual − held, so mostly negative. */
  readonly counters: readonly { readonly name: string; readonly add: bigint }[];
  /** Amounts to give back to slices: held − actual, below zero when more was billed than held. @default none */
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
  /** A prompt to remember, in place of what its slot had. @default none */
  readonly remember?: Remembered;
  /** True: all that is remembered is removed, because the item grows too large. @default false */
  readonly forgetsPrompts?: boolean;
}

/**
 * Part of a hold, given back while its request runs. Refused unless the wallet's hold has the same text as `hold`, so
 * that it happens once.
 */
export interface GiveBack {
  readonly hold: Hold;
  /** The amounts that the request holds from now on; none is larger than before. */
  readonly amounts: Amounts;
  /** Below zero each. */
  readonly counters: readonly { readonly name: string; readonly add: bigint }[];
  /** Above zero each. */
  readonly slices: readonly { readonly name: string; readonly back: bigint }[];
}

/** A wallet's part of a key-wide budget in one window. The pool's `drawn` is the sum over its wallets of in − out. */
export interface Slice {
  /** The rest that the wallet may still spend; below zero after an overrun. */
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
  /** Number of draws so far. If it is unchanged since the wallet was seen, no slice has come since. */
  readonly draws: number;
  readonly inFlight: number;
  readonly revokedTokens: ReadonlySet<TokenId>;
  readonly notBeforeMs?: number;
  readonly tokenKeepUntilMs: ReadonlyMap<TokenId, number>;
  readonly dueAtMs?: number;
  /** The number of times that tokens left the wallet; absent: never. It only grows. */
  readonly spills?: number;
  /** The size of the item, as the table bills it. */
  readonly bytes: number;
  /** Remembered prompts; absent if there are none. */
  readonly memory?: Memory;
  /** The payer's own record; absent: nobody made one. */
  readonly person?: Person;
  /** The day of the last request in UTC; absent: unknown. */
  readonly seenDay?: string;
  /** Everything that this wallet counted is in another one now, and it admits nothing. */
  readonly movedTo?: WalletId;
}

/** Facts of a wallet that a reserve must name as they are. */
export interface LastSeen extends Pick<Wallet, 'person' | 'movedTo'> {
  /** There was no such wallet, less than a minute ago. */
  readonly isMissing?: true;
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
  /** From zero to the limit. A draw of zero only records that the slice may be spent under this limit. */
  readonly amount: bigint;
  /** The wallet's `drawnIn` as it was seen. */
  readonly seenIn: bigint;
  /** The most that the pool may have drawn afterwards; absent: none, because the amount was billed already. */
  readonly limit?: bigint;
}

/** Money from a wallet's slice back into its pool. */
export interface Recall {
  readonly poolId: PoolId;
  readonly walletId: WalletId;
  readonly name: string;
  /** Above zero. */
  readonly amount: bigint;
  /** The wallet's `recalledOut` as it was seen. */
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
  /** The sum that wallets have drawn of a pool; zero when there is none. */
  findDrawn(poolId: PoolId): Promise<bigint>;
  draw(draw: Draw): Promise<Move>;
  recall(recall: Recall): Promise<Move>;
  /**
   * Ids of wallets of a key that may have something left in a slice or hold something of one: one page, in order, after
   * an id. A draw of a moment ago may be missing.
   */
  findHolders(keyId: KeyId, after: string, pageSize: number): Promise<readonly WalletId[]>;
  /** These wallets (100 at most) as the last write left them. One that could not be read now is missing. */
  findAll(walletIds: readonly WalletId[]): Promise<readonly Wallet[]>;
  /**
   * Takes a wallet out of the holders if it still has nothing in flight and as many draws as when it was seen with
   * nothing left. Slices of windows long past go with it.
   */
  retire(walletId: WalletId, seenDraws: number, dropSlices: readonly string[]): Promise<boolean>;
}

/** All that one wallet counts, joined to another one. */
export interface WalletMove {
  /** The wallet as it was seen: nothing in flight, no token, not moved. */
  readonly from: Wallet;
  readonly to: WalletId;
  /** The other wallet's value when it was seen. */
  readonly seen: Pick<Wallet, 'person' | 'spills' | 'notBeforeMs'>;
  /** Its value afterwards; absent if it is removed. */
  readonly joined: Pick<Wallet, 'person' | 'spills' | 'notBeforeMs'>;
  /** The sums to add to the other wallet's counters. */
  readonly counters: ReadonlyMap<string, bigint>;
  /** Slices of a budget that both wallets draw from. */
  readonly slices: ReadonlyMap<string, Slice>;
}

/** Wallets. Fails closed: `service_unavailable` means the outcome is not known. Never retries by itself. */
export interface Wallets extends Pools, Spills {
  reserve(reservation: Reservation): Promise<WriteOutcome>;
  /** @param timeoutMs the answer counts as lost after that. @default what the adapter gives any call */
  settle(settlement: Settlement, timeoutMs?: number): Promise<WriteOutcome>;
  giveBack(giveBack: GiveBack): Promise<WriteOutcome>;
  /**
   * True for a request that may ask a provider to count its input: four of a wallet at the same moment, then one in 10 s.
   * A lost answer counts as a request that did.
   */
  claimCount(walletId: WalletId, nowMs: number): Promise<boolean>;
  find(walletId: WalletId): Promise<Wallet | undefined>;
  /**
   * The state of a wallet in its last answer, from the memory of this process. It may be old or missing, so it only
   * saves a try; the reserve's condition decides.
   */
  lastSeen(walletId: WalletId): LastSeen | undefined;
  /** Ids of wallets whose earliest lease ended before an instant, oldest first, a page at a time. */
  findDue(shard: number, beforeMs: number, pageSize: number): Promise<readonly WalletId[]>;
  /**
   * Joins a wallet to another one, both or neither, and the note of its person to the other's, whose texts stay. Afterwards
   * it only says where it went, and admits nothing, in this version or the one before. False: one of them changed since it
   * was seen.
   */
  moveWallet(move: WalletMove): Promise<boolean>;
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
   * Writes the row unless there is one for this request already. Returns the row that stands.
   * @param timeoutMs the answer counts as lost after that. @default what the adapter gives any call
   */
  put(
    row: UsageRow,
    timeoutMs?: number,
  ): Promise<{ readonly row: UsageRow; readonly writeUnits: number }>;
}

/** Marks of revocation on wallets. Fails closed; each may be repeated. A former wallet is marked only if it is there. */
export interface WalletMarks {
  /** Marks a token as revoked, until its counters go: not before this instant. */
  revokeToken(id: WalletId, tokenId: TokenId, keepUntilMs: number, isFormer?: true): Promise<void>;
  /** Raises `notBefore`, which never falls. */
  raiseNotBefore(id: WalletId, notBeforeMs: number, isFormer?: true): Promise<void>;
}
