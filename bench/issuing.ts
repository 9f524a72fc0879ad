/**
 * `npm run bench:issuing`: compares tokens from a roster with bare HMACs of the same length in one run, and measures the
 * peak memory of the command by the size of its roster. `--json` prints the figures as one object.
 */
import { spawnSync } from 'node:child_process';
import { createHmac, createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runHallpass } from '../cli/program.ts';
import { kidOf } from '../core/jwt/kid.ts';
import { makeApiKey } from '../core/keys/api-key.ts';
import { issueOffline } from '../core/tokens/issue.ts';
import { median } from './load.ts';

const TOKENS = 10_000;
const ROUNDS = 7;
const MEMORY_ROWS = [100, 10_000, 20_000];
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SAMPLE_EVERY_MS = 10;

/** Prints the largest heap after a collection while the command runs, in bytes, and the peak of the process, in kB. */
const PRINT_MEMORY = `data:text/javascript,
  let live = 0;
  const sample = () => { gc(); live = Math.max(live, process.memoryUsage().heapUsed); };
  setInterval(sample, ${SAMPLE_EVERY_MS}).unref();
  process.on("exit", () => console.log(live, process.resourceUsage().maxRSS));`;

const key = makeApiKey(new Uint8Array(32).fill(7));
const kid = kidOf('acct_bench', 'bench');
const variables = { HALLPASS_KEY: key, HALLPASS_KEY_ID: kid };
const folder = mkdtempSync(join(tmpdir(), 'hallpass-bench-'));
const roster = join(folder, 'students.csv');
const out = join(folder, 'tokens.csv');
const args = [
  ...['tokens', 'issue', '--roster', roster, '--out', out, '--period', 'week-12'],
  ...['--models', 'openai/gpt-4o-mini', '--limit-usd', '2', '--expires', '7d'],
];

function writeRoster(rows: number): void {
  const lines = Array.from({ length: rows }, (_, row) => `student${row}@example.edu,Student,A\n`);
  writeFileSync(roster, `email,name,section\n${lines.join('')}`);
}

async function time(act: () => unknown): Promise<number> {
  const startedAtMs = performance.now();
  await act();
  return performance.now() - startedAtMs;
}

const user = 'student1@example.edu';
const sample = { user, jti: `week-12:${user}`, models: ['openai/gpt-4o-mini'], spendingLimit: 2 };
const nowMs = Date.now();
const expiresAtMs = nowMs + 86_400_000;
const signOne = () =>
  issueOffline({ key, kid, ...sample, expiresAtMs, maxTokenLifetimeSeconds: 604_800 }, nowMs);

/** The text that is signed: the token without `jwt:` and its signature. */
const signed = signOne()
  .token.slice('jwt:'.length)
  .replace(/\.[\w-]+$/, '');
const secret = createSecretKey(key, 'utf8');

function bareHmacs(): void {
  for (let count = 0; count < TOKENS; count += 1) {
    createHmac('sha256', secret).update(signed).digest('base64url');
  }
}

function signAll(): void {
  for (let count = 0; count < TOKENS; count += 1) signOne();
}

async function runCommand(): Promise<void> {
  const quiet = { print: () => {}, note: () => {}, readInput: async () => '' };
  const status = await runHallpass(args, { ...quiet, openInput: () => process.stdin, variables });
  if (status !== 0) throw new Error('the command failed');
}

function memoryOf(rows: number): { readonly liveMb: number; readonly peakMb: number } {
  writeRoster(rows);
  const sampled = ['--expose-gc', '--import', PRINT_MEMORY.replaceAll('\n', '')];
  const command = [...sampled, join(ROOT, 'bin/hallpass.ts'), ...args];
  const { stdout } = spawnSync(process.execPath, command, { env: variables, encoding: 'utf8' });
  const [liveBytes = Number.NaN, peakKb = Number.NaN] = stdout.split(' ').map(Number);
  return { liveMb: liveBytes / 1e6, peakMb: peakKb / 1e3 };
}

writeRoster(TOKENS);
const rounds: { bare: number; sign: number; command: number }[] = [];
for (let round = 0; round <= ROUNDS; round += 1) {
  const bare = await time(bareHmacs);
  const sign = await time(signAll);
  rounds.push({ bare, sign, command: await time(runCommand) });
}

const [, ...warm] = rounds;
const figures = {
  tokens: TOKENS,
  bareMs: median(warm.map(({ bare }) => bare)),
  signMs: median(warm.map(({ sign }) => sign)),
  commandMs: median(warm.map(({ command }) => command)),
  signPerBare: median(warm.map(({ bare, sign }) => sign / bare)),
  commandPerBare: median(warm.map(({ bare, command }) => command / bare)),
  memory: MEMORY_ROWS.map((rows) => ({ rows, ...memoryOf(rows) })),
};
rmSync(folder, { recursive: true });

if (process.argv.includes('--json')) console.log(JSON.stringify(figures));
else {
  const { bareMs, signMs, commandMs, signPerBare, commandPerBare, memory } = figures;
  console.log(`${TOKENS} tokens, median of ${ROUNDS} rounds
bare HMACs                      ${bareMs.toFixed(0)} ms
signed and checked              ${signMs.toFixed(0)} ms, ${signPerBare.toFixed(1)} times as long
from a roster, in a whole file  ${commandMs.toFixed(0)} ms, ${commandPerBare.toFixed(1)} times as long`);
  for (const { rows, liveMb, peakMb } of memory) {
    console.log(`${rows} rows: ${liveMb.toFixed(1)} MB in use, ${peakMb.toFixed(0)} MB resident`);
  }
}
