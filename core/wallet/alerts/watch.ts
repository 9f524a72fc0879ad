/**
 * Marks the levels that settled spend has reached.
 * Flow: reserve > forward > meter > **settle**.
 *
 * Guarantees: nothing is read, and nothing is written but a mark that this process has not seen to be there. A failure
 * is left to the next settle, draw or refusal of the same limit.
 */
import type { Grant } from '../../access/grant.ts';
import { makeBoundedMap } from '../../base/bounded-map.ts';
import type { KeyId, TokenId, WalletId } from '../../base/ids.ts';
import type { Clock } from '../../base/ports.ts';
import { type Hold, type LimitState, percentOf } from '../hold.ts';
import { noteIdOf } from '../people.ts';
import type { Wallet } from '../ports.ts';
import { poolIdOf, sliceName } from '../slices.ts';
import { limitStatesOf } from '../wallet.ts';
import {
  type AlertItemId,
  type AlertSubject,
  alertNameOf,
  encodePending,
  hasAlerts,
} from './alert.ts';
import type { AlertMarks } from './ports.ts';

/** The payer and the instant of a request that changed the state of limits. */
export interface Watched {
  readonly subject: AlertSubject;
  readonly keyId: KeyId;
  readonly walletId: WalletId;
  readonly tokenId?: TokenId | undefined;
  /** The instant whose windows count. */
  readonly atMs: number;
}

export interface AlertWatch {
  /** Marks the levels that settled spend of these limits has reached. Never throws. */
  reached(watched: Watched, states: readonly LimitState[]): Promise<void>;
  /** Marks 100 % of a limit that refuses because its money is gone. Never throws. */
  spent(watched: Watched, state: LimitState): Promise<void>;
}

/** Marks that this process wrote or saw to be there. */
const SEEN_MAX = 20_000;
const FULL = 100;

/** @param levels in percent, rising */
export function makeAlertWatch(
  levels: readonly number[],
  marks: AlertMarks,
  clock: Pick<Clock, 'nowMs'>,
): AlertWatch {
  const seen = makeBoundedMap<string, number>(SEEN_MAX);

  async function mark(watched: Watched, state: LimitState, level: number): Promise<void> {
    const itemId = itemIdOf(watched, state);
    const name = alertNameOf(state, watched.tokenId, watched.atMs);
    const place = `${itemId} ${name}`;
    const known = seen.get(place) ?? 0;
    if (known >= level) return;
    seen.set(place, level); // Before the write, so that requests that end meanwhile write nothing.
    const nowMs = clock.nowMs();
    const { limit, used, reserved, resetsAtMs } = state;
    const text = encodePending({
      ...watched.subject,
      level,
      per: limit.per,
      window: limit.window,
      limit: limit.amount.toString(),
      used: (used - reserved).toString(),
      resetsAtMs,
      reachedAtMs: nowMs,
      tries: 0,
      nextAtMs: nowMs,
      sentTo: [],
    });
    const passed = levels.filter((each) => each < level);
    try {
      await marks.mark({ itemId, name, level, text, passed, nowMs });
    } catch {
      seen.set(place, known); // The mark may be missing: the next settle writes it.
    }
  }

  /** The highest level that a sum of a limit has reached. */
  const levelOf = (sum: bigint, { limit: { amount } }: LimitState): number | undefined =>
    levels.findLast((level) => amount !== 0n && percentOf(sum, amount) >= level);

  return {
    async reached(watched, states) {
      for (const state of states.filter(hasAlerts)) {
        const level = levelOf(state.used, state) && levelOf(state.used - state.reserved, state);
        if (level !== undefined) await mark(watched, state, level);
      }
    },
    async spent(watched, state) {
      if (levels.includes(FULL) && hasAlerts(state)) await mark(watched, state, FULL);
    },
  };
}

/** A request that was settled, and the limits it was held under. */
export interface Settled {
  readonly grant: Grant;
  readonly hold: Hold;
  readonly limits: readonly LimitState[];
}

/** Marks the levels that the payer's settled spend has reached. Never throws. */
export async function markSettled(
  { grant, hold, limits }: Settled,
  wallet: Wallet | undefined,
  alerts: AlertWatch | undefined,
): Promise<void> {
  if (alerts === undefined || wallet === undefined) return;
  const { walletId, tokenId, reservedAtMs: atMs } = hold;
  const amounts = limits.map(({ limit }) => limit);
  const states = limitStatesOf(wallet, amounts, { tokenId, atMs });
  const subject = subjectOf(grant);
  await alerts.reached({ subject, keyId: grant.keyId, walletId, tokenId, atMs }, states);
}

/** Returns whom the alerts of a grant are about. */
export const subjectOf = ({ keyName, identity, token }: Grant): AlertSubject => ({
  key: keyName,
  ...(identity && { user: identity.id }),
  ...(token && { token: token.jti ?? token.id }),
});

const itemIdOf = ({ keyId, walletId, atMs }: Watched, { limit }: LimitState): AlertItemId =>
  limit.per === 'key' ? poolIdOf(keyId, sliceName(limit, atMs)) : noteIdOf(walletId);
