/**
 * A whole course, played with `npm start` and the commands a lecturer types: a key with a monthly budget, a roster of
 * 200, a leak, somebody who runs out, somebody who asks for what is not allowed; and the provider's books at the end.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { completion, jsonReply, startFakeProvider, usageOf } from '../support/fake-provider.ts';
import { hallpass } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';
import { start } from '../support/start-process.ts';

const STUDENTS = 200;
const AT_ONCE = 10;
/** Prices of openai/gpt-4o-mini in nano-dollars a token. */
const INPUT_NANO_USD = 150n;
const OUTPUT_NANO_USD = 600n;
/** Every student spends a thousandth of a dollar within this many requests. */
const CALLS_MAX = 40;
const LIMIT_USD = '0.001';
const TEST_MS = 120_000;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const emailOf = (student: number): string => `s${student}@example.edu`;
/** No two students' calls cost the same. */
const usageAt = (request: number) => ({ input: 10 + (request % 7), output: 20 + (request % 201) });

interface Course {
  /** Each student's bill by the provider's own count, in nano-dollars. */
  books(): ReadonlyMap<string, bigint>;
  /** Runs a command with the key of the course, and answers what it printed. */
  run(args: readonly string[], input?: string): Promise<string>;
  /** Same order as the roster. */
  readTokens(): Promise<readonly string[]>;
  /** 200, or the status and the words of the refusal. */
  chat(token: string, email: string, model?: string): Promise<string>;
}

async function startCourse(): Promise<Course> {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-course-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const replies = Array.from({ length: STUDENTS + 2 * CALLS_MAX }, (_, request) => {
    const { input, output } = usageAt(request);
    return jsonReply(completion('yes', usageOf(input, output)));
  });
  const provider = await startFakeProvider(...replies);
  closers.push(provider.close);
  const started = await start(['--provider', `openai=${provider.url}`], folder);
  closers.push(() => started.end());
  let variables = {};
  const run = async (args: readonly string[], input = '') => {
    const { status, stdout, stderr } = await hallpass(args, { cwd: folder, input, variables });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  const made = JSON.parse(
    await run([
      ...['keys', 'create', 'course', '--limit', 'key:usd:month=500', '--json'],
      ...['--models', 'openai/gpt-4o-mini'],
    ]),
  );
  variables = { HALLPASS_KEY: made.key, HALLPASS_KEY_ID: made.kid };
  const rows = Array.from({ length: STUDENTS }, (_, student) => `${emailOf(student)},S,A\n`);
  await writeFile(join(folder, 'students.csv'), `email,name,section\n${rows.join('')}`);
  return {
    run,
    async readTokens() {
      const lines = (await readFile(join(folder, 'tokens.csv'), 'utf8')).trimEnd().split('\n');
      return lines.slice(1).map((line) => line.split(',')[3] ?? '');
    },
    books() {
      const books = new Map<string, bigint>();
      for (const [request, { body }] of provider.requests.entries()) {
        const email = JSON.parse(body).messages[0].content;
        const { input, output } = usageAt(request);
        const cost = BigInt(input) * INPUT_NANO_USD + BigInt(output) * OUTPUT_NANO_USD;
        books.set(email, (books.get(email) ?? 0n) + cost);
      }
      return books;
    },
    async chat(token, email, model = 'openai/gpt-4o-mini') {
      const { status, text } = await send(`${started.ready.url}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model,
          max_tokens: 300,
          messages: [{ role: 'user', content: email }],
        }),
      });
      const { error } = JSON.parse(text);
      return error === undefined ? String(status) : `${status} ${error.code}: ${error.message}`;
    },
  };
}

/** Nano-dollars of an amount as the report has it: dollars with up to nine digits. */
function nanoOf(usd: string): bigint {
  const [whole = '', fraction = ''] = usd.split('.');
  return BigInt(`${whole}${fraction.padEnd(9, '0')}`);
}

test(
  'a course of 200 is played to its end, and its usage is what the provider says',
  async () => {
    const { run, chat, books, readTokens } = await startCourse();
    const terms = ['--models', 'openai/gpt-4o-mini', '--expires', '7d'];
    await run([
      ...['tokens', 'issue', '--roster', 'students.csv', '--out', 'tokens.csv', ...terms],
      ...['--limit-usd', LIMIT_USD, '--period', 'week-12'],
    ]);
    const tokens = await readTokens();
    expect(tokens).toHaveLength(STUDENTS);

    // Every student calls.
    for (let first = 0; first < STUDENTS; first += AT_ONCE) {
      const group = tokens.slice(first, first + AT_ONCE);
      const calls = group.map((token, index) => chat(token, emailOf(first + index)));
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['200']));
    }

    // One leaks.
    const [leaked = '', spender = '', curious = ''] = tokens;
    await run(['tokens', 'revoke', '-'], leaked);
    expect(await chat(leaked, emailOf(0))).toBe('401 token_revoked: The token has been revoked.');

    // One runs out, and gets more under the same name.
    let calls = 0;
    let answer = '200';
    while (answer === '200' && calls < CALLS_MAX) {
      answer = await chat(spender, emailOf(1));
      calls += 1;
    }
    expect(answer).toMatch(/^402 insufficient_quota: /);
    const topUp = await run([
      ...['tokens', 'issue', ...terms, '--limit-usd', '0.002'],
      ...['--user', emailOf(1), '--jti', `week-12:${emailOf(1)}`],
    ]);
    expect(await chat(topUp.trim(), emailOf(1))).toBe('200');

    // One asks for what is not theirs.
    const refused = await chat(curious, emailOf(2), 'openai/gpt-4o');
    expect(refused).toMatch(/^403 model_not_allowed: .*"openai\/gpt-4o".*openai\/gpt-4o-mini/);

    const csv = await run(['usage', '--by', 'user', '--csv', '--key', 'course']);
    const rows = csv
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
    const used = new Map(rows.map((cells) => [cells[0], nanoOf(cells.at(-2) ?? '')]));
    expect(used.size).toBe(STUDENTS);
    expect(used).toEqual(books());
    await run(['usage', 'audit', '--key', 'course']);
  },
  TEST_MS,
);
