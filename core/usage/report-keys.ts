/**
 * Usage reports of many keys, for their owner.
 */
import { mapSome } from '../base/chunks.ts';
import type { KeyId } from '../base/ids.ts';
import { DAY_MS } from '../base/limits.ts';
import type { UsageReader } from './ports.ts';
import { reportUsage, type UsageAsk, type UsageReport } from './report.ts';

interface ReportedKey {
  readonly id: KeyId;
  readonly createdAtMs: number;
}

const KEYS_AT_ONCE = 8;
/** A key was made by the clock of a person's machine, which may be ahead of that of the functions. */
const CLOCK_AHEAD_MS_MAX = DAY_MS;

/**
 * Reports on each key, in their order. A day without use has no rollup and costs a read, so days before a key was made are
 * left out.
 * @throws service_unavailable
 */
export const reportKeys = <Key extends ReportedKey>(
  keys: readonly Key[],
  ask: Omit<UsageAsk, 'keyId' | 'only'>,
  ports: { readonly usage: UsageReader },
): Promise<readonly (UsageReport & { readonly key: Key })[]> =>
  mapSome(keys, KEYS_AT_ONCE, async (key) => {
    const madeMs = Math.floor((key.createdAtMs - CLOCK_AHEAD_MS_MAX) / DAY_MS) * DAY_MS;
    const fromMs = Math.max(ask.fromMs, madeMs);
    return { key, ...(await reportUsage({ ...ask, keyId: key.id, fromMs }, ports)) };
  });
