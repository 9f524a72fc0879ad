/**
 * Keeps local secrets: a file each, which only its owner may read and which is replaced as a whole.
 */
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeOwnerOnly } from '../owner-only-file.ts';

const secretSchema = v.strictObject({
  name: v.string(),
  arn: v.string(),
  createdAtMs: v.number(),
  versions: v.array(
    v.strictObject({
      id: v.string(),
      value: v.string(),
      createdAtMs: v.number(),
      stages: v.array(v.string()),
    }),
  ),
});

export type StoredSecret = v.InferOutput<typeof secretSchema>;
export type StoredVersion = StoredSecret['versions'][number];

export interface SecretStore {
  /** All secrets, by name. */
  readonly secrets: ReadonlyMap<string, StoredSecret>;
  /** Written when the promise resolves. */
  put(secret: StoredSecret): Promise<void>;
  /** The secret is gone when the promise resolves. */
  remove(name: string): Promise<void>;
}

const OWNER_ONLY_FOLDER = 0o700;
const SUFFIX = '.json';
/** File systems allow 255 bytes; names are longer once they are escaped. */
const FILE_NAME_CHARS_MAX = 240;

/** True if a secret of this name can be kept. */
export const isStorableName = (name: string): boolean =>
  name !== '' && fileName(name).length <= FILE_NAME_CHARS_MAX;

const fileName = (name: string): string => `${encodeURIComponent(name)}${SUFFIX}`;

/**
 * Opens the folder, or keeps everything in memory without one. Values of `overlay` hide stored ones and are never
 * written.
 * @throws Error that names the file that cannot be read, without its contents
 */
export async function openSecretStore(
  folder: string | undefined,
  overlay: ReadonlyMap<string, string>,
): Promise<SecretStore> {
  const secrets = new Map<string, StoredSecret>();
  if (folder !== undefined) {
    for (const secret of await readFolder(folder)) secrets.set(secret.name, secret);
  }
  for (const [name, value] of overlay) secrets.set(name, toOverlaid(name, value));
  return {
    secrets,
    async put(secret) {
      if (folder !== undefined && !overlay.has(secret.name)) {
        await writeOwnerOnly(folder, fileName(secret.name), JSON.stringify(secret));
      }
      secrets.set(secret.name, secret);
    },
    async remove(name) {
      if (folder !== undefined) await rm(join(folder, fileName(name)), { force: true });
      secrets.delete(name);
    },
  };
}

const toOverlaid = (name: string, value: string): StoredSecret => ({
  name,
  arn: arnOf(name),
  createdAtMs: 0,
  versions: [{ id: 'environment', value, createdAtMs: 0, stages: ['AWSCURRENT'] }],
});

/** Makes an ARN like AWS's, which ends in six random characters; here a name has one secret. */
export const arnOf = (name: string): string =>
  `arn:aws:secretsmanager:local:000000000000:secret:${name}-local0`;

async function readFolder(folder: string): Promise<StoredSecret[]> {
  await mkdir(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
  await chmod(folder, OWNER_ONLY_FOLDER);
  const names = (await readdir(folder)).filter((name) => name.endsWith(SUFFIX));
  return Promise.all(names.map((name) => readSecret(join(folder, name))));
}

async function readSecret(path: string): Promise<StoredSecret> {
  const text = await readFile(path, 'utf8');
  try {
    return v.parse(secretSchema, JSON.parse(text));
  } catch {
    throw new Error(`${path} is not a secret of the local gateway`);
  }
}
