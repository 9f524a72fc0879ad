/**
 * The outside, as the core needs it. Each port says what happens when its outside is down.
 * All `find…` may answer undefined; all others throw a `GatewayError`, `service_unavailable` for an outage.
 */
import type { ErrorCode } from './errors.ts';
import type { Hold, UsageRow } from './hold.ts';
import type { KeyHash, KeyId, RequestId, TokenId, WalletId } from './ids.ts';
import type { KeyRecord } from './key-record.ts';
import type { RollupSegment, SealedDay } from './usage-cells.ts';

/** Time. */
export interface Clock {
  nowMs(): number;
  sleep(durationMs: number): Promise<void>;
}

/** Randomness. `fraction` is in [0, 1) and for jitter only. */
export interface Random {
  uuid(): string;
  fraction(): number;
}

/** Key records. Fails closed. Cached for 10 s at most and never stale. */
export interface KeyRecords {
  findByName(account: string, name: string): Promise<KeyRecord | undefined>;
  /** The record whose key, current or former, has this hash, and which version that hash is of. */
  findByKeyHash(hash: KeyHash): Promise<{ record: KeyRecord; version: string } | undefined>;
}

/** Secrets. Fails closed. What is read by version never changes, so it is cached without a limit in time. */
export interface Secrets {
  /** The whole key string `sk-…` of that version. */
  readKey(keyId: KeyId, version: string): Promise<string>;
  findProviderKey(provider: string): Promise<string | undefined>;
}

/** One counter of a reserve: `name` grows by `add`, if that leaves it at `max` or less (no `max`: always). */
export interface CounterAdd {
  readonly name: string;
  readonly add: bigint;
  readonly max?: bigint;
}

export interface Reservation {
  readonly hold: Hold;
  readonly counters: readonly CounterAdd[];
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
  /** Counters of windows long past, removed in passing. */
  readonly drop: readonly string[];
  /** Token counters to remove, only if the token's `x:` mark is still as seen. */
  readonly dropTokens: readonly {
    readonly tokenId: TokenId;
    readonly seenKeepUntilMs: number;
    readonly names: readonly string[];
  }[];
}

/** A wallet item, read. */
export interface Wallet {
  readonly id: WalletId;
  readonly counters: ReadonlyMap<string, bigint>;
  readonly holds: ReadonlyMap<RequestId, Hold>;
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

/** Wallets. Fails closed: `service_unavailable` means the outcome is not known. Never retries by itself. */
export interface Wallets {
  reserve(reservation: Reservation): Promise<WriteOutcome>;
  settle(settlement: Settlement): Promise<WriteOutcome>;
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
  /** Writes the row unless one stands for this request; the row that stands is the answer. */
  put(row: UsageRow): Promise<{ readonly row: UsageRow; readonly writeUnits: number }>;
}

/** Usage, read. Fails closed. */
export interface UsageReader {
  /**
   * Rows of a key's day in the order in which their requests began, a page at a time, strongly consistent.
   * @param after where the page before ended
   */
  readRows(ask: RowsAsk): Promise<RowsPage>;
  /**
   * Days that are rolled up, each followed by the segments of its rollup, of whatever generation, in their order, a
   * page at a time; both days inclusive.
   */
  readRollups(
    keyId: KeyId,
    fromDay: string,
    toDay: string,
    after?: string,
  ): Promise<{ readonly entries: readonly (SealedDay | RollupSegment)[]; readonly next?: string }>;
}

export interface RowsAsk {
  readonly keyId: KeyId;
  /** `2026-11-20`. */
  readonly day: string;
  readonly after?: string;
  /** Rows of this wallet only. */
  readonly walletId?: WalletId;
}

export interface RowsPage {
  /** `isMarked`: it bears the mark by which the sweep finds days to roll up. */
  readonly rows: readonly { readonly row: UsageRow; readonly isMarked: boolean }[];
  /** Where the next page begins; absent: this was the last. */
  readonly next?: string;
}

/** A key's day that has rows which bear a mark, and the places of those that were found. */
export interface OpenDay {
  readonly keyId: KeyId;
  readonly day: string;
  readonly marked: readonly string[];
}

/** Rollups of days, for the sweep that makes them. Fails closed; each write may be repeated. */
export interface Rollups {
  /** Days up to the last one that have marked rows, oldest first, a page at a time. May lag behind the rows. */
  findOpenDays(
    lastDay: string,
    after?: string,
  ): Promise<{ readonly days: readonly OpenDay[]; readonly next?: string }>;
  /** All there is of a day's rollup, of whatever generation. */
  findDay(
    keyId: KeyId,
    day: string,
  ): Promise<{
    readonly sealed: SealedDay | undefined;
    readonly segments: readonly RollupSegment[];
  }>;
  /** False: there is one of this generation that begins there. */
  addSegment(keyId: KeyId, segment: RollupSegment): Promise<boolean>;
  /** False: a rollup of this or a later generation is sealed. */
  seal(keyId: KeyId, sealed: SealedDay): Promise<boolean>;
  /** Takes the mark from a row. */
  unmark(keyId: KeyId, day: string, place: string): Promise<void>;
  /** Lets a segment of an earlier generation go, once whoever reads it now is done. */
  letGo(keyId: KeyId, segment: RollupSegment): Promise<void>;
}

/** Marks of revocation on wallets. Fails closed; each may be repeated. */
export interface WalletMarks {
  /** Marks a token as revoked, until its counters go: not before this instant. */
  revokeToken(walletId: WalletId, tokenId: TokenId, keepUntilMs: number): Promise<void>;
  /** Raises `notBefore`, which never falls. */
  raiseNotBefore(walletId: WalletId, notBeforeMs: number): Promise<void>;
}

/** A key, as its record is found. */
export interface KeyName {
  readonly account: string;
  readonly keyId: KeyId;
  readonly keyName: string;
}

/** The list of tokens, by `jti`, that a key's record says are revoked. Fails closed. */
export interface RevokedList {
  has(key: KeyName, tokenId: TokenId): Promise<boolean>;
  /** @throws invalid_request when the list is full; service_unavailable */
  add(
    key: KeyName,
    entry: { readonly tokenId: TokenId; readonly keepUntilMs: number; readonly nowMs: number },
  ): Promise<void>;
}

export interface UpstreamRequest {
  readonly method: 'POST' | 'GET';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The whole exchange, until the last byte, ends by then. */
  readonly deadlineAtMs: number;
}

export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Throws `upstream_error` or `upstream_timeout` when the provider fails on the way. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Providers. `upstream_error` or `upstream_timeout`; never follows a redirect. */
export interface Upstream {
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
}

/** What a log line may hold. Nothing else is ever written: no text of a client's or a provider's. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly requestId?: RequestId;
  readonly keyId?: KeyId;
  readonly walletId?: WalletId;
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly cause?: unknown;
  readonly route?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly httpStatus?: number;
  readonly durationMs?: number;
  readonly firstByteMs?: number;
  readonly writeUnits?: number;
  readonly costNanoUsd?: bigint;
  readonly usageStatus?: string;
  readonly count?: number;
}

/** The log. Fails open: it never throws. */
export interface Log {
  write(entry: LogEntry): void;
}
