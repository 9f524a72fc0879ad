/**
 * The data of a gateway on this machine: its deployment id, its demo keys and its demo token.
 * The first start makes them; later starts find them.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLimit } from '../core/base/limit-text.ts';
import { isoDay } from '../core/base/limits.ts';
import type { Secrets } from '../core/base/ports.ts';
import { type Config, defineConfig, toConfigInput } from '../core/config.ts';
import { createKey, type KeyAdminPorts, type MadeKey } from '../core/keys/key-admin.ts';
import type { KeyRecord } from '../core/keys/key-record.ts';
import type { KeySettings } from '../core/keys/key-settings.ts';
import { parseSignIn } from '../core/sign-in/settings.ts';
import { findSigningFault } from '../core/sign-in/signing-key.ts';
import { signScopedToken } from '../core/tokens/scoped-token.ts';
import type { DemoProvider } from './demo-provider.ts';
import { writeOwnerOnly } from './owner-only-file.ts';

const DEPLOYMENT_FILE = 'deployment.json';
const DEPLOYMENT_BYTES = 16;
const JWT_SECRET_BYTES = 32;
const DEMO_KEY_NAME = 'demo';
const DEMO_CLIENT_KEY_NAME = 'demo-client';
const DEMO_SIGN_IN_KEY_NAME = 'demo-sign-in';

/** Dollars per day. Enough to try things, and small compared to a real bill. */
const DEMO_SPENDING_LIMIT_USD = 2;
const DEMO_LIFETIME_SECONDS = 86_400;

export const makeDeployment = (): string => randomBytes(DEPLOYMENT_BYTES).toString('hex');

/**
 * Opens the data folder, which only its owner may read.
 * @returns the id of its deployment
 * @throws Error if the folder's deployment file is damaged
 */
export async function openDataFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const text = await readIfThere(join(folder, DEPLOYMENT_FILE));
  if (text === undefined) {
    const deployment = makeDeployment();
    await writeOwnerOnly(folder, DEPLOYMENT_FILE, JSON.stringify({ deployment }));
    return deployment;
  }
  const deployment = /^\{"deployment":"([0-9a-f]{32})"\}$/.exec(text)?.[1];
  if (deployment === undefined) throw new Error(`${join(folder, DEPLOYMENT_FILE)} is damaged`);
  return deployment;
}

/** Returns true if another process has the tables' folder open. LevelDB's lock ends with its process. */
export function isFolderLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

/** Returns true if a folder belongs to a gateway. */
export const hasDeployment = async (folder: string): Promise<boolean> =>
  (await readIfThere(join(folder, DEPLOYMENT_FILE))) !== undefined;

/** Reads a file; undefined if it does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export interface DemoKey {
  readonly account: string;
  readonly keyName: string;
  /** The whole key string `sk-…`. */
  readonly key: string;
}

/** The demo client key, and the secret that signs its JWTs. */
export interface DemoClientKey {
  readonly key: string;
  /** The secret as text; null if the key has another verifier by now. */
  readonly jwtSecret: string | null;
}

/**
 * Checks that each key with which sign-in signs exists and caps what a person may spend.
 * @throws Error that names the key and the command that helps
 */
export async function requireSignInKeys(
  config: Config,
  { account, store }: Pick<KeyAdminPorts, 'account' | 'store'>,
): Promise<void> {
  if (config.signIn === undefined) return;
  for (const name of parseSignIn(config.signIn).keyNames) {
    const record = await store.find(account, name);
    const fault = record === undefined ? 'does not exist' : findSigningFault(record);
    if (fault !== undefined) {
      const command = record === undefined ? 'create' : 'set';
      throw new Error(
        `sign-in cannot start: the key "${name}" ${fault}; run "hallpass keys ${command} ${name} --limit user:usd:week=10"`,
      );
    }
  }
}

type DemoKeyPorts = KeyAdminPorts & { readonly secrets: Secrets };

/** `demo`, `demo-2`, …: demo keys of a folder until no other is made. */
const DEMO_KEYS_MAX = 16;

/** Returns a demo key of an account that is in force. Makes one if there is none. */
export const provisionDemoKey = ({ defaults }: Config, ports: DemoKeyPorts): Promise<DemoKey> =>
  provisionKey(toNames(DEMO_KEY_NAME), ports, (name) =>
    createKey({ name, settings: settingsOf(defaults) }, ports),
  );

/** Returns the key that signs for people who sign in at the demo's provider. Makes it if there is none. */
export function provisionDemoSignInKey(
  { defaults }: Config,
  ports: DemoKeyPorts,
): Promise<DemoKey> {
  const limits = [parseLimit(`user:usd:day=${DEMO_SPENDING_LIMIT_USD}`)];
  const settings = { ...settingsOf(defaults), limits };
  return provisionKey([DEMO_SIGN_IN_KEY_NAME], ports, (name) =>
    createKey({ name, settings }, ports),
  );
}

const toNames = (name: string): readonly string[] =>
  Array.from({ length: DEMO_KEYS_MAX }, (_, at) => (at === 0 ? name : `${name}-${at + 1}`));

/**
 * Returns the first of some keys that is in force and whose string is kept. Makes the first that does not exist: a key that
 * was disabled, or rotated where the string is not kept, does not keep the gateway from starting.
 * @throws Error when all exist and none will do
 */
async function provisionKey(
  names: readonly string[],
  { account, store, secrets, clock }: DemoKeyPorts,
  make: (name: string) => Promise<MadeKey>,
): Promise<DemoKey & { readonly record: KeyRecord }> {
  for (const keyName of names) {
    const known = await store.find(account, keyName);
    if (known === undefined) return { account, keyName, ...(await make(keyName)) };
    if (known.disabled || (known.expiresAtMs ?? Infinity) <= clock.nowMs()) continue;
    const key = await secrets.readKey(known.id, known.version).catch(() => undefined);
    if (key !== undefined) return { account, keyName, record: known, key };
  }
  throw new Error(
    `the demo key "${names.at(-1)}" is disabled, has ended, or was rotated; start with another folder: --data FOLDER`,
  );
}

/**
 * Returns the configuration with sign-in at the demo's provider.
 * @throws Error if it has a sign-in of its own
 */
export function withDemoSignIn(
  config: Config,
  { issuer, clientId }: Pick<DemoProvider, 'issuer' | 'clientId'>,
): Config {
  if (config.signIn !== undefined) {
    throw new Error('"--demo-login" is for a configuration without "signIn"');
  }
  const signIn = { issuer, clientId, key: DEMO_SIGN_IN_KEY_NAME };
  return defineConfig({ ...toConfigInput(config), signIn });
}

/** Returns a demo client key of an account that is in force. Makes one if there is none. */
export async function provisionDemoClientKey(
  { defaults }: Config,
  ports: DemoKeyPorts,
): Promise<DemoClientKey> {
  const jwtSecret = randomBytes(JWT_SECRET_BYTES).toString('base64url');
  const verifier = { material: { kind: 'secret', secret: jwtSecret } } as const;
  const settings = { ...settingsOf(defaults), verifier };
  const { record, key } = await provisionKey(toNames(DEMO_CLIENT_KEY_NAME), ports, async (name) => {
    const made = await createKey({ name, clientAccess: true, settings }, ports);
    // The gateway keeps no client key's string. The demo keeps its own, to print it at each start.
    await ports.vault.createKeySecret(made.record.id, made.record.version, made.key);
    return made;
  });
  const verifies = record.verifier?.key;
  if (verifies?.kind !== 'secret') return { key, jwtSecret: null };
  const secret = await ports.secrets.readJwtSecret(record.id, verifies.version);
  return { key, jwtSecret: Buffer.from(secret).toString() };
}

const settingsOf = ({ limits, maxTokenLifetimeSeconds }: Config['defaults']): KeySettings => ({
  models: undefined,
  limits,
  maxTokenLifetimeSeconds,
});

/**
 * Signs a demo token for a day. Its `jti` names the day, so that all starts of a day share one allowance.
 */
export function signDemoToken(demo: DemoKey, { defaults }: Config, nowMs: number): string {
  const issuedAtSeconds = Math.floor(nowMs / 1000);
  return signScopedToken(demo, {
    sub: demo.account,
    iat: issuedAtSeconds,
    exp: issuedAtSeconds + Math.min(DEMO_LIFETIME_SECONDS, defaults.maxTokenLifetimeSeconds),
    jti: `demo-${isoDay(nowMs)}`,
    spending_limit: DEMO_SPENDING_LIMIT_USD,
  });
}
