/**
 * How keys come to be and change, for whoever runs the gateway. Flow: command > **key** > table and secret.
 * Invariant: a record names only versions that its secret has, and of two changes at once one is refused.
 * Each change is written down before it is made: the record names the last one, which names the one before it, so
 * that what was written down and then not made is no part of the chain.
 */

import { GatewayError } from '../base/errors.ts';
import { asKeyId, type KeyId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { MadeVerifier } from '../jwt/make-verifier.ts';
import { hashOfKey, makeApiKey } from './api-key.ts';
import { changesBetween, toFields } from './key-fields.ts';
import type { KeyRecord } from './key-record.ts';
import { applySettings, type KeySettings } from './key-settings.ts';
import type { KeyChange, KeyStore, KeyVault } from './ports.ts';

const KEY_ID_BYTES = 16;
const KEY_BYTES = 32;

export interface KeyAdminPorts {
  readonly account: string;
  /** Who makes the change. */
  readonly by: string;
  readonly store: KeyStore;
  readonly vault: KeyVault;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** From a cryptographic source. */
  readonly random: { uuid(): string; bytes(count: number): Uint8Array };
  /** Whether JWTs may be held against key sets of this machine: for data of this machine. @default false */
  readonly allowLoopback?: boolean;
}

/** What a key is when it is made, and never ceases to be. */
export interface NewKey {
  readonly name: string;
  /** Makes a personal key, which speaks for this user. */
  readonly user?: string | undefined;
  /** Makes a client key. */
  readonly clientAccess?: boolean | undefined;
  readonly settings: KeySettings;
}

/** A key that was just made; the one time its string is seen. */
export interface MadeKey {
  readonly record: KeyRecord;
  readonly key: string;
}

const refused = (message: string, param = 'name'): GatewayError =>
  new GatewayError('invalid_request', { message, param });

/** @throws invalid_request when there is no key of this name */
export async function requireKey(
  name: string,
  { account, store }: Pick<KeyAdminPorts, 'account' | 'store'>,
): Promise<KeyRecord> {
  const record = await store.find(account, name);
  if (record === undefined) throw refused(`there is no key "${name}"`);
  return record;
}

/**
 * Makes a key: of a server, of one user for whom it always speaks, or a client key for JWTs of its holders.
 * @throws invalid_request when the name is, or was, another key's, and for settings that do not go together
 */
export async function createKey(
  { name, user, clientAccess = false, settings }: NewKey,
  ports: KeyAdminPorts,
): Promise<MadeKey> {
  const { account, store, vault, clock, random } = ports;
  if (clientAccess && user !== undefined) {
    throw refused('a client key speaks for whom its JWTs are, not for one user', 'user');
  }
  // Spares the secret that would be left over; two who make one name at once are told apart by the table.
  if ((await store.find(account, name)) !== undefined) {
    throw refused('a key of this name exists or has existed, and names are not used again');
  }
  const key = makeApiKey(random.bytes(KEY_BYTES));
  const id = asKeyId(Buffer.from(random.bytes(KEY_ID_BYTES)).toString('base64url'));
  const kind = user === undefined ? (clientAccess ? 'client' : 'server') : 'personal';
  const bare: KeyRecord = {
    id,
    account,
    name,
    kind,
    version: random.uuid(),
    keyHash: hashOfKey(key),
    disabled: false,
    ...(user !== undefined && { user }),
    limits: settings.limits,
    maxTokenLifetimeSeconds: settings.maxTokenLifetimeSeconds,
    revoked: [],
    createdAtMs: clock.nowMs(),
  };
  const { record: set, made } = applySettings(bare, settings, makeOptions(ports));
  const fields = { ...(user && { user }), ...(clientAccess && { kind }), ...toFields(set) };
  const first = makeChange(id, undefined, 'create', fields, ports);
  const record = { ...set, revision: first.id };
  await vault.createKeySecret(id, record.version, key);
  await putSecret(record, made, vault);
  await store.putChange(first);
  await store.create(record);
  return { record, key };
}

/**
 * Gives a key other settings. A field that is absent stays. The secret of a new verifier comes before the record that
 * names it; a rotation is not disturbed by it.
 * @throws invalid_request when there is no such key, the settings do not go together, or another change came in between
 */
export async function setKey(
  name: string,
  settings: Partial<KeySettings>,
  ports: KeyAdminPorts,
): Promise<KeyRecord> {
  const seen = await requireKey(name, ports);
  const { record: next, made } = applySettings(seen, settings, makeOptions(ports));
  const fields = changesBetween(seen, next);
  if (Object.keys(fields).length === 0) return seen;
  await putSecret(next, made, ports.vault);
  return change(seen, next, 'set', fields, ports);
}

const makeOptions = ({ random, allowLoopback = false }: KeyAdminPorts) => ({
  version: random.uuid(),
  allowLoopback,
});

async function putSecret(
  { id }: KeyRecord,
  made: MadeVerifier | undefined,
  vault: KeyVault,
): Promise<void> {
  const { verifier, secret } = made ?? {};
  if (verifier?.key.kind !== 'secret' || secret === undefined) return;
  await vault.putJwtSecret(id, verifier.key.version, secret);
}

/**
 * Puts a new key string in the place of a key's; the former one, and what it signed, hold for the overlap.
 * The record comes last: until then the new string opens nothing, and from then on its secret is there.
 * @param overlapMs 0: the former one ends now
 * @throws invalid_request when there is no such key, it is disabled, a former string still holds (unless all end now),
 *   or another change came in between
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
    version: random.uuid(),
    keyHash: hashOfKey(key),
    ...(durationMs > 0 && { former: { version: seen.version, untilMs, rotatedAtMs: nowMs } }),
  };
  await vault.addKeyVersion(seen.id, next.version, key);
  await store.point(next);
  const ends = { former: durationMs > 0 ? `until ${new Date(untilMs).toISOString()}` : 'ended' };
  return { record: await change(seen, next, 'rotate', ends, ports), key };
}

/**
 * Disables a key, for good. Its usage stays, and its name stays taken.
 * @returns whether it was in force until now
 */
export async function disableKey(name: string, ports: KeyAdminPorts): Promise<boolean> {
  const seen = await requireKey(name, ports);
  if (seen.disabled) return false;
  await change(seen, { ...seen, disabled: true }, 'disable', {}, ports);
  return true;
}

/** How far back a key's changes are told. */
export const CHANGES_MAX = 200;

/** What was changed of a key, the last change first. */
export async function listChanges(
  { id, revision }: KeyRecord,
  store: Pick<KeyStore, 'findChange'>,
): Promise<readonly KeyChange[]> {
  const changes: KeyChange[] = [];
  let next = revision;
  while (next !== undefined && changes.length < CHANGES_MAX) {
    const found = await store.findChange(id, next);
    if (found === undefined) break;
    changes.push(found);
    next = found.after;
  }
  return changes;
}

/** Writes a change of a key's own fields down, then makes it, unless another one was made since `seen` was read. */
async function change(
  seen: KeyRecord,
  next: KeyRecord,
  action: KeyChange['action'],
  fields: KeyChange['fields'],
  ports: KeyAdminPorts,
): Promise<KeyRecord> {
  const made = makeChange(seen.id, seen.revision, action, fields, ports);
  const record = { ...next, revision: made.id };
  await ports.store.putChange(made);
  if (await ports.store.replace(seen, record)) return record;
  throw refused(
    `the key "${seen.name}" was changed by another command; look at it, then try again`,
  );
}

const NOTE_ATTEMPTS_MAX = 3;

/**
 * Writes down what was revoked of a key's tokens, afterwards: a revocation waits for nothing. Does NOT revoke;
 * `revoke.ts` does.
 * @throws invalid_request when other changes keep coming in between
 */
export async function noteRevocation(
  name: string,
  fields: KeyChange['fields'],
  ports: KeyAdminPorts,
): Promise<void> {
  for (let attempt = 0; attempt < NOTE_ATTEMPTS_MAX; attempt += 1) {
    const seen = await requireKey(name, ports);
    const made = makeChange(seen.id, seen.revision, 'revoke', fields, ports);
    await ports.store.putChange(made);
    if (await ports.store.replace(seen, { ...seen, revision: made.id })) return;
  }
  throw refused(`the tokens of "${name}" are revoked, but that could not be written down`);
}

const makeChange = (
  keyId: KeyId,
  after: string | undefined,
  action: KeyChange['action'],
  fields: KeyChange['fields'],
  { by, clock, random }: KeyAdminPorts,
): KeyChange => ({
  id: random.uuid(),
  keyId,
  ...(after !== undefined && { after }),
  atMs: clock.nowMs(),
  by,
  action,
  fields,
});
