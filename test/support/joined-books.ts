/**
 * The books of a history: what rows say was spent, and what requests hold. They know nothing of counters and slices.
 */
import { expect } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import type { WalletId } from '../../core/base/ids.ts';
import type { Limit } from '../../core/base/limits.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';

/** Limits of a history, in nano-dollars and requests. */
export interface Caps {
  readonly token: bigint;
  readonly month: bigint;
  readonly requests: bigint;
  readonly keyMonth: bigint;
  readonly keyHour: bigint;
}

export const isoOf = (atMs: number): string => new Date(atMs).toISOString();
const monthOf = (atMs: number): string => `usd:month:${isoOf(atMs).slice(0, 7)}`;
const hourOf = (atMs: number): string => `usd:hour:${isoOf(atMs).slice(0, 13)}`;

type Booked = Pick<Hold, 'walletId' | 'reservedAtMs' | 'tokenId' | 'payerId'> &
  Partial<Pick<Hold, 'leaseEndsAtMs'>>;
const accounts = new WeakMap<Booked, readonly string[]>();

/** The accounts of a row or a hold: by its wallet, whole and by month and token, and by the key's month and hour. */
function accountsOf(booked: Booked): readonly string[] {
  const names = accounts.get(booked) ?? toAccounts(booked);
  accounts.set(booked, names);
  return names;
}

function toAccounts({ walletId, reservedAtMs, tokenId, payerId, leaseEndsAtMs }: Booked): string[] {
  const [month, hour] = [monthOf(reservedAtMs), hourOf(reservedAtMs)];
  // The key's hour is held in the key's wallet: a plain key's own, or beside the payer's, and maybe longer than that.
  if (payerId !== undefined) return [hour];
  const ofToken = tokenId === undefined ? [] : [`${walletId} t:${tokenId}:usd:total`];
  const isElsewhere = leaseEndsAtMs !== undefined && tokenId !== undefined;
  const own = [`${walletId} usd:total`, `${walletId} ${month}`, ...ofToken, month];
  return isElsewhere ? own : [...own, hour];
}

/** The accounts that a limit counts. */
export function accountOf({ per, window }: Limit, grant: Grant, atMs: number): string {
  if (per === 'key') return window === 'hour' ? hourOf(atMs) : monthOf(atMs);
  const own = per === 'token' ? `t:${grant.token?.id}:usd:total` : monthOf(atMs);
  return `${walletIdOf(grant)} ${own}`;
}

/** The sums of the rows, and the holds of requests without a row. */
export function booksOf(all: readonly Wallet[], rows: Iterable<UsageRow>) {
  const [spent, held] = [new Map<string, bigint>(), new Map<string, bigint>()];
  const inFlight = new Set<string>();
  const add = (book: Map<string, bigint>, booked: Booked, amount: bigint): void => {
    for (const name of accountsOf(booked)) book.set(name, (book.get(name) ?? 0n) + amount);
  };
  for (const wallet of all) {
    for (const hold of wallet.holds.values()) {
      add(held, hold, hold.amounts.usd);
      if (hold.payerId === undefined) inFlight.add(`${hold.requestId} ${hold.attempt}`);
    }
  }
  for (const row of rows) {
    const isHeld = inFlight.has(`${row.requestId} ${row.attempt}`);
    if (!isHeld) add(spent, row, row.cost.usd);
    else {
      const hour = hourOf(row.reservedAtMs);
      spent.set(hour, (spent.get(hour) ?? 0n) + row.cost.usd);
    }
  }
  return { spent, held };
}

/**
 * All that is booked on an account.
 * @param joined a wallet that was moved into the account's: what is booked on that one counts here too
 */
export function sumOf(
  { spent, held }: ReturnType<typeof booksOf>,
  account: string,
  joined?: WalletId,
): bigint {
  const [id, ...rest] = account.split(' ');
  const own = (spent.get(account) ?? 0n) + (held.get(account) ?? 0n);
  if (joined === undefined || rest.length === 0 || id === joined) return own;
  const other = [joined, ...rest].join(' ');
  return own + (spent.get(other) ?? 0n) + (held.get(other) ?? 0n);
}

/** As `expect`, which takes its time, where it fails. */
export function mustBe(actual: bigint, expected: bigint, what: string): void {
  if (actual !== expected) expect(actual, what).toBe(expected);
}
export function mustBeWithin(actual: bigint, most: bigint, what: string): void {
  if (actual > most) expect(actual, what).toBeLessThanOrEqual(most);
}
