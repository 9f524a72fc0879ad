/**
 * Audit: recomputes the counters of a key's wallets from its usage rows. Beside the flow; it changes nothing.
 * Invariant it checks: a counter = what its settled rows cost + what the holds in flight that count in it hold.
 */
import type { KeyId, WalletId } from './ids.ts';
import type { Clock, UsageReader, Wallets } from './ports.ts';

export interface AuditAsk {
  readonly keyId: KeyId;
  /** When the key was made. Rows are kept 400 days: beyond that, `total` counters cannot be recomputed. */
  readonly createdAtMs: number;
}

/** A counter that is not what the rows say, in its unit: requests, tokens or nano-dollars. */
export interface AuditDifference {
  readonly walletId: WalletId;
  /** The counter's name: `usd:month:2026-11`, `t:<token>:usd:total`. */
  readonly counter: string;
  readonly counted: bigint;
  readonly expected: bigint;
}

export interface AuditReport {
  readonly rows: number;
  readonly wallets: number;
  readonly counters: number;
  readonly differences: readonly AuditDifference[];
  /** Wallets written to while they were looked at, again and again: nothing is said of them. */
  readonly busy: readonly WalletId[];
  /** False: `total` counters were left out, since rows of the key's first days are gone. */
  readonly totalsChecked: boolean;
  /** True: there were more rows than one audit reads; nothing is compared then. */
  readonly truncated: boolean;
}

/**
 * Compares each day, week, month and total counter of every wallet of a key with the rows of its window.
 * @throws service_unavailable
 */
export declare function auditUsage(
  ask: AuditAsk,
  ports: {
    readonly usage: UsageReader;
    readonly wallets: Pick<Wallets, 'find'>;
    readonly clock: Clock;
  },
): Promise<AuditReport>;
