/**
 * Makes and changes keys, for the operator's commands. Flow: command > **key** > table and secret.
 * Invariant: a record names only versions that have a secret. Of two changes at the same time, one is refused.
 * Each change is listed before it is made. The record names the last change, and each change names the one before it, so
 * a change that was listed and then not made is not part of the chain.
 */
import { type GatewayError, invalidRequest } from '../base/errors.ts';
import { asKeyId, type KeyId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { MadeVerifier } from '../jwt/make-verifier.ts';
import { hashOfKey, makeApiKey } from './api-key.ts';
import { changesBetween, toFields } from './key-fields.ts';
import { type KeyRecord, keyNameOf } from './key-record.ts';
import { MAKING_MAX_MS, secretOf } from './key-secret.ts';
import { applySettings, type KeySettings } from './key-settings.ts';
import type { KeyChange, KeyStore, KeyVault, SecretEnding, SecretMarks } from './ports.ts';

const KEY_ID_BYTES = 16;
/** The random bytes of a key's string. */
export const KEY_BYTES = 32;

/** Ports for changes of keys. */
export interface KeyAdminPorts {
  readonly account: string;
  /** The name of the person or system that makes the change. */
  readonly by: string;
  readonly store: KeyStore;
  readonly vault: KeyVault;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** From a cryptographic source. */
  readonly random: { uuid(): string; bytes(count: number): Uint8Array };
  /** Allows key sets on this machine, for a gateway on this machine. @default false */
  readonly allowLoopback?: boolean;
}

/** The parts of a new key. Name, user and kind never change. */
export interface NewKey {
  readonly name: string;
  /** Makes a personal key, which speaks for this user. */
  readonly user?: string | undefined;
  /** Makes a client key. */
  readonly clientAccess?: boolean | undefined;
  readonly settings: KeySettings;
}

/** A key that was just made. Its string is shown only now. */
export interface MadeKey {
  readonly record: KeyRecord;
  readonly key: string;
}

export const refused = (message: string, param = 'name'): GatewayError =>
  invalidRequest(message, param);

/**
 * Finds a key by its name.
 * @throws invalid_request when there is no key of this name
 */
export async function requireKey(
  name: string,
  { account, store }: Pick<KeyAdminPorts, 'account' | 'store'>,
): Promise<KeyRecord> {
  const record = await store.find(account, name);
  if (record === undefined) throw refused(`there is no key "${name}"`);
  return record;
}

/**
 * Makes a server key, a personal key of one user, or a client key. The secret of a server key has a mark until the record
 * is written, as in a rotation: if the command dies in between, the sweep deletes it.
 * @throws invalid_request when another key has or had the name, for settings that contradict each other, and when the
 *   sweep deleted the secret meanwhile
 */
export async function createKey(
  { name, user, clientAccess = false, settings }: NewKey,
  ports: KeyAdminPorts,
): Promise<MadeKey> {
  const { account, store, vault, clock, random } = ports;
  if (clientAccess && user !== undefined) {
    throw refused('a client key speaks for the users of its JWTs, not for one user', 'user');
  }
  // Checked first, so that no secret is left over. The table decides between two commands at the same time.
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
  await requireManager(settings.managedBy, ports);
  const fields = { ...(user && { user }), ...(clientAccess && { kind }), ...toFields(set) };
  const first = makeChange(id, undefined, 'create', fields, ports);
  const record = { ...set, revision: first.id };
  const mark = { secret: secretOf(id, record.version), atMs: clock.nowMs() + MAKING_MAX_MS };
  if (keepsSecret(record)) {
    await store.pointId(keyNameOf(record));
    await store.putEnding(keyNameOf(record), mark);
    await vault.createKeySecret(id, record.version, key);
  }
  await putSecret(record, made, vault);
  await store.putChange(first);
  if (await isCreated(record, keepsSecret(record) ? mark : undefined, store)) {
    return { record, key };
  }
  throw refused(`making the key "${name}" took too long, and it was not made; make it again`);
}

/** Writes a new record. If the answer is lost, or the write was repeated, the record itself says if it was written. */
async function isCreated(
  record: KeyRecord,
  mark: SecretEnding | undefined,
  store: KeyStore,
): Promise<boolean> {
  const isThere = async () =>
    (await store.find(record.account, record.name))?.revision === record.revision;
  try {
    return (await store.create(record, mark)) || (await isThere());
  } catch (error) {
    if (await isThere()) return true;
    throw error;
  }
}

/**
 * Changes a key's settings. An absent setting keeps its value. The secret of a new verifier is written before the record
 * that names it. A running rotation goes on.
 * @throws invalid_request when there is no such key, the settings contradict each other, or another change came between
 */
export async function setKey(
  name: string,
  settings: Partial<KeySettings>,
  ports: KeyAdminPorts,
): Promise<KeyRecord> {
  const seen = await requireKey(name, ports);
  const { record: next, made } = applySettings(seen, settings, makeOptions(ports));
  await requireManager(settings.managedBy, ports);
  const fields = changesBetween(seen, next);
  if (Object.keys(fields).length === 0) return seen;
  await putSecret(next, made, ports.vault);
  return change(seen, next, { action: 'set', fields }, ports);
}

/** Refuses a manager that is no server key in force. */
async function requireManager(name: string | undefined, ports: KeyAdminPorts): Promise<void> {
  if (name === undefined) return;
  const { kind, disabled } = await requireKey(name, ports);
  if (kind !== 'server' || disabled) {
    throw refused(`the key "${name}" cannot manage others: it must be a server key in force`);
  }
}

/** Only a server key signs, so only its string is kept. Of the others the hash is enough. */
export const keepsSecret = ({ kind }: KeyRecord): boolean => kind === 'server';

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

/** The most changes of a key that are listed. */
export const CHANGES_MAX = 200;

/** Lists the changes of a key, the last change first. */
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

/** A change of a key, before it is listed. */
interface WantedChange {
  readonly action: KeyChange['action'];
  readonly fields: KeyChange['fields'];
  /** Marks of secrets that change with the record. @default none */
  readonly marks?: SecretMarks;
}

/**
 * Lists a change of a key, then makes it, unless another change was made since `seen` was read.
 * @throws invalid_request when another change was made
 */
export async function change(
  seen: KeyRecord,
  next: KeyRecord,
  { action, fields, marks }: WantedChange,
  ports: KeyAdminPorts,
): Promise<KeyRecord> {
  const made = makeChange(seen.id, seen.revision, action, fields, ports);
  const record = { ...next, revision: made.id };
  await ports.store.putChange(made);
  if (await isReplaced(seen, record, marks, ports.store)) return record;
  throw refused(
    `the key "${seen.name}" was changed by another command; look at it, then try again`,
  );
}

/** Replaces a record. If the answer is lost, the record itself says if it was replaced: each change has its own id. */
async function isReplaced(
  seen: KeyRecord,
  next: KeyRecord,
  marks: SecretMarks | undefined,
  store: KeyStore,
): Promise<boolean> {
  try {
    return await store.replace(seen, next, marks);
  } catch (error) {
    const found = await store.find(seen.account, seen.name);
    if (found?.revision === next.revision) return true;
    throw error;
  }
}

const NOTE_ATTEMPTS_MAX = 3;

/**
 * Lists a revocation of a key's tokens, after it was made. Does NOT revoke; `account/revoke.ts` does.
 * @throws invalid_request when other changes keep coming between
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
  throw refused(
    `the tokens of "${name}" are revoked, but the list of changes could not be written`,
  );
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
