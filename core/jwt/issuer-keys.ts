/**
 * Issuers' public keys: one JSON Web Key Set (RFC 7517) a URL, fetched when it must be and kept in memory.
 * Flow: form > **key sets** > signature. Invariant: however many tokens come, and whatever the issuer answers, there is
 * one fetch at a time and at most one a cool-down; and a token with a known key never waits longer than a second.
 */
import type { KeyObject } from 'node:crypto';
import { makeBoundedMap } from '../base/bounded-map.ts';
import { GatewayError } from '../base/errors.ts';
import type { Clock } from '../base/ports.ts';
import { type PublicKeySet, parseKeySet, pickKey } from './key-set.ts';
import type { KeySetFetch, KeySets } from './ports.ts';

/** Sets in memory; the one that was asked for the longest ago gives way. */
export const KEY_SETS_MAX = 16;

/** A key that the issuer withdrew is refused after that at the latest, while the issuer answers. */
const FRESH_MS = 600_000;

/** While the issuer is down, its last keys serve so long. */
const STALE_MAX_MS = 86_400_000;

/** After a fetch, however it ended, an unknown `kid` or a set that is no longer fresh makes no other so soon. */
const COOL_DOWN_MS = 30_000;

/** The same with no key in memory, when nobody can be let in: shorter, so that an issuer's hiccup is soon over. */
const OUTAGE_COOL_DOWN_MS = 10_000;

/** A token whose key is known waits no longer for a fetch. */
const WAIT_MAX_MS = 1_000;

/** A set, and the last fetch of it. */
interface Entry {
  readonly url: string;
  set?: { readonly keys: PublicKeySet; readonly fetchedAtMs: number };
  /** There is one under way; it never fails. */
  fetching?: { readonly done: Promise<void>; readonly startedAtMs: number };
  fetchEndedAtMs?: number;
  /** Why the last fetch gave no set; undefined: it gave one. */
  failure?: unknown;
}

/** With the reason of the last fetch, which is one of a few sentences, and the cause behind it. */
function outageOf({ failure }: Entry): GatewayError {
  const none = 'no keys of an issuer are in memory';
  const reason = failure instanceof GatewayError ? failure.detail : undefined;
  return new GatewayError('service_unavailable', {
    detail: reason === undefined ? none : `${none}: ${reason}`,
    cause: failure instanceof GatewayError ? failure.cause : failure,
  });
}

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
      entry.failure = error; // For whoever finds no key in memory; the others go on with what there is.
    } finally {
      entry.fetchEndedAtMs = clock.nowMs();
      delete entry.fetching;
    }
  }

  /** The fetch under way, or a new one unless there was one a moment ago. */
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
      // Perhaps the issuer has new keys.
      await fetchUnlessCooling(entry, COOL_DOWN_MS)?.done;
      return pickKey(await requireSet(entry), wanted);
    },
  };
}
