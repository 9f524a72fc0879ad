/**
 * What a gateway on this machine starts with: a deployment of its own, its tables, a demo key and a demo token.
 * The first start makes them; later ones find them as they were left.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretWriter } from '../adapters/aws/secrets-manager.ts';
import type { KeyWriter } from '../adapters/dynamodb/key-records.ts';
import { asKeyId } from '../core/base/ids.ts';
import { isoDay } from '../core/base/limits.ts';
import type { Secrets } from '../core/base/ports.ts';
import type { Config } from '../core/config.ts';
import { type MadeVerifier, makeVerifier } from '../core/jwt/make-verifier.ts';
import { hashOfKey, makeApiKey } from '../core/keys/api-key.ts';
import type { KeyRecord } from '../core/keys/key-record.ts';
import type { KeyRecords } from '../core/keys/ports.ts';
import { signScopedToken } from '../core/tokens/scoped-token.ts';
import { writeOwnerOnly } from './secrets/store.ts';

const DEPLOYMENT_FILE = 'deployment.json';
const DEPLOYMENT_BYTES = 16;
const KEY_ID_BYTES = 16;
const KEY_BYTES = 32;
const JWT_SECRET_BYTES = 32;
const FIRST_VERSION = '1';
const DEMO_KEY_NAME = 'demo';
const DEMO_CLIENT_KEY_NAME = 'demo-client';

/** Dollars a day: enough to play with, and small beside a real bill. */
const DEMO_SPENDING_LIMIT_USD = 2;
const DEMO_LIFETIME_SECONDS = 86_400;

export const makeDeployment = (): string => randomBytes(DEPLOYMENT_BYTES).toString('hex');

/**
 * Opens the data folder, which only its owner may look into, and tells the deployment it belongs to.
 * @throws Error when the folder's own file is not as it was written
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

/** Whether a folder is a gateway's. */
export const hasDeployment = async (folder: string): Promise<boolean> =>
  (await readIfThere(join(folder, DEPLOYMENT_FILE))) !== undefined;

/** A file's text; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export interface DemoKeyPorts {
  readonly records: KeyRecords;
  readonly writer: KeyWriter;
  readonly secrets: Secrets;
  readonly secretWriter: SecretWriter;
}

export interface DemoKey {
  readonly account: string;
  readonly keyName: string;
  /** The whole key string `sk-…`. */
  readonly key: string;
}

/** The demo key of an account, made when there is none. */
export async function provisionDemoKey(
  account: string,
  config: Config,
  ports: DemoKeyPorts,
): Promise<DemoKey> {
  const known = await ports.records.findByName(account, DEMO_KEY_NAME);
  const key = known
    ? await ports.secrets.readKey(known.id, known.version)
    : await makeKey({ name: DEMO_KEY_NAME, kind: 'server' }, { account, config, ports });
  return { account, keyName: DEMO_KEY_NAME, key };
}

/** A key that is of use only with a JWT behind it, and what such JWTs are signed with. */
export interface DemoClientKey {
  readonly key: string;
  /** Text whose UTF-8 bytes are the secret; null: the key was given another verifier. */
  readonly jwtSecret: string | null;
}

/** The demo client key of an account, made when there is none. */
export async function provisionDemoClientKey(
  account: string,
  config: Config,
  ports: DemoKeyPorts,
): Promise<DemoClientKey> {
  const { records, secrets } = ports;
  const known = await records.findByName(account, DEMO_CLIENT_KEY_NAME);
  if (known !== undefined) {
    const key = await secrets.readKey(known.id, known.version);
    const verifies = known.verifier?.key;
    if (verifies?.kind !== 'secret') return { key, jwtSecret: null };
    const secret = await secrets.readJwtSecret(known.id, verifies.version);
    return { key, jwtSecret: Buffer.from(secret).toString() };
  }
  const jwtSecret = randomBytes(JWT_SECRET_BYTES).toString('base64url');
  const made = makeVerifier(
    { material: { kind: 'secret', secret: jwtSecret } },
    { seen: undefined, allowLoopback: true, version: FIRST_VERSION },
  );
  const what = { name: DEMO_CLIENT_KEY_NAME, kind: 'client', made } as const;
  return { key: await makeKey(what, { account, config, ports }), jwtSecret };
}

interface NewDemoKey {
  readonly name: string;
  readonly kind: 'server' | 'client';
  readonly made?: MadeVerifier;
}

/** Makes a key. Secrets come first: a record without them is of no use. */
async function makeKey(
  { name, kind, made }: NewDemoKey,
  { account, config, ports }: { account: string; config: Config; ports: DemoKeyPorts },
): Promise<string> {
  const { writer, secretWriter } = ports;
  const { limits, maxTokenLifetimeSeconds } = config.defaults;
  const key = makeApiKey(randomBytes(KEY_BYTES));
  const record: KeyRecord = {
    id: asKeyId(randomBytes(KEY_ID_BYTES).toString('base64url')),
    account,
    name,
    kind,
    version: FIRST_VERSION,
    keyHash: hashOfKey(key),
    disabled: false,
    limits,
    maxTokenLifetimeSeconds,
    ...(made && { verifier: made.verifier }),
    revoked: [],
    createdAtMs: Date.now(),
  };
  await secretWriter.createKeySecret(record.id, record.version, key);
  if (made?.secret) await secretWriter.putJwtSecret(record.id, FIRST_VERSION, made.secret);
  await writer.create(record);
  return key;
}

/**
 * A demo token for a day. Its `jti` is the day's: whoever starts again has the same allowance, with what was spent
 * of it, and a new one tomorrow.
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
