/**
 * The identity controls of a key, changed one by one. Flow: command > **controls** > record.
 * Invariant: what is off, empty or as by default is absent, so that two records that say one thing are alike.
 */
import { DEFAULT_USER_HEADER } from './access/identity.ts';
import type { IdentityControls } from './keys/key-record.ts';

/** The controls there were with those that are named; undefined: none is on. */
export function mergeControls(
  seen: IdentityControls | undefined,
  named: IdentityControls | undefined,
): IdentityControls | undefined {
  const on = Object.entries({ ...seen, ...named }).filter(([, value]) => isOn(value));
  return on.length === 0 ? undefined : Object.fromEntries(on);
}

const isOn = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== false && value !== DEFAULT_USER_HEADER;
