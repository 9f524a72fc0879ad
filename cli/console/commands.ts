/**
 * `hallpass console`: the operator's page for all keys, on loopback, until the command ends.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock as clock, systemRandom } from '../../adapters/system.ts';
import { type PlaceFlags, withAuthor, withPlace } from '../flags.ts';
import { withAdmin } from '../gateway/connect.ts';
import { openInBrowser } from '../open-browser.ts';
import type { Terminal } from '../output.ts';
import { makeRoutes } from './routes.ts';
import { startConsoleServer } from './server.ts';
import { makeSession } from './session.ts';

const OWNER_ONLY = 0o600;

interface ConsoleFlags extends PlaceFlags {
  readonly open: boolean;
}

/** Adds the command to the program. */
export function addConsoleCommand(program: Command, terminal: Terminal): void {
  withAuthor(withPlace(program.command('console')))
    .summary('open a page for all keys in your browser')
    .description(
      'Serves a page on this machine until you press Ctrl-C: spend of all keys, and keys to make, change, rotate and disable. Your AWS credentials stay in this process. The link works once, within 60 seconds.',
    )
    .option('--no-open', 'print the file with the link, and open no browser')
    .action((flags: ConsoleFlags) => serveConsole(flags, terminal));
}

async function serveConsole(flags: ConsoleFlags, terminal: Terminal): Promise<void> {
  await withAdmin(flags, terminal, async (admin, gateway) => {
    const session = makeSession({ nowMs: clock.nowMs, bytes: systemRandom.bytes });
    const server = await startConsoleServer(session, makeRoutes(gateway, admin));
    // A process list shows arguments, so the browser is given a file, which only its owner can read.
    const folder = await mkdtemp(join(tmpdir(), 'hallpass-console-'));
    const file = join(folder, 'open.html');
    // Whoever reads the file's name may end the command at once.
    const interrupted = untilInterrupted();
    try {
      await writeFile(file, toRedirect(`${server.origin}/#${session.code}`), { mode: OWNER_ONLY });
      if (flags.open) openInBrowser(file);
      terminal.note(`the console is at ${server.origin}, until you press Ctrl-C`);
      terminal.note('open this file in a browser of this machine within 60 seconds:');
      terminal.print(file);
      await interrupted;
    } finally {
      await rm(folder, { recursive: true, force: true });
      await server.close();
    }
  });
}

/** The code is base64url, so it needs no escape. */
const toRedirect = (url: string): string =>
  `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Hallpass</title><meta http-equiv="refresh" content="0;url=${url}">\n`;

const untilInterrupted = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve());
  });
