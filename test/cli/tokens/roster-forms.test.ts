/**
 * The forms in which learning platforms and spreadsheets write a roster.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runHere } from '../../support/hallpass-command.ts';
import { KEY } from '../../support/memory-keys.ts';
import { KID } from '../../support/tokens.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-forms-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Issues tokens and returns the claims of each by e-mail address. */
async function issue(roster: string): Promise<Readonly<Record<string, Record<string, unknown>>>> {
  const [from, to] = [join(folder, 'students.csv'), join(folder, 'tokens.csv')];
  await writeFile(from, roster);
  const { status, stderr } = await runHere(
    [
      ...['tokens', 'issue', '--roster', from, '--out', to, '--expires', '2d'],
      ...['--limit-usd', '2', '--models', 'demo/*'],
    ],
    { variables: { HALLPASS_KEY: KEY, HALLPASS_KEY_ID: KID } },
  );
  if (status !== 0) throw new Error(stderr);
  const lines = (await readFile(to, 'utf8')).trimEnd().split('\n').slice(1);
  const claims = lines.map((line) => {
    const payload = /jwt:[\w-]+\.([\w-]+)/.exec(line)?.[1] ?? '';
    return JSON.parse(Buffer.from(payload, 'base64url').toString());
  });
  return Object.fromEntries(claims.map((each) => [each.user, each]));
}

test('a file with semicolons is read as one with commas', async () => {
  const issued = await issue('email;name;section\nAda@x.edu;"Lovelace; Ada, Countess";A\n');
  expect(Object.keys(issued)).toEqual(['ada@x.edu']);
});

test('a gradebook that Canvas exports is read without the rows that are no students', async () => {
  const issued = await issue(
    [
      'Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (7)',
      '    Points Possible,,,,,10',
      '"Lovelace, Ada",1,s1,ada@x.edu,Section A,9',
      '"Student, Test",2,,0a1b2c,Section A,',
    ].join('\n'),
  );
  expect(Object.keys(issued)).toEqual(['ada@x.edu']);
});

test('a row has a limit, models and an end of its own, and the others have those of the command', async () => {
  const issued = await issue(
    'email,limit_usd,models,expires\nada@x.edu,5,openai/* demo/echo,1d\nbob@x.edu,,,\n',
  );
  expect(issued['ada@x.edu']).toMatchObject({
    spending_limit: 5,
    models: ['openai/*', 'demo/echo'],
  });
  expect(issued['bob@x.edu']).toMatchObject({ spending_limit: 2, models: ['demo/*'] });
  const { exp: ends, iat } = issued['ada@x.edu'] as { exp: number; iat: number };
  expect(ends - iat).toBe(86_400);
});
