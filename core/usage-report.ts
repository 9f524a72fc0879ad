/**
 * Usage of a key, summed from its rows and their day rollups. Flow: Grant > **answer**.
 * Invariant: each row counts once, whether it is read itself or by the rollup of its day.
 */
import type { IdentitySource } from './grant.ts';
import type { KeyId, TokenId, WalletId } from './ids.ts';
import type { UsageReader } from './ports.ts';
import type { UsageSums } from './usage-cells.ts';

export const GROUP_BYS = ['user', 'token', 'key', 'model', 'day', 'conversation'] as const;
export type GroupBy = (typeof GROUP_BYS)[number];

/** One line of a report. Of the names there are those that were grouped by; null: the rows say none. */
export interface UsageGroup extends UsageSums {
  /** `2026-11-20`, UTC, by when the request began. */
  readonly day?: string;
  readonly keyId?: KeyId;
  /** Whose wallet paid: a user's, a token's without user, or the key's own (`<key id>#u…`, `#t…`, `#k`). By `user`. */
  readonly walletId?: WalletId;
  readonly user?: string | null;
  /** Where the user's name came from; users of different sources are different users. */
  readonly userSource?: IdentitySource | null;
  readonly tokenId?: TokenId | null;
  /** `provider/model`. */
  readonly model?: string | null;
  readonly conversation?: string | null;
}

export interface UsageAsk {
  readonly keyId: KeyId;
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** In this order; empty: one line with the total. */
  readonly groupBy: readonly GroupBy[];
  /** Rows of one payer only, and of one of its tokens. @default all of the key's */
  readonly only?: { readonly walletId: WalletId; readonly tokenId?: TokenId };
  /** Reads of the table at most, each of a megabyte at most. @default 600 */
  readonly readsMax?: number;
}

export interface UsageReport {
  /** Ordered by the names, as grouped. */
  readonly rows: readonly UsageGroup[];
  readonly total: UsageSums;
  /** True: there was more than is read for one report, and the sums are too small. */
  readonly truncated: boolean;
}

/** A report covers this many days at most. */
export const REPORT_DAYS_MAX = 366;

/**
 * Sums what a key, or one payer of it, used. Days that lie wholly within and are rolled up are read from their rollup,
 * all else from rows; conversations are in rows only.
 * @throws service_unavailable
 */
export declare function reportUsage(
  ask: UsageAsk,
  ports: { readonly usage: UsageReader },
): Promise<UsageReport>;
