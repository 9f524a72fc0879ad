/**
 * Enrolment through the whole gateway: the owner makes a link, people sign in or type a code, and each gets a pass once.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';
import {
  ADA,
  CLIENT_ID,
  type LocalProvider,
  startLocalProvider,
} from '../support/local-provider.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor, ticketIn, tokenIn, type Visited } from '../support/web-visitor.ts';

let provider: LocalProvider;
let gateway: SignInGateway;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-enrol-'));
  provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
  gateway = await startSignInGateway({
    issuer: provider.issuer,
    clientId: CLIENT_ID,
    key: 'staff',
  });
});

afterEach(() => {
  provider.claims = ADA;
});

afterAll(async () => {
  await gateway.close();
  await provider.close();
  await rm(folder, { recursive: true, force: true });
});

async function createLink(...flags: readonly string[]): Promise<string> {
  const link = await gateway.run('enrol', 'create', '--key', 'ci', '--expires', '7d', ...flags);
  return link.trim().replace('http://127.0.0.1:8787', gateway.root);
}

/** Follows a link as somebody who signs in at the provider. */
async function signIn(link: string): Promise<Visited> {
  const visitor = makeVisitor();
  const page = await visitor.visit(link);
  const login = /href="(oauth\/login\?enrol=[^"]+)"/.exec(page.text)?.[1] ?? '';
  return visitor.visit(new URL(login, page.url).href);
}

const typeCode = async (link: string, code: string, name: string): Promise<Visited> => {
  const visitor = makeVisitor();
  const page = await visitor.visit(link);
  return visitor.submit(`${gateway.root}/enrol`, { ticket: ticketIn(page), code, name });
};

const keyOf = async (token: string) => {
  const { text } = await send(`${gateway.url}/key`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return JSON.parse(text).data;
};

describe('a link for people who sign in', () => {
  test('says what it gives, and gives a pass with a limit of the own', async () => {
    const link = await createLink('--max', '5', '--limit-usd', '2', '--domains', 'example.edu');
    const page = await makeVisitor().visit(link);
    for (const text of ['$2', 'example.edu', 'Sign in and get it']) {
      expect(page.text).toContain(text);
    }
    const done = await signIn(link);
    expect(done.text).toContain('ada@example.edu');
    expect(await keyOf(tokenIn(done))).toMatchObject({
      user: 'ada@example.edu',
      limits: expect.arrayContaining([
        expect.objectContaining({ per: 'user', unit: 'usd', window: 'total', limit: 2 }),
      ]),
    });
    const [row] = JSON.parse(await gateway.run('enrol', 'list', '--json')).filter(
      ({ max }: { max: number }) => max === 5,
    );
    expect(row).toMatchObject({ key: 'ci', by: 'login', taken: 1, limitUsd: '2', ended: false });
  });

  test('gives one person who comes twice one allowance and one place', async () => {
    const link = await createLink('--max', '1');
    const first = tokenIn(await signIn(link));
    expect(tokenIn(await signIn(link))).not.toBe('');
    provider.claims = { ...ADA, sub: 'bo', email: 'bo@example.edu' };
    const refused = await signIn(link);
    expect(refused.text).toContain('All places are taken');
    expect(first).not.toBe('');
  });

  test('keeps an own limit that the owner has set before', async () => {
    provider.claims = { ...ADA, sub: 'cy', email: 'cy@example.edu' };
    const first = tokenIn(await signIn(await createLink('--max', '2', '--limit-usd', '3')));
    await signIn(await createLink('--max', '2', '--limit-usd', '9'));
    const { limits } = await keyOf(first);
    expect(limits.filter(({ window }: { window: string }) => window === 'total')).toMatchObject([
      { limit: 3 },
    ]);
  });

  test('gives a pass that its holder can end', async () => {
    provider.claims = { ...ADA, sub: 'di', email: 'di@example.edu' };
    const token = tokenIn(await signIn(await createLink('--max', '1')));
    expect((await gateway.post('/oauth/revoke', { token })).status).toBe(200);
    const { status } = await send(`${gateway.url}/key`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(status).toBe(401);
  });

  test('refuses an address of another domain', async () => {
    const link = await createLink('--max', '5', '--domains', 'other.edu');
    const refused = await signIn(link);
    expect(refused.text).toContain('not of a domain of this link');
    expect(tokenIn(refused)).toBe('');
  });

  test('that was ended gives nothing, and neither does one that nobody made', async () => {
    const link = await createLink('--max', '5');
    const rows = JSON.parse(await gateway.run('enrol', 'list', '--json'));
    for (const { id } of rows) {
      expect(id).toMatch(/^[0-9a-f]{12}$/);
      await gateway.run('enrol', 'end', id);
    }
    for (const each of [link, `${gateway.root}/enrol?link=nobody`]) {
      const page = await makeVisitor().visit(each);
      expect(page.status).toBe(403);
      expect(page.text).toContain('This link is not in force');
    }
  });
});

test('a link of a key that sign-in may not sign with is not made', async () => {
  const args = ['--data', gateway.folder];
  await gateway.run('keys', 'create', 'unknown', '--limit', 'user:usd:week=1');
  const flags = ['--key', 'unknown', '--max', '1', '--expires', '1d'];
  const { status, stderr } = await runHere(['enrol', 'create', ...flags, ...args]);
  expect(status).toBe(1);
  expect(stderr).toContain('run "hallpass sign-in use-key unknown"');
});

test('a link with models that the gateway does not have is not made', async () => {
  const flags = ['--key', 'ci', '--max', '1', '--expires', '1d', '--models', 'demo/echo,nobody/x'];
  const { status, stderr } = await runHere(['enrol', 'create', ...flags, '--data', gateway.folder]);
  expect(status).toBe(1);
  expect(stderr).toContain('no model of this gateway matches nobody/x');
});

describe('a list of codes, for people without a login', () => {
  test('gives each code one pass, whose user is shown as unverified', async () => {
    const file = join(folder, 'codes.txt');
    const link = await createLink('--max', '3', '--limit-usd', '1', '--codes', file);
    const codes = (await readFile(file, 'utf8')).trim().split('\n');
    expect(codes).toHaveLength(3);
    expect(codes[0]).toMatch(/^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
    const [code = '', other = ''] = codes;
    const done = await typeCode(link, code.toLowerCase(), 'Ann <b>Lee</b>');
    const { user } = await keyOf(tokenIn(done));
    expect(user).toBe(`unverified: Ann <b>Lee</b> (${code.slice(-4)})`);
    expect(done.text).not.toContain('<b>Lee');
    const again = await typeCode(link, code, 'Ann');
    expect(again.text).toContain('This code is not in force, or was used');
    expect(await keyOf(tokenIn(await typeCode(link, other, 'ada@example.edu')))).toMatchObject({
      user: `unverified: ada@example.edu (${other.slice(-4)})`,
    });
  });

  test('refuses a code that was guessed, and a form of another page', async () => {
    const link = await createLink('--max', '1', '--codes', join(folder, 'others.txt'));
    expect((await typeCode(link, 'AAAA-BBBB-CCCC-DDDD', 'Eve')).text).toContain('not in force');
    const { status } = await send(`${gateway.root}/enrol`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'cross-site',
      },
      body: 'ticket=a&code=b&name=c',
    });
    expect(status).toBe(403);
  });
});
