/**
 * Replaces and ends the strings of a key, for the operator's commands. Flow: command > **rotation** > table and secrets.
 *
 * A rotation writes, in order:
 * 1. a mark of the new secret, which the sweep finds in an hour;
 * 2. the new secret;
 * 3. the pointer from the new string to the key, which grants nothing by itself;
 * 4. in one transaction: the record with the new version, the mark of the former secret for the end of the overlap, and the
 *    end of the mark of the new secret.
 *
 * Guarantees: until the fourth step the former string is in force, and its secret stays; after it the new one is, and its
 * secret stays. A rotation that stops in between leaves a secret that the sweep deletes.
 */
import { hashOfKey, makeApiKey } from './api-key.ts';
import {
  change,
  KEY_BYTES,
  type KeyAdminPorts,
  keepsSecret,
  type MadeKey,
  refused,
  requireKey,
} from './key-admin.ts';
import { type KeyRecord, keyNameOf } from './key-record.ts';
import { MAKING_MAX_MS, SPARE_MS, secretOf, toOwnVersion } from './key-secret.ts';
import type { SecretEnding } from './ports.ts';

/**
 * Gives a key a new string. The former string, and the tokens it signed, stay valid for the overlap.
 * @param overlapMs 0: the former string ends now. @default the key's `maxTokenLifetime`
 * @throws invalid_request when there is no such key, it is disabled, a former string is still valid (unless all end now),
 *   or another change came between
 */
export async function rotateKey(
  name: string,
  overlapMs: number | undefined,
  ports: KeyAdminPorts,
): Promise<MadeKey> {
  const seen = await requireKey(name, ports);
  const { former, ...rest } = seen;
  const { store, vault, clock, random } = ports;
  const nowMs = clock.nowMs();
  const durationMs = overlapMs ?? seen.maxTokenLifetimeSeconds * 1000;
  if (seen.disabled) throw refused(`the key "${name}" is disabled`);
  if (former !== undefined && former.untilMs > nowMs && durationMs > 0) {
    const until = new Date(former.untilMs).toISOString();
    throw refused(`the key "${name}" was rotated, and its former string holds until ${until}`);
  }
  const key = makeApiKey(random.bytes(KEY_BYTES));
  const untilMs = nowMs + durationMs;
  const next: KeyRecord = {
    ...rest,
    version: keepsSecret(seen) ? toOwnVersion(random.uuid()) : random.uuid(),
    keyHash: hashOfKey(key),
    ...(durationMs > 0 && { former: { version: seen.version, untilMs, rotatedAtMs: nowMs } }),
  };
  const made = { secret: secretOf(seen.id, next.version), atMs: nowMs + MAKING_MAX_MS };
  if (keepsSecret(seen)) {
    await store.putEnding(keyNameOf(seen), made);
    await vault.createKeySecret(seen.id, next.version, key);
  }
  await store.point(next);
  const marks = {
    ...(keepsSecret(seen) && { made }),
    ended: endingsOf(seen, { current: untilMs, former: nowMs }),
  };
  const fields = { former: durationMs > 0 ? `until ${new Date(untilMs).toISOString()}` : 'ended' };
  return { record: await change(seen, next, { action: 'rotate', fields, marks }, ports), key };
}

/**
 * Disables a key for ever. Its usage stays, and its name is not free again. Its secrets go a minute after the overlap of its
 * former string would have ended, or a minute from now. Repeated, it marks them again.
 * @returns false if it was disabled before
 */
export async function disableKey(name: string, ports: KeyAdminPorts): Promise<boolean> {
  const seen = await requireKey(name, ports);
  const endsAtMs = Math.max(ports.clock.nowMs(), seen.former?.untilMs ?? 0);
  const ended = endingsOf(seen, { current: endsAtMs, former: endsAtMs });
  if (!seen.disabled) {
    const wanted = { action: 'disable', fields: {}, marks: { ended } } as const;
    await change(seen, { ...seen, disabled: true }, wanted, ports);
    return true;
  }
  for (const ending of ended) await ports.store.putEnding(keyNameOf(seen), ending);
  return false;
}

/** Returns an ending of each secret that holds a version of a record: of the current one, and of a former one. */
function endingsOf(
  { id, version, former }: KeyRecord,
  endsAtMs: { readonly current: number; readonly former: number },
): readonly SecretEnding[] {
  const current = { secret: secretOf(id, version), atMs: endsAtMs.current + SPARE_MS };
  const secret = former && secretOf(id, former.version);
  if (secret === undefined || secret.version === current.secret.version) return [current];
  return [current, { secret, atMs: endsAtMs.former + SPARE_MS }];
}
