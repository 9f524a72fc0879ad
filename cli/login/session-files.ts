/**
 * The files of `hallpass login`: one for each gateway in the user's configuration folder, which only the user may read.
 * A lock beside it makes one of several commands refresh at a time.
 */
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { writeOwnerOnly } from '../../local/owner-only-file.ts';
import { CommandError } from '../failure.ts';

const sessionSchema = v.strictObject({
  /** The gateway's URL before `/v1`. */
  url: v.string(),
  accessToken: v.string(),
  expiresAtMs: v.number(),
  refreshToken: v.optional(v.string()),
});

/** A person's sign-in at one gateway. */
export type GatewaySession = v.InferOutput<typeof sessionSchema>;

type Variables = Readonly<Record<string, string | undefined>>;

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;
const FILE = '.json';
const LOCK_POLL_MS = 50;
const LOCK_WAIT_MAX_MS = 30_000;
/** A command that holds a lock for longer has died. A refresh ends within its time limits, which are shorter. */
const LOCK_STALE_MS = 20_000;

/** The user's configuration folder: `XDG_CONFIG_HOME` or `APPDATA`, else `~/.config`. */
const folderOf = ({ XDG_CONFIG_HOME, APPDATA, HOME }: Variables): string =>
  join(XDG_CONFIG_HOME || APPDATA || join(HOME || homedir(), '.config'), 'hallpass', 'sessions');

const fileOf = (url: string): string => `${encodeURIComponent(url)}${FILE}`;

/** The kept sessions of a user. */
export interface SessionFiles {
  /** Finds the session of a gateway. @throws CommandError for a file that cannot be read */
  find(url: string): Promise<GatewaySession | undefined>;
  /** The URLs of all gateways with a session. */
  list(): Promise<readonly string[]>;
  /** Replaces the session as a whole. */
  put(session: GatewaySession): Promise<void>;
  remove(url: string): Promise<void>;
  /**
   * Runs something while no other command does so for this gateway.
   * @throws CommandError after half a minute
   */
  locked<T>(url: string, run: () => Promise<T>): Promise<T>;
}

export function openSessionFiles(variables: Variables): SessionFiles {
  const folder = folderOf(variables);
  const pathOf = (url: string): string => join(folder, fileOf(url));

  async function find(url: string): Promise<GatewaySession | undefined> {
    const text = await readFile(pathOf(url), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const session = v.safeParse(v.pipe(v.string(), v.parseJson(), sessionSchema), text);
    if (session.success && session.output.url === url) return session.output;
    throw new CommandError(`"${pathOf(url)}" cannot be read; sign in again`);
  }

  return {
    find,

    async list() {
      const names = await readdir(folder).catch(() => []);
      const own = names.filter((name) => name.endsWith(FILE));
      return own.map((name) => decodeURIComponent(name.slice(0, -FILE.length)));
    },

    async put(session) {
      await mkdir(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
      await writeOwnerOnly(folder, fileOf(session.url), `${JSON.stringify(session)}\n`);
    },

    remove: (url) => rm(pathOf(url), { force: true }),

    async locked(url, run) {
      await mkdir(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
      const lock = `${pathOf(url)}.lock`;
      await take(lock);
      try {
        return await run();
      } finally {
        await rm(lock, { force: true });
      }
    },
  };
}

/** Two commands that find a stale lock at once may both go on: the gateway gives both the same next token. */
async function take(lock: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < LOCK_WAIT_MAX_MS; waitedMs += LOCK_POLL_MS) {
    try {
      await (await open(lock, 'wx', OWNER_ONLY_FILE)).close();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (await isStale(lock)) await rm(lock, { force: true });
    else await sleep(LOCK_POLL_MS);
  }
  throw new CommandError(`another command holds "${lock}"; remove the file if there is none`);
}

async function isStale(lock: string): Promise<boolean> {
  const stats = await stat(lock).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > LOCK_STALE_MS;
}
