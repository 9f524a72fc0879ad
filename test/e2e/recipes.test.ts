/**
 * The recipes, line by line: each page in a shell of its own beside one `npm start`, its output compared with what it
 * says. One page runs `hallpass` as the process it is; the others ask for it, which takes a tenth of the time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findFreePort } from '../support/free-port.ts';
import { HALLPASS_COMMAND } from '../support/hallpass-command.ts';
import { serveHallpass } from '../support/hallpass-socket.ts';
import { type Started, start } from '../support/start-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = globSync('docs/recipes/*.md', { cwd: ROOT })
  .filter((path) => basename(path) !== 'README.md')
  .sort();
const PAGE_MS = 60_000;
/** The page whose commands are processes of their own. */
const AS_PROCESSES = 'docs/recipes/course.md';

let home: string;
let started: Started;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'hallpass-recipes-'));
  started = await start([], home);
});
afterAll(async () => {
  await started?.end();
  await rm(home, { recursive: true, force: true });
});

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Commands, and the lines they must print; none: whatever they print. */
interface Step {
  readonly commands: string;
  readonly lines: readonly string[];
}

function readSteps(page: string): readonly Step[] {
  const blocks = page.matchAll(/^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms);
  return [...blocks].map(([, commands = '', expected = '']) => ({
    commands,
    lines: expected.split('\n').filter((line) => line !== ''),
  }));
}

/** `…` matches text that differs from run to run. */
const toPattern = (line: string): RegExp => {
  const parts = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
};

const MARK = '--- step ---';
/** Starts a new line even if the output before it does not end one. */
const ECHO_MARK = `printf '\\n%s\\n' '${MARK}'`;

/** Returns the output of each step, standard error included. A failing command ends the page. */
async function play(page: string, steps: readonly Step[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(home, 'page-'));
  const port = await findFreePort();
  const path = await makeTools(page, folder);
  const script = steps
    .map(({ commands }) => `${ECHO_MARK}\n${commands}\n`)
    .join('')
    .replaceAll('8788', String(port))
    .replaceAll('http://127.0.0.1:8787/v1', started.ready.url);
  const child = spawn('bash', ['-c', `set -euo pipefail; exec 2>&1\n${script}\n${ECHO_MARK}`], {
    cwd: folder,
    env: { PATH: path, HOME: folder },
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const [, ...printed] = output.split(`\n${MARK}\n`);
  expect(printed.length, output).toBe(steps.length + 1);
  return printed.slice(0, -1);
}

/** Puts `npx hallpass`, `node`, the gateway's data and the examples into the folder, and returns its PATH. */
async function makeTools(page: string, folder: string): Promise<string> {
  const npx = join(folder, 'bin/npx');
  if (page === AS_PROCESSES) {
    const command = HALLPASS_COMMAND.map((part) => `'${part}'`).join(' ');
    await mkdir(dirname(npx));
    await writeFile(npx, `#!/bin/sh\nshift\nexec ${command} "$@"\n`);
    await chmod(npx, 0o755);
  } else closers.push(await serveHallpass(npx));
  await symlink(join(ROOT, 'examples'), join(folder, 'examples'));
  await symlink(join(home, '.hallpass'), join(folder, '.hallpass'));
  return [dirname(npx), dirname(process.execPath), process.env.PATH].join(delimiter);
}

const hasShell =
  spawnSync('bash', ['-c', 'curl --version && openssl version && awk 1 /dev/null']).status === 0;

describe('the recipes', () => {
  test('are all listed on their first page', () => {
    const list = readFileSync(join(ROOT, 'docs/recipes/README.md'), 'utf8');
    const linked = [...list.matchAll(/\]\((\w[\w-]*\.md)\)/g)].map(([, name]) => name);
    expect(linked.toSorted()).toEqual(PAGES.map((path) => basename(path)));
  });

  test.skipIf(!hasShell).each(PAGES)(
    `%s does what it says${hasShell ? '' : ' (skipped: bash, curl, openssl or awk is absent here)'}`,
    async (path) => {
      const steps = readSteps(readFileSync(join(ROOT, path), 'utf8'));
      expect(steps.length).toBeGreaterThan(1);
      const printed = await play(path, steps);
      for (const [index, { lines }] of steps.entries()) {
        const said = printed[index]?.split(/\r?\n/).filter((line) => line !== '') ?? [];
        if (lines.length === 0) continue;
        expect(said).toEqual(lines.map((line) => expect.stringMatching(toPattern(line))));
      }
    },
    PAGE_MS,
  );
});
