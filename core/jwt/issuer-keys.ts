/**
 * Issuers' public keys: one JSON Web Key Set (RFC 7517) for each URL, fetched when needed and kept in memory.
 * Flow: form > **key sets** > signature. Invariant: however many tokens come, and whatever the issuer answers, one fetch
 * runs at a time and at most one starts in a cool-down; a token with a known key never waits longer than a second.
 */
import type { KeyObject } from 'node:crypto';
import { makeBoundedMap } from '../base/bounded-map.ts';
import { GatewayError } from '../base/errors.ts';
import type { Clock } from '../base/ports.ts';
import { type PublicKeySet, parseKeySet, pickKey } from './key-set.ts';
import type { KeySetFetch, KeySets } from './ports.ts';

/** Sets in memory. A new one replaces the set that was used the longest ago. */
export const KEY_SETS_MAX = 16;

/** A key that the issuer withdrew is refused after this time at the latest, while the issuer answers. */
const FRESH_MS = 600_000;

/** While the issuer is down, its last keys stay valid for this long. */
const STALE_MAX_MS = 86_400_000;

/** After a fetch, successful or not, an unknown `kid` or an old set starts no new fetch for this long. */
const COOL_DOWN_MS = 30_000;

/** The cool-down while no key is in memory and every token gets 503: shorter, to recover soon. */
const OUTAGE_COOL_DOWN_MS = 10_000;

/** The longest time that a token with a known key waits for a fetch. */
const WAIT_MAX_MS = 1_000;

/** A set, and the last fetch of it. */
interface Entry {
  readonly url: string;
  set?: { readonly keys: PublicKeySet; readonly fetchedAtMs: number };
  /** The fetch that is running; its promise never rejects. */
  fetching?: { readonly done: Promise<void>; readonly startedAtMs: number };
  fetchEndedAtMs?: number;
  /** The error of the last fetch; undefined: it gave a set. */
  failure?: unknown;
}

/** Makes the error of an outage, with the reason and the cause of the last fetch. */
function outageOf({ failure }: Entry): GatewayError {
  const none = 'no keys of an issuer are in memory';
  const reason = failure instanceof GatewayError ? failure.detail : undefined;
  return new GatewayError('service_unavailable', {
    detail: reason === undefined ? none : `${none}: ${reason}`,
    cause: failure instanceof GatewayError ? failure.cause : failure,
  });
}

/** Makes the port from a fetch. It keeps the sets in memory. */
export function makeKeySets(fetchKeySet: KeySetFetch, clock: Clock): KeySets {
  const entries = makeBoundedMap<string, Entry>(KEY_SETS_MAX);

  function entryOf(url: string): Entry {
    const entry = entries.get(url) ?? { url };
    entries.set(url, entry);
    return entry;
  }

  async function runFetch(entry: Entry): Promise<void> {
    try {
      const keys = parseKeySet(await fetchKeySet(entry.url));
      entry.set = { keys, fetchedAtMs: clock.nowMs() };
      delete entry.failure;
    } catch (error) {
      entry.failure = error; // Thrown only where no key is in memory; otherwise the old keys are used.
    } finally {
      entry.fetchEndedAtMs = clock.nowMs();
      delete entry.fetching;
    }
  }

  /** Returns the running fetch, or starts one unless the cool-down has not passed. */
  function fetchUnlessCooling(entry: Entry, coolDownMs: number): Entry['fetching'] {
    const nowMs = clock.nowMs();
    const sinceMs = nowMs - (entry.fetchEndedAtMs ?? Number.NEGATIVE_INFINITY);
    if (entry.fetching === undefined && (sinceMs < 0 || sinceMs >= coolDownMs)) {
      entry.fetching = {
        done: Promise.resolve().then(() => runFetch(entry)),
        startedAtMs: nowMs,
      };
    }
    return entry.fetching;
  }

  const ageMsOf = (entry: Entry): number =>
    entry.set === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() - entry.set.fetchedAtMs;

  async function requireSet(entry: Entry): Promise<PublicKeySet> {
    if (ageMsOf(entry) >= STALE_MAX_MS) {
      await fetchUnlessCooling(entry, OUTAGE_COOL_DOWN_MS)?.done;
    } else if (ageMsOf(entry) >= FRESH_MS) {
      await waitBriefly(fetchUnlessCooling(entry, COOL_DOWN_MS));
    }
    if (entry.set !== undefined && ageMsOf(entry) < STALE_MAX_MS) return entry.set.keys;
    throw outageOf(entry);
  }

  async function waitBriefly(fetching: Entry['fetching']): Promise<void> {
    if (fetching === undefined) return;
    const leftMs = fetching.startedAtMs + WAIT_MAX_MS - clock.nowMs();
    if (leftMs > 0) await Promise.race([fetching.done, clock.sleep(leftMs)]);
  }

  return {
    async find(url, wanted): Promise<KeyObject | undefined> {
      const entry = entryOf(url);
      const key = pickKey(await requireSet(entry), wanted);
      if (key !== undefined) return key;
      // The issuer may have published new keys.
      await fetchUnlessCooling(entry, COOL_DOWN_MS)?.done;
      return pickKey(await requireSet(entry), wanted);
    },
  };
}
