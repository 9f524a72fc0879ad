/**
 * `hallpass login`, `token` and `logout` against a whole gateway with a real OpenID provider: by the browser of this
 * computer, and by a code.
 */
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runHallpass } from '../../../cli/program.ts';
import { runHere } from '../../support/hallpass-command.ts';
import { send } from '../../support/http-client.ts';
import { CLIENT_ID, type LocalProvider, startLocalProvider } from '../../support/local-provider.ts';
import { type SignInGateway, startSignInGateway } from '../../support/sign-in-gateway.ts';
import { makeVisitor, ticketIn, type Visited } from '../../support/web-visitor.ts';

let provider: LocalProvider;
let gateway: SignInGateway;
let home: string;

beforeAll(async () => {
  provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
  gateway = await startSignInGateway({
    issuer: provider.issuer,
    clientId: CLIENT_ID,
    key: 'staff',
    deviceRefresh: true,
  });
});

afterAll(async () => {
  await gateway.close();
  await provider.close();
});

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hallpass-login-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

const variables = () => ({ XDG_CONFIG_HOME: home, DISPLAY: ':0' });
const run = (...args: readonly string[]) => runHere(args, { variables: variables() });
const folder = () => join(home, 'hallpass', 'sessions');
async function sessionPath(): Promise<string> {
  const [name = ''] = await readdir(folder());
  return join(folder(), name);
}
/** Changes what is kept, as time does. */
async function endAccess(): Promise<void> {
  const path = await sessionPath();
  const session = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...session, expiresAtMs: Date.now() }));
}

interface Running {
  /** The first message that fits. */
  noted(form: RegExp): Promise<RegExpExecArray>;
  readonly status: Promise<number>;
  readonly out: string[];
  readonly err: string[];
}

/** Starts a command that waits for a person. */
function start(...args: readonly string[]): Running {
  const out: string[] = [];
  const err: string[] = [];
  const waiting: (() => void)[] = [];
  const status = runHallpass(args, {
    print: (line) => out.push(line),
    note: (line) => {
      err.push(line);
      for (const look of waiting) look();
    },
    readInput: async () => '',
    openInput: () => Readable.from([]),
    variables: variables(),
  });
  const noted = (form: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = form.exec(err.join('\n'));
        if (found !== null) resolve(found);
      };
      waiting.push(look);
      look();
      status.then(() => reject(new Error(`it ended: ${err.join('\n')}`)));
    });
  return { noted, status, out, err };
}

const linkIn = ({ text }: Visited): string =>
  (/href="(http:\/\/127[^"]+callback[^"]+)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&');

/** A person at this computer signs in and decides. @returns the address that leads back to the command */
async function decide(address: string, decision: 'allow' | 'deny'): Promise<string> {
  const visitor = makeVisitor();
  const confirm = await visitor.visit(address);
  const form = { ticket: ticketIn(confirm), decision };
  return linkIn(await visitor.submit(`${gateway.root}/oauth/authorize`, form));
}

async function signIn(): Promise<Running> {
  const command = start('login', '--url', gateway.url, '--no-open');
  const [address] = await command.noted(/^http\S+$/m);
  await send(await decide(address, 'allow'));
  expect(await command.status).toBe(0);
  return command;
}

const opens = async (token: string): Promise<number> => {
  const { status } = await send(`${gateway.url}/key`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return status;
};

describe('hallpass login', () => {
  test('with a browser keeps a token in a file that only its owner can read, and shows no secret', async () => {
    const { out, err } = await signIn();
    expect(out).toEqual([gateway.root]);
    const path = await sessionPath();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder())).mode & 0o777).toBe(0o700);
    const { accessToken, refreshToken } = JSON.parse(await readFile(path, 'utf8'));
    expect(await opens(accessToken)).toBe(200);
    expect(err.join('\n')).not.toContain(refreshToken);
    expect(err.join('\n')).not.toContain(accessToken);
  });

  test('refuses an answer with another state, or under another host name, and goes on waiting', async () => {
    const command = start('login', '--url', gateway.root, '--no-open');
    const [address] = await command.noted(/^http\S+$/m);
    const back = await decide(address, 'allow');
    const forged = new URL(back);
    forged.searchParams.set('state', 'another');
    expect((await send(forged.href)).status).toBe(400);
    expect((await send(back, { headers: { host: 'attacker.example' } })).status).toBe(400);
    expect((await send(back)).status).toBe(200);
    expect(await command.status).toBe(0);
  });

  test('says so and keeps nothing when the person declines', async () => {
    const command = start('login', '--url', gateway.root, '--no-open');
    const [address] = await command.noted(/^http\S+$/m);
    await send(await decide(address, 'deny'));
    expect(await command.status).toBe(1);
    expect(command.err.at(-1)).toBe('hallpass: signing in failed: access_denied');
    expect(await readdir(home)).toEqual([]);
  });

  test('by a code signs in from a machine without a browser', async () => {
    const command = start('login', '--url', gateway.root, '--device', '--json');
    const [, page = '', code = ''] = await command.noted(/open (\S+) in any browser .* code (\S+)/);
    const visitor = makeVisitor();
    const form = await visitor.visit(page);
    const asked = await visitor.submit(page, { ticket: ticketIn(form), user_code: code });
    const login = /href="(oauth\/login[^"]+)"/.exec(asked.text)?.[1] ?? '';
    const confirm = await visitor.visit(new URL(login, asked.url).href);
    await visitor.submit(page, { ticket: ticketIn(confirm), decision: 'allow' });
    expect(await command.status).toBe(0);
    expect(JSON.parse(command.out.join(''))).toMatchObject({ url: gateway.root, renews: true });
    const { stdout } = await run('token');
    expect(await opens(stdout.trim())).toBe(200);
  });

  test.each([
    ['http://llm.example.edu', 2, 'must be an https URL'],
    ['llm.example.edu', 2, 'must be an https URL'],
    ['http://127.0.0.1:1', 1, 'does not offer sign-in'],
  ])('refuses %s with status %i', async (url, status, words) => {
    const refused = await run('login', '--url', url);
    expect(refused.status).toBe(status);
    expect(refused.stderr).toContain(words);
  });

  test('refuses a gateway that calls itself something else', async () => {
    const { port } = new URL(gateway.root);
    const refused = await run('login', '--url', `http://localhost:${port}`);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(`the gateway calls itself "${gateway.root}"`);
  });
});

describe('hallpass token', () => {
  test('prints the same token until it ends, then a new one that works', async () => {
    await signIn();
    const first = await run('token');
    expect((await run('token', '--url', gateway.root)).stdout).toBe(first.stdout);
    await endAccess();
    const second = await run('token', '--json');
    const { token } = JSON.parse(second.stdout);
    expect(token).not.toBe(first.stdout.trim());
    expect(await opens(token)).toBe(200);
  });

  test('renews once when eight commands ask at once', async () => {
    await signIn();
    await endAccess();
    const all = await Promise.all(Array.from({ length: 8 }, () => run('token')));
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect(await opens(all[0]?.stdout.trim() ?? '')).toBe(200);
    expect((await readdir(folder())).length).toBe(1);
  });

  test('takes over the lock of a command that died', async () => {
    await signIn();
    await endAccess();
    const lock = `${await sessionPath()}.lock`;
    await writeFile(lock, '');
    await utimes(lock, new Date(0), new Date(0));
    expect((await run('token')).status).toBe(0);
  });

  test('says how to sign in again when access has ended, and forgets what no longer works', async () => {
    await signIn();
    const { refreshToken } = JSON.parse(await readFile(await sessionPath(), 'utf8'));
    await gateway.post('/oauth/revoke', { token: refreshToken });
    await endAccess();
    const refused = await run('token');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(`run "hallpass login --url ${gateway.root}"`);
    expect(await readdir(folder())).toEqual([]);
  });

  test('without a session is a wrong use', async () => {
    expect((await run('token')).status).toBe(2);
  });
});

describe('hallpass logout', () => {
  test('ends the tokens at the gateway and forgets them here', async () => {
    await signIn();
    const { accessToken } = JSON.parse(await readFile(await sessionPath(), 'utf8'));
    expect((await run('logout')).status).toBe(0);
    expect(await readdir(folder())).toEqual([]);
    expect(await opens(accessToken)).toBe(401);
  });
});
