/** `hallpass console` as an operator uses it: the command, the file it prints, the page in a real browser. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  findAccessibilityProblems,
  hasBrowser,
  startBrowser,
  takeScreenshot,
} from '../support/browser.ts';
import { type ConsoleProcess, startConsole } from '../support/console-command.ts';
import { runHere } from '../support/hallpass-command.ts';
import { findUnreached, isTooWide, SIZES, type Visit, visit } from '../support/page-visit.ts';
import { type Started, start } from '../support/start-process.ts';

describe.skipIf(!hasBrowser)('hallpass console', () => {
  let folder: string;
  let gateway: Started;
  let browser: Browser;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-operator-'));
    gateway = await start(['--data', 'data'], folder);
    await fetch(`${gateway.ready.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.ready.token}` },
      body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hi' }] }),
    }).then((response) => response.text());
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.end();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs a command on the data of the gateway. */
  async function run(...args: string[]): Promise<void> {
    const outcome = await runHere([...args, '--data', join(folder, 'data')]);
    expect(outcome).toMatchObject({ status: 0 });
  }
  const keys = (...args: string[]) => run('keys', ...args);
  const users = (...args: string[]) => run('users', ...args);

  const open = () => startConsole(['--data', 'data', '--as', 'eve'], folder);

  test('opens by a file of its owner, makes, changes, rotates and disables a key, and ends', async () => {
    const { file, end } = await open();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const html = await readFile(file, 'utf8');
    const code = /#([\w-]{43})"/.exec(html)?.[1] ?? '';
    const { page, faults, requests, close } = await visit(browser, pathToFileURL(file).href);
    await page.getByRole('heading', { name: 'Keys', exact: true }).waitFor();
    expect(page.url()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(requests.slice(2).filter((line) => line.includes(code))).toEqual([]);
    await takeScreenshot(page, 'operator');
    expect(await findAccessibilityProblems(page)).toEqual([]);
    expect(await findUnreached(page)).toEqual([]);

    await page.getByLabel('Name', { exact: true }).fill('cs101');
    await page.getByLabel('Limits, with commas').fill('user:usd:week=5');
    await page.getByRole('button', { name: 'Make the key' }).click();
    const made = page.getByLabel('The key. It is shown only now');
    expect(await made.inputValue()).toMatch(/^sk-hp-[\w-]{49}$/);

    await page.getByRole('button', { name: 'Change cs101' }).click();
    const row = page.locator('.actions');
    await row.getByLabel('Limits, with commas').fill('user:usd:week=7, user:requests:minute=20');
    await row.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved. It holds within ten seconds.').waitFor();
    await page.route('**/api/keys/cs101', (route) => route.abort(), { times: 1 });
    await row.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Refresh, and look at the key before you send it again.').waitFor();
    await row.getByLabel('Limits, with commas').fill('nonsense');
    await row.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Nothing was changed.').waitFor();
    await row.getByRole('button', { name: 'Rotate now…' }).click();
    await row.getByRole('button', { name: 'Rotate it now' }).click();
    await row.getByLabel('The key. It is shown only now').waitFor();
    await row.getByRole('button', { name: 'Disable…' }).click();
    await row.getByRole('button', { name: 'Disable it for ever' }).click();
    await page.getByText('Disabled. It is refused within ten seconds.').waitFor();
    await row.getByRole('button', { name: 'Who changed it' }).click();
    await expect.poll(() => row.locator('tbody tr').count()).toBe(4);
    expect(await row.locator('tbody').innerText()).toContain('eve');
    expect(await faults()).toEqual([]);

    await page.reload();
    await page.getByText('This link was used, or is too old.').waitFor();
    await close();
    expect((await end()).exit).toEqual([0, null]);
    expect(existsSync(file)).toBe(false);
  });

  describe('opened once', () => {
    let visited: Visit;
    let end: ConsoleProcess['end'];
    beforeAll(async () => {
      await keys('create', 'lab', '--limit', 'user:usd:week=1');
      await keys('create', 'own', '--user', 'zed@example.edu');
      await keys('create', 'club', '--limit', 'user:usd:total=5');
      await users('set', 'token:ada', '--limit', 'usd:week=0', '--key', 'lab');
      await users('set', 'token:bob', '--limit', 'requests:day=0', '--key', 'demo');
      await users('set', 'token:cyd', '--note', 'new', '--key', 'lab');
      await users('set', 'token:flo', '--note', 'old', '--key', 'club');
      const opened = await open();
      end = opened.end;
      visited = await visit(browser, pathToFileURL(opened.file).href);
    });
    afterAll(async () => {
      await visited?.close();
      await end?.();
    });

    test('shows who is near a limit over all keys and the people of a key, and blocks one of them', async () => {
      const { page, faults } = visited;
      const near = page.locator('section', {
        has: page.getByRole('heading', { name: 'Near a limit' }),
      });
      await expect.poll(() => near.locator('tbody tr').count()).toBe(2);
      const cells = near.locator('tbody td:nth-child(-n+3)');
      expect((await cells.allInnerTexts()).sort()).toEqual([
        ...['100 %\nrequests:day', '100 %\nusd:week', 'ada', 'bob', 'demo', 'lab'],
      ]);
      await near.getByRole('button', { name: 'Change ada of lab' }).click();
      await near.getByLabel('Reason; the person reads it').fill('left <b>early</b>');
      await near.getByRole('button', { name: 'Block', exact: true }).click();
      await near.getByText('left <b>early</b>').waitFor();
      await takeScreenshot(page, 'operator-near');
      expect(await findAccessibilityProblems(page)).toEqual([]);
      expect(await findUnreached(page)).toEqual([]);

      await page.getByRole('button', { name: 'Change lab' }).click();
      const people = page.locator('.actions', {
        has: page.getByRole('heading', { name: 'People' }),
      });
      await expect.poll(() => people.locator('tbody tr').count()).toBe(2);
      await people.getByRole('button', { name: 'Change ada of lab' }).click();
      await people.getByRole('button', { name: 'Unblock', exact: true }).click();
      await people.getByText('Unblocked.').waitFor();
      await expect.poll(() => page.getByText('left <b>early</b>').count()).toBe(0);
      await takeScreenshot(page, 'operator-people');
      expect(await findAccessibilityProblems(page)).toEqual([]);
      await page.getByRole('button', { name: 'Who changed it' }).click();
      const changes = page.getByRole('table', { name: 'Changes, the latest first' });
      await expect.poll(() => changes.locator('tbody tr').count()).toBe(5);
      const latest = await changes.locator('tbody tr').first().innerText();
      expect(latest).toContain('eve');
      expect(latest).toContain('user {"user":"token:ada","blocked":"null"}');
      expect(await faults()).toEqual([]);
    });

    test('gives a person credit, a note and limits of their own, once each, also when an answer was lost', async () => {
      const { page, faults } = visited;
      await page.getByRole('button', { name: 'Change club' }).click();
      const people = page.locator('.actions', {
        has: page.getByRole('heading', { name: 'People' }),
      });
      await people.getByRole('button', { name: 'Change flo of club' }).click();

      // The first answer is lost after the change was made.
      await page.route(
        '**/api/people/**',
        async (route) => {
          await route.fetch();
          await route.abort();
        },
        { times: 1 },
      );
      await people.getByLabel('Dollars to give').fill('2.5');
      await people.getByRole('button', { name: 'Top up' }).click();
      await people.getByText('No answer came.').waitFor();
      await people.getByRole('button', { name: 'Top up' }).click();
      await people.getByText('2.5 dollars more.').waitFor();
      await expect.poll(() => people.getByLabel('Dollars to give').inputValue()).toBe('');
      await people.getByLabel('Note, for you alone').fill('<i>lab 3</i>');
      await people.getByRole('button', { name: 'Keep the note' }).click();
      await people.getByText('The note is kept.').waitFor();
      await people.locator('td', { hasText: '<i>lab 3</i>' }).first().waitFor();
      await people.getByText('Limits of their own').click();
      await people.getByRole('button', { name: 'Add a limit' }).click();
      await people.getByLabel('At most').fill('7');
      await people.getByLabel('Unit').selectOption('requests');
      await people.getByLabel('Time').selectOption('a day');
      await people.getByLabel('Until').fill('nonsense');
      await people.getByRole('button', { name: 'Save the limits' }).click();
      await people.getByText(/"until" must be an instant/).waitFor();
      await people.getByLabel('Until').fill('2030-12-31');
      await people.getByRole('button', { name: 'Save the limits' }).click();
      await people.getByText('The limits hold at the next request.').waitFor();
      await takeScreenshot(page, 'operator-person');
      expect(await findAccessibilityProblems(page)).toEqual([]);
      expect(await findUnreached(page)).toEqual([]);
      expect(await isTooWide(page)).toBe(false);
      expect(await faults()).toEqual([]);

      const { stdout } = await runHere([
        ...['users', 'show', 'token:flo', '--key', 'club', '--json'],
        ...['--data', join(folder, 'data')],
      ]);
      expect(JSON.parse(stdout)).toMatchObject({ credit_usd: 2.5, note: '<i>lab 3</i>' });
      expect(JSON.parse(stdout).limits).toMatchObject([
        { unit: 'usd', window: 'total', limit: 7.5, own: false },
        { unit: 'requests', window: 'day', limit: 7, own: true, until: '2031-01-01T00:00:00.000Z' },
      ]);
    });

    test('makes a personal key, and client keys with a preset and with an issuer of their own', async () => {
      const { page, faults } = visited;
      await page.getByRole('heading', { name: 'Make a key' }).waitFor();
      const form = page.locator('form', { has: page.getByRole('heading', { name: 'Make a key' }) });
      const make = async (name: string) => {
        await form.getByLabel('Name', { exact: true }).fill(name);
        await form.getByRole('button', { name: 'Make the key' }).click();
        await page.getByRole('button', { name: `Change ${name}`, exact: true }).waitFor();
      };
      await form.getByRole('button', { name: 'For one person' }).click();
      await form.getByLabel('Person').fill('gus@example.edu');
      await make('gus-laptop');
      await form.getByRole('button', { name: 'For an app' }).click();
      await form.getByLabel('Supabase: ').fill('NOT A REF');
      await form.getByLabel('Name', { exact: true }).fill('app');
      await form.getByRole('button', { name: 'Make the key' }).click();
      await form.getByText('a preset must be supabase:<ref>').waitFor();
      await form.getByLabel('Supabase: ').fill('abcdefghijkl');
      await form.getByLabel('Web origins, with commas').fill('https://app.example.edu');
      await make('app');
      await form
        .getByLabel('Its users sign in with')
        .selectOption('Another, by the URL of its keys');
      await form.getByLabel('URL of its keys', { exact: true }).fill('https://id.example.edu/jwks');
      expect(await form.getByRole('button', { name: 'Make the key' }).isDisabled()).toBe(true);
      await form.getByText('What their tokens must say').click();
      await form.getByLabel('Issuer (iss)').fill('https://id.example.edu');
      await form.getByLabel('Claims, as role=student').fill('role=student|staff, org');
      await takeScreenshot(page, 'operator-client-key');
      expect(await findAccessibilityProblems(page)).toEqual([]);
      expect(await findUnreached(page)).toEqual([]);
      await make('own-issuer');
      await form.getByLabel('Models, with commas').fill('nobody/nothing');
      await form.getByLabel('Supabase: ').fill('abcdefghijkl');
      await form.getByLabel('Name', { exact: true }).fill('wrong');
      await form.getByRole('button', { name: 'Make the key' }).click();
      await form.getByText(/no model of this gateway matches nobody\/nothing/).waitFor();
      expect(await faults()).toEqual([]);

      const { stdout } = await runHere(['keys', 'list', '--json', '--data', join(folder, 'data')]);
      const made = new Map<string, object>(
        JSON.parse(stdout).map((key: { name: string }) => [key.name, key]),
      );
      expect(made.has('wrong')).toBe(false);
      expect(made.get('gus-laptop')).toMatchObject({ kind: 'personal', user: 'gus@example.edu' });
      expect(made.get('app')).toMatchObject({
        kind: 'client',
        allowed_origins: ['https://app.example.edu'],
        verifier: {
          url: 'https://abcdefghijkl.supabase.co/auth/v1/.well-known/jwks.json',
          required: ['role=authenticated'],
        },
      });
      expect(made.get('own-issuer')).toMatchObject({
        kind: 'client',
        verifier: {
          url: 'https://id.example.edu/jwks',
          issuers: ['https://id.example.edu'],
          required: ['role=student|staff', 'org'],
        },
      });
    });

    test.each([
      ['laptop', 'lab'],
      ['phone', 'club'],
    ] as const)(
      'asks on a %s before it disables a key, and takes no double click for the answer',
      async (size, name) => {
        const { page, requests } = visited;
        await page.setViewportSize(SIZES[size]);
        await page.getByRole('button', { name: `Change ${name}` }).click();
        const disable = page.getByRole('button', { name: 'Disable…' });
        const sure = page.getByRole('button', { name: 'Disable it for ever' });
        await disable.dblclick();
        await sure.waitFor();
        await disable.click({ clickCount: 3 });
        await page.getByRole('button', { name: 'Cancel' }).click();
        expect(await sure.count()).toBe(0);
        await disable.focus();
        for (const key of ['Enter', 'Enter', 'Space']) await page.keyboard.press(key);
        await takeScreenshot(page, `operator-disable-${size}`);
        expect(await findAccessibilityProblems(page)).toEqual([]);
        const sent = () => requests.filter((line) => line.includes(`/api/disable/${name}`)).length;
        const done = page.getByText('Disabled. It is refused within ten seconds.');
        expect([sent(), await done.count()]).toEqual([0, 0]);
        await sure.click();
        await done.waitFor();
        expect(sent()).toBe(1);
      },
    );
  });

  test('fits a phone in the dark, and shows the spend of every key', async () => {
    const { file, end } = await open();
    const look = { size: 'phone', scheme: 'dark' } as const;
    const { page, close } = await visit(browser, pathToFileURL(file).href, look);
    await page.getByRole('button', { name: 'Change demo', exact: true }).waitFor();
    await takeScreenshot(page, 'operator-phone-dark');
    expect(await findAccessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    await page.getByRole('button', { name: 'Change demo', exact: true }).click();
    await page.getByRole('button', { name: 'Change bob of demo' }).last().click();
    await page.getByText('Limits of their own').click();
    await page.getByRole('button', { name: 'Add a limit' }).click();
    await page.getByRole('button', { name: 'For an app' }).click();
    await page.getByText('What their tokens must say').click();
    await takeScreenshot(page, 'operator-phone-dark-open');
    expect(await findAccessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    const { data } = (await (
      await fetch(`${gateway.ready.url}/usage?group_by=key`, {
        headers: { authorization: `Bearer ${gateway.ready.key}` },
      })
    ).json()) as { data: readonly { usd: number }[] };
    const shown = await page.locator('h2 [data-nano]').getAttribute('data-nano');
    expect(shown).toBe(String(Math.round((data[0]?.usd ?? 0) * 1e9)));
    await close();
    expect((await end('SIGTERM')).exit).toEqual([0, null]);
  });
});
