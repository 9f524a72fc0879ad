/**
 * The records of people in a history: their own limits and blocks change while requests run, and writes of a change are
 * lost, late and doubled like all others.
 */
import { expect } from 'vitest';
import type { RequestId, WalletId } from '../../core/base/ids.ts';
import { changePerson } from '../../core/wallet/change-person.ts';
import type { People } from '../../core/wallet/people.ts';
import type { Wallet, Wallets } from '../../core/wallet/ports.ts';
import type { SettlePorts } from '../../core/wallet/settle.ts';
import { isoOf, mustBeWithin } from './joined-books.ts';

/** A change that an owner asks for. */
export interface RecordChange {
  /** Dollars of a month in place of the key's; undefined: the key's. */
  readonly month: bigint | undefined;
  readonly isBlocked: boolean;
}

/** Sends a change of a record, whatever becomes of it. */
export async function playChange(
  walletId: WalletId,
  { month, isBlocked }: RecordChange,
  ports: Pick<SettlePorts, 'clock' | 'random'> & {
    readonly wallets: Pick<Wallets, 'find'>;
    readonly people: Pick<People, 'findNote' | 'change'>;
    /** Another one for each change. */
    readonly idempotencyKey: string;
  },
): Promise<void> {
  const own = { per: 'user', unit: 'usd', window: 'month' } as const;
  const limits = month === undefined ? [] : [{ ...own, amount: month }];
  const edit = () => ({ limits, creditNanoUsd: 0n, isBlocked });
  const { idempotencyKey } = ports;
  const change = { walletId, idempotencyKey, digest: idempotencyKey, edit, texts: {} };
  // A change whose answer is lost may have been made: what stands is read from the wallet.
  await changePerson(change, ports).catch(() => undefined);
}

interface Seen {
  readonly rev: string;
  readonly holds: ReadonlySet<RequestId>;
  readonly month: string;
  readonly used: bigint;
}

/**
 * Watches wallets. From the look that finds a record on, nothing new is held for a person who is blocked, and their month
 * stays within their own limit, or where it was if that is lower.
 */
export function watchRecords() {
  const seen = new Map<WalletId, Seen>();
  return (wallets: readonly Wallet[], nowMs: number, overrun: bigint): void => {
    const month = `usd:month:${isoOf(nowMs).slice(0, 7)}`;
    for (const { id, person, holds, counters } of wallets) {
      if (person === undefined) continue;
      const used = counters.get(month) ?? 0n;
      const last = seen.get(id);
      if (last?.rev !== person.rev) {
        seen.set(id, { rev: person.rev, holds: new Set(holds.keys()), month, used });
        continue;
      }
      if (person.isBlocked) {
        const added = [...holds.keys()].filter((requestId) => !last.holds.has(requestId));
        expect(added, `${id} is blocked`).toEqual([]);
      }
      const own = person.limits.find((limit) => limit.window === 'month')?.amount;
      if (own === undefined) continue;
      const least = last.month === month && last.used > own ? last.used : own;
      mustBeWithin(used, least + overrun, `${id} is over its own limit`);
    }
  };
}
