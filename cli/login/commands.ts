/**
 * `hallpass login`, `logout` and `token`: a person's access to a gateway, without a key on this machine.
 */
import type { Command } from 'commander';
import { CommandError, wrongUse } from '../failure.ts';
import { withJson } from '../flags.ts';
import { openInBrowser } from '../open-browser.ts';
import { printResult, type Terminal, toInstant } from '../output.ts';
import { type GatewaySession, openSessionFiles, type SessionFiles } from './session-files.ts';
import {
  discoverGateway,
  parseGatewayUrl,
  refreshSession,
  revokeSession,
  signInByCode,
  signInWithBrowser,
} from './sign-in-client.ts';

/** A token that ends sooner is refreshed first: the caller uses it for a while. */
const LEFT_MIN_MS = 60_000;

interface LoginFlags {
  readonly url?: string;
  readonly device?: true;
  readonly open: boolean;
  readonly json?: true;
}
type SessionFlags = Pick<LoginFlags, 'url' | 'json'>;

/** Adds the commands to the program. */
export function addLoginCommands(program: Command, terminal: Terminal): void {
  const withUrl = (command: Command): Command =>
    withJson(command).option('--url <url>', 'the gateway (default: the only one you signed in to)');
  withUrl(program.command('login'))
    .summary('sign in to a gateway')
    .description(
      'Signs you in with a browser of this computer, or with any other browser by a code that you type there. Keeps a token and what renews it in your configuration folder, where only you can read them.',
    )
    .option('--device', 'use the code; it is used anyway where there is no browser')
    .option('--no-open', 'print the address, and open no browser')
    .action((flags: LoginFlags) => login(flags, terminal));
  withUrl(program.command('logout'))
    .summary('end your access on this computer')
    .description('Ends the session at the gateway, with all of its tokens, and forgets it here.')
    .action((flags: SessionFlags) => logout(flags, terminal));
  withUrl(program.command('token'))
    .summary('print a token that is in force')
    .description(
      'Prints a token, for scripts and for the "apiKeyHelper" of a coding agent. Renews it first if it ends within a minute.',
    )
    .action((flags: SessionFlags) => printToken(flags, terminal));
}

async function login(flags: LoginFlags, terminal: Terminal): Promise<void> {
  const sessions = openSessionFiles(terminal.variables);
  const config = await discoverGateway(await chooseUrl(flags, sessions));
  const { authorization_endpoint } = config.serverMetadata();
  if (authorization_endpoint === undefined) {
    throw new CommandError('nobody can sign in at this gateway: it has no identity provider');
  }
  const session =
    flags.device || !hasBrowser(terminal)
      ? await signInByCode(config, (page, code) => {
          terminal.note(`open ${page} in any browser and type the code ${code}`);
          terminal.note('Do so only if you started this yourself. Waiting.');
        })
      : await signInWithBrowser(config, (address) => {
          if (flags.open) openInBrowser(address);
          terminal.note(`sign in with your browser. If it does not open, visit\n${address}`);
        });
  await sessions.locked(session.url, () => sessions.put(session));
  terminal.note('signed in; "hallpass token" prints a token');
  const { url, expiresAtMs, refreshToken } = session;
  const renews = refreshToken !== undefined;
  const json = { url, expiresAt: toInstant(expiresAtMs), renews };
  printResult(flags, terminal, { json, text: () => url });
}

/** A browser of another machine cannot come back to this one. */
const hasBrowser = ({ variables }: Terminal): boolean =>
  variables.SSH_CONNECTION === undefined &&
  (process.platform !== 'linux' || Boolean(variables.DISPLAY ?? variables.WAYLAND_DISPLAY));

async function logout(flags: SessionFlags, terminal: Terminal): Promise<void> {
  const sessions = openSessionFiles(terminal.variables);
  const url = await chooseUrl(flags, sessions);
  await sessions.locked(url, async () => {
    const session = await sessions.find(url);
    if (session === undefined) return;
    // Forgotten only after the gateway has ended it, so that a failure can be tried again.
    await revokeSession(await discoverGateway(url), session);
    await sessions.remove(url);
  });
  terminal.note(`signed out of ${url}`);
  printResult(flags, terminal, { json: { url }, text: () => url });
}

async function printToken(flags: SessionFlags, terminal: Terminal): Promise<void> {
  const sessions = openSessionFiles(terminal.variables);
  const url = await chooseUrl(flags, sessions);
  const isFresh = (session: GatewaySession): boolean =>
    session.expiresAtMs - Date.now() > LEFT_MIN_MS;
  const kept = requireSession(url, await sessions.find(url));
  const session = isFresh(kept)
    ? kept
    : await sessions.locked(url, async () => {
        // Another command may have renewed it while this one waited.
        const now = requireSession(url, await sessions.find(url));
        return isFresh(now) ? now : renew(now, sessions);
      });
  printResult(flags, terminal, {
    json: { token: session.accessToken, expiresAt: toInstant(session.expiresAtMs) },
    text: () => session.accessToken,
  });
}

async function renew(session: GatewaySession, sessions: SessionFiles): Promise<GatewaySession> {
  const { url, refreshToken } = session;
  const renewed =
    refreshToken === undefined
      ? undefined
      : await refreshSession(await discoverGateway(url), refreshToken);
  if (renewed === undefined) {
    await sessions.remove(url);
    throw signedOut(url);
  }
  await sessions.put(renewed);
  return renewed;
}

const signedOut = (url: string): CommandError =>
  new CommandError(`you are not signed in to ${url}; run "hallpass login --url ${url}"`);

function requireSession(url: string, session: GatewaySession | undefined): GatewaySession {
  if (session === undefined) throw signedOut(url);
  return session;
}

/** @throws CommandError if no URL is given and there is not exactly one session */
async function chooseUrl({ url }: SessionFlags, sessions: SessionFiles): Promise<string> {
  if (url !== undefined) return parseGatewayUrl(url);
  const [only, ...others] = await sessions.list();
  if (only !== undefined && others.length === 0) return only;
  throw wrongUse(
    only === undefined
      ? '"--url" must name the gateway: you are signed in to none'
      : `"--url" must name one of ${[only, ...others].join(', ')}`,
  );
}
