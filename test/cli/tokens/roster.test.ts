/**
 * A token for each row of a roster: how it is read and written, and that no half of a file is left.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HALLPASS_COMMAND, runHere } from '../../support/hallpass-command.ts';
import { KEY } from '../../support/memory-keys.ts';
import { KID } from '../../support/tokens.ts';

const SIGNER = { HALLPASS_KEY: KEY, HALLPASS_KEY_ID: KID };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-roster-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

interface Options {
  readonly input?: string;
  readonly redraw?: (line: string) => void;
}

async function issue(
  roster: string | Uint8Array,
  args: readonly string[] = [],
  more: Options = {},
) {
  await writeFile(at('students.csv'), roster);
  return runHere(
    [
      ...['tokens', 'issue', '--roster', at('students.csv'), '--out', at('tokens.csv')],
      ...['--expires', '2d', ...args],
    ],
    { variables: SIGNER, ...more },
  );
}

const written = async () => (await readFile(at('tokens.csv'), 'utf8')).trimEnd().split('\n');

const claimsOf = (line = '') =>
  JSON.parse(Buffer.from(/jwt:[\w-]+\.([\w-]+)/.exec(line)?.[1] ?? '', 'base64url').toString());

describe('a roster', () => {
  const ROSTER = 'email,name,section\nada@example.edu,Ada Lovelace,A\nbob@example.edu,Bob,B\n';

  test('becomes a file of tokens that only its owner can read', async () => {
    const { status, stdout, stderr } = await issue(ROSTER, [
      ...['--models', 'demo/*', '--limit-usd', '2', '--period', 'week-12'],
      ...['--base-url', 'https://llm.example.edu/prod/v1/'],
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toMatch(
      /^issued 2 tokens of the key "course" to \S+tokens\.csv, for the period week-12, for demo\/\*, for 2 USD each, until \S+Z \(2 days\)\. Offline, a student whose token [^\n]*\n$/,
    );
    const [heading, ada = '', bob, ...more] = await written();
    expect(heading).toBe('email,name,section,token,expires_at,OPENAI_BASE_URL,OPENAI_API_KEY');
    const [, , , token, expiresAt, baseUrl, apiKey] = ada.split(',');
    expect(ada).toMatch(/^ada@example\.edu,Ada Lovelace,A,jwt:/);
    expect(expiresAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect([baseUrl, apiKey]).toEqual(['https://llm.example.edu/prod/v1', token]);
    expect(more).toEqual([]);
    const { iat, ...claims } = claimsOf(ada);
    expect(claims).toEqual({
      sub: 'acct_test',
      exp: iat + 172_800,
      models: ['demo/*'],
      spending_limit: 2,
      user: 'ada@example.edu',
      jti: 'week-12:ada@example.edu',
      tags: { section: 'A' },
    });
    expect(claimsOf(bob)).toMatchObject({
      user: 'bob@example.edu',
      jti: 'week-12:bob@example.edu',
    });
    expect((await stat(at('tokens.csv'))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).sort()).toEqual(['students.csv', 'tokens.csv']);
  });

  test('is read with columns in any order, a byte order mark, quotes, empty rows and CRLF', async () => {
    await issue(
      '\ufeffsection,NAME,"email",id\r\n"A, late","Ada ""the"" Lovelace",Ada@Example.edu,7\r\n\r\n,,,\r\n',
    );
    const [, line] = await written();
    expect(line).toMatch(/^ada@example\.edu,"Ada ""the"" Lovelace","A, late",jwt:/);
    expect(claimsOf(line).user).toBe('ada@example.edu');
  });

  test('can come from standard input', async () => {
    const args = ['tokens', 'issue', '--roster', '-', '--out', at('tokens.csv'), '--expires', '1h'];
    const { status } = await runHere(args, { variables: SIGNER, input: ROSTER });
    expect([status, (await written()).length]).toEqual([0, 3]);
  });

  test('gives the same allowances for the same period, and new ones for another', async () => {
    const jtis = async (...args: string[]) => {
      await issue(ROSTER, args);
      return (await written()).slice(1).map((line) => claimsOf(line).jti);
    };
    const first = await jtis('--period', 'p1', '--limit-usd', '1');
    expect(await jtis('--period', 'p1', '--limit-usd', '3')).toEqual(first);
    expect(await jtis('--period', 'p2')).toEqual(['p2:ada@example.edu', 'p2:bob@example.edu']);
    const inTwoDays = new Date(Date.now() + 172_800_000).toISOString().slice(0, 10);
    const byDay = await jtis('--expires', `${inTwoDays}T12:00Z`, '--max-token-lifetime', '365d');
    expect(byDay).toEqual([`${inTwoDays}:ada@example.edu`, `${inTwoDays}:bob@example.edu`]);
  });

  test('writes no cell that a spreadsheet runs as a formula', async () => {
    await issue(
      'email,name,section\na@b.c,=HYPERLINK("x"),@B\n"+d@e.f",-1,"+2,3"\n'.replace(
        '=HYPERLINK("x")',
        '"=HYPERLINK(""x"")"',
      ),
    );
    const lines = await written();
    expect(lines[1]).toMatch(/^a@b\.c,"'=HYPERLINK\(""x""\)",'@B,jwt:/);
    expect(lines[2]).toMatch(/^'\+d@e\.f,'-1,"'\+2,3",jwt:/);
    expect(claimsOf(lines[2]).user).toBe('+d@e.f');
  });

  test('replaces an older file, also through a link', async () => {
    await writeFile(at('real.csv'), 'old');
    await symlink('real.csv', at('tokens.csv'));
    expect((await issue(ROSTER)).status).toBe(0);
    expect((await readFile(at('real.csv'), 'utf8')).split('\n')).toHaveLength(4);
  });

  test('prints its summary as JSON', async () => {
    const { stdout } = await issue(ROSTER, ['--json', '--period', 'p', '--limit-usd', '0.5']);
    expect(JSON.parse(stdout)).toEqual({
      issued: 2,
      out: at('tokens.csv'),
      key_name: 'course',
      period: 'p',
      models: null,
      spending_limit: 0.5,
      expires_at: expect.stringMatching(/Z$/),
      replaced: [],
    });
  });

  test('warns only if its limits together exceed the budget', async () => {
    const { stderr, status } = await issue(ROSTER, ['--limit-usd', '2', '--budget-usd', '3.99']);
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^warning: 2 limits of 2 USD are 4 USD, more than the key's own budget of 3\.99 USD$/m,
    );
    const enough = await issue(ROSTER, ['--limit-usd', '2', '--budget-usd', '4']);
    expect(enough.stderr).not.toContain('warning');
  });

  test('shows a bar on a terminal, clears it at the end, and shows none in a pipe', async () => {
    const drawn: string[] = [];
    const rows = Array.from({ length: 450 }, (_, row) => `s${row}@x.org,,\n`).join('');
    const { stderr } = await issue(`email,name,section\n${rows}`, [], {
      redraw: (line) => drawn.push(line),
    });
    expect(drawn.map((line) => line.replace(/[█░]+ \d+% {2}/, ''))).toEqual([
      '200 tokens',
      '400 tokens',
      '450 tokens',
      '',
    ]);
    expect(drawn.at(-2)).toBe(`${'█'.repeat(30)} 100%  450 tokens`);
    expect(stderr).toMatch(/^issued 450 tokens[^\n]*\n$/);
  });
});

describe('an invalid roster', () => {
  const failed = async (roster: string | Uint8Array) => {
    await writeFile(at('tokens.csv'), 'old');
    const { status, stdout, stderr } = await issue(roster);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(await readFile(at('tokens.csv'), 'utf8')).toBe('old');
    expect((await readdir(folder)).sort()).toEqual(['students.csv', 'tokens.csv']);
    return stderr;
  };

  test('reports each invalid row by its line, and leaves the older file unchanged', async () => {
    const stderr = await failed(
      [
        'email,name,section',
        'ada@example.edu,Ada,A',
        'nobody,Bob,A',
        ',Carl,A',
        'dora@example.edu,Dora',
        '',
        'ADA@example.edu,Ada again,B',
        '"eve@example.edu","Eve\nLine two",A',
        'fritz@example.edu,Fri"tz,A',
      ].join('\r\n'),
    );
    expect(stderr).toBe(`hallpass: the roster has 6 invalid rows; nothing was written
  line 3: not an e-mail address
  line 4: the e-mail address is missing
  line 5: the heading has 3 cells, the row 2
  line 7: the same e-mail address as line 2
  line 9: the name must be at most 256 characters without control characters
  line 10: a quote is opened in the middle of a cell
`);
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    ['an open quote', 'email,name\na@b.c,"A\nb@b.c,B\n', /line \d: a quote is opened and never/],
    ['a closed quote', 'email,name\na@b.c,"A"x\n', /line 2: a quote is closed in the middle/],
    ['an endless row', `email\na@b.c\n"${'x'.repeat(9000)}`, /more than 8192 characters/],
    ['Latin-1', Buffer.from('email,name\na@b.c,Jos\xe9\n', 'latin1'), /line 2: not UTF-8/],
    ['no heading', 'ada@example.edu,Ada,A\n', /line 1: the heading must name the column email/],
    ['nothing', '', /the roster has no rows/],
    ['a heading alone', 'email,name,section\n', /the roster has no rows/],
  ])('is refused for %s', async (_, roster, words) => {
    expect(await failed(roster)).toMatch(words);
  });

  test('reports the first twenty of many invalid rows', async () => {
    const stderr = await failed(`email\n${'nobody\n'.repeat(30)}`);
    expect(stderr.match(/^ {2}line/gm)).toHaveLength(20);
    expect(stderr).toMatch(
      /30 invalid rows[\s\S]*line 21: not an e-mail address\n {2}and 10 more\n$/,
    );
  });

  test('is refused with more than 20,000 rows, and accepted with 20,000', async () => {
    const rows = Array.from({ length: 20_001 }, (_, row) => `s${row}@x.org\n`);
    expect(await failed(`email\n${rows.join('')}`)).toMatch(
      /line 20002: a roster has at most 20000 rows/,
    );
    expect((await issue(`email\n${rows.slice(0, -1).join('')}`)).status).toBe(0);
    expect(await written()).toHaveLength(20_001);
  });
});

describe('wrong use', () => {
  const run = (...args: string[]) =>
    runHere(['tokens', 'issue', '--expires', '1h', ...args], { variables: SIGNER });

  test.each<[string[], number, RegExp]>([
    [['--roster', 'a'], 2, /--roster needs --out/],
    [['--out', 'a'], 2, /--out needs --roster/],
    [['--base-url', 'http://a/v1'], 2, /--base-url needs --roster/],
    [['--data', 'a'], 2, /--data, --stack and --url need --roster/],
    [['--roster', 'a', '--out', 'b', '--user', 'c'], 2, /cannot be used with --roster/],
    [['--roster', 'a', '--out', 'b', '--jti', 'c'], 2, /cannot be used with --roster/],
    [['--roster', '-', '--out', 'b', '--replace', 'c'], 2, /--roster must be a file/],
    [['--roster', 'a', '--out', 'b', '--period', 'a b'], 2, /letters, digits/],
    [['--roster', 'a', '--out', 'b', '--base-url', 'ftp://a'], 2, /an http or https URL/],
    [['--roster', '/nowhere/a.csv', '--out', 'b'], 1, /there is no roster "\/nowhere\/a.csv"/],
  ])('%j ends with %i', async (args, status, words) => {
    const result = await run(...args);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(words);
  });

  test('reports a path that is not a file or does not exist', async () => {
    await writeFile(at('s.csv'), 'email\na@b.c\n');
    const out = (path: string) => run('--roster', at('s.csv'), '--out', path);
    expect(await out(folder)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/and is not a file/),
    });
    expect(await out('/dev/full')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/and is not a file/),
    });
    expect(await out(at('no/t.csv'))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/folder does not exist/),
    });
  });

  test('reports a fault of every token before the roster is opened', async () => {
    const result = await run('--roster', '/nowhere', '--out', at('t'), '--expires', '8d');
    expect(result.stderr).toMatch(/expire later than in 7 days/);
  });
});

describe('an incomplete file', () => {
  const COMMAND = [...HALLPASS_COMMAND, 'tokens', 'issue', '--expires', '1h'];
  const env = { PATH: process.env.PATH, ...SIGNER };
  const BIG = `email\n${Array.from({ length: 5_000 }, (_, row) => `s${row}@x.org\n`).join('')}`;

  /** A file system of 256 kB in a name space of its own. */
  const TINY_DISK = 'mkdir disk && mount -t tmpfs -o size=256k tmpfs disk && ';
  const hasTinyDisk =
    spawnSync('unshare', ['-rm', 'sh', '-c', `cd "$(mktemp -d)" && ${TINY_DISK} true`]).status ===
    0;
  const RUN = '"$@"; status=$?; ls -A disk; exit $status';

  test.skipIf(!hasTinyDisk)(
    `is not left on a full disk${hasTinyDisk ? '' : ' (skipped: no file system may be mounted here)'}`,
    async () => {
      await writeFile(at('students.csv'), BIG);
      const args = ['--roster', 'students.csv', '--out', 'disk/tokens.csv'];
      const shell = ['-rm', 'sh', '-c', TINY_DISK + RUN, 'sh', ...COMMAND, ...args];
      const { status, stdout, stderr } = spawnSync('unshare', shell, { cwd: folder, env });
      expect([status, String(stdout)]).toEqual([1, '']);
      expect(String(stderr)).toBe(
        'hallpass: "disk/tokens.csv" cannot be written: the disk is full; nothing was left behind\n',
      );
    },
  );

  test('is not left behind if the file would be too large', async () => {
    await writeFile(at('students.csv'), BIG);
    const shell = ['-c', 'mkdir disk; ulimit -f 200; "$@"; s=$?; ls -A disk; exit $s', 'sh'];
    const args = ['--roster', 'students.csv', '--out', 'disk/tokens.csv'];
    const ended = spawnSync('sh', [...shell, ...COMMAND, ...args], { cwd: folder, env });
    expect([ended.status, String(ended.stdout)]).toEqual([1, '']);
    expect(String(ended.stderr)).toMatch(
      /"disk\/tokens\.csv" cannot be written: it is larger than/,
    );
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('is not left behind by %s', async (signal) => {
    const [program = '', ...args] = [...COMMAND, '--roster', '-', '--out', 'tokens.csv'];
    const child = spawn(program, args, { cwd: folder, env });
    const stderr = text(child.stderr);
    const closed = once(child, 'close');
    child.stdin.on('error', () => {}); // It may end without reading.
    child.stdin.write(BIG); // Its end does not come.
    await expect.poll(sizeOfTemporary).toBeGreaterThan(0);
    child.kill(signal);
    const [status] = await closed;
    expect(status).toBe(1);
    expect(await stderr).toBe('hallpass: interrupted; nothing was written\n');
    expect(await readdir(folder)).toEqual([]);
  });

  async function sizeOfTemporary(): Promise<number> {
    const name = (await readdir(folder)).find((each) => /^\.tokens\.csv\.\w+\.tmp$/.test(each));
    return name === undefined ? 0 : (await stat(at(name))).size;
  }
});
