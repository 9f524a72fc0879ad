/**
 * Sends the alerts that were marked, from the sweep.
 *
 * Steps, for each item of the index that has marks:
 * 1. read it;
 * 2. send each alert that is due to each channel that has not taken it;
 * 3. write what was taken, and when to try the rest again.
 *
 * Guarantees: at least once. If the sweep dies between 2 and 3, the next one sends the same alert under the same id.
 * An alert is given up after `TRIES_MAX` tries, some 34 hours.
 */
import type { WalletId } from '../../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/limits.ts';
import type { Clock, Log } from '../../base/ports.ts';
import { alertIdOf, decodePending, encodePending, type PendingAlert } from './alert.ts';
import type { AlertChannel, AlertItem, AlertItems } from './ports.ts';
import { staleMarksOf } from './stale-marks.ts';

export interface SendPorts {
  readonly alerts: AlertItems;
  /** None: what is marked is done without being sent. */
  readonly channels: readonly AlertChannel[];
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Log;
}

export interface SendOutcome {
  /** Alerts that every channel has taken. */
  readonly sent: number;
  /** Alerts that are tried again. */
  readonly waiting: number;
  readonly givenUp: number;
  /** Items that could not be read or written; the next sweep tries again. */
  readonly failed: number;
  /** False: the deadline came; the next sweep goes on. */
  readonly finished: boolean;
}

const TRIES_MAX = 12;
const FIRST_WAIT_MS = 5 * MINUTE_MS;
const WAIT_MAX_MS = 6 * HOUR_MS;

/** A channel that refuses so many alerts in a row is left in peace until the next sweep. */
const REFUSALS_MAX = 3;

/** Sends what is due in these items, one after the other. Never throws. */
export async function sendAlerts(
  itemIds: readonly WalletId[],
  deadlineAtMs: number,
  ports: SendPorts,
): Promise<SendOutcome> {
  const total = { sent: 0, waiting: 0, givenUp: 0, failed: 0 };
  const refusals = new Map<string, number>();
  for (const itemId of itemIds) {
    if (ports.clock.nowMs() >= deadlineAtMs) return { ...total, finished: false };
    try {
      const seen = await ports.alerts.find(itemId);
      if (seen === undefined) continue;
      const ends = await sendItem(itemId, seen, { ...ports, refusals });
      for (const end of ends) total[end] += 1;
    } catch {
      total.failed += 1; // It stays in the index as it is.
    }
  }
  return { ...total, finished: true };
}

type End = 'sent' | 'waiting' | 'givenUp';

interface ItemPorts extends SendPorts {
  readonly refusals: Map<string, number>;
}

async function sendItem(
  itemId: WalletId,
  seen: AlertItem,
  ports: ItemPorts,
): Promise<readonly End[]> {
  const changed = new Map<string, string | undefined>();
  const ends: End[] = [];
  const nextAtMs: number[] = [];
  for (const [name, text] of seen.pending) {
    const pending = decodePending(text);
    if (pending === undefined) {
      changed.set(name, undefined);
      continue;
    }
    const next = await trySending(pending, alertIdOf(itemId, name), ports);
    ends.push(next.end);
    const waits = next.end === 'waiting';
    if (waits) nextAtMs.push(next.pending.nextAtMs);
    changed.set(name, waits ? encodePending(next.pending) : undefined);
  }
  const next = nextAtMs.length === 0 ? undefined : Math.min(...nextAtMs);
  const nowMs = ports.clock.nowMs();
  const update = {
    itemId,
    seen,
    changed,
    drop: staleMarksOf(seen.done, nowMs),
    nowMs,
    nextAtMs: next,
  };
  if (!(await ports.alerts.update(update))) throw new Error('the marks have changed');
  return ends;
}

/** One try: each channel that has not taken the alert gets it, and one that fails is named in the log. */
async function trySending(
  pending: PendingAlert,
  id: string,
  { channels, clock, log, refusals }: ItemPorts,
): Promise<{ readonly end: End; readonly pending: PendingAlert }> {
  const nowMs = clock.nowMs();
  if (pending.nextAtMs > nowMs) return { end: 'waiting', pending };
  const { tries, nextAtMs, sentTo, ...alert } = pending;
  const taken = [...sentTo];
  let isTried = false;
  const missing = channels.filter(({ name }) => !sentTo.includes(name));
  for (const channel of missing) {
    const refused = refusals.get(channel.name) ?? 0;
    if (refused >= REFUSALS_MAX) continue;
    isTried = true;
    try {
      await channel.send(alert, id);
      taken.push(channel.name);
      refusals.set(channel.name, 0);
    } catch (cause) {
      refusals.set(channel.name, refused + 1);
      log.write({ level: 'warn', event: 'alert not sent', detail: `${channel.name} ${id}`, cause });
    }
  }
  if (taken.length === sentTo.length + missing.length) return { end: 'sent', pending };
  const triesNow = isTried ? tries + 1 : tries;
  if (triesNow >= TRIES_MAX) {
    log.write({ level: 'error', event: 'alert given up', detail: id });
    return { end: 'givenUp', pending };
  }
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** Math.max(0, triesNow - 1), WAIT_MAX_MS);
  return {
    end: 'waiting',
    pending: { ...pending, tries: triesNow, sentTo: taken, nextAtMs: nowMs + waitMs },
  };
}
