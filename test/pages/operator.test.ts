/** `hallpass console` as an operator uses it: the command, the file it prints, the page in a real browser. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  findAccessibilityProblems,
  hasBrowser,
  startBrowser,
  takeScreenshot,
} from '../support/browser.ts';
import { HALLPASS_COMMAND, runHere } from '../support/hallpass-command.ts';
import { BROWSER_TEST, findUnreached, isTooWide, visit } from '../support/page-visit.ts';
import { type Started, start } from '../support/start-process.ts';

const START_TIMEOUT_MS = 60_000;

describe.skipIf(!hasBrowser)('hallpass console', BROWSER_TEST, () => {
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
  }, START_TIMEOUT_MS);
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

  /** Starts the command. @returns its process and the file that opens the page */
  async function startConsole(): Promise<{ child: ChildProcess; file: string }> {
    const [command = '', ...args] = HALLPASS_COMMAND;
    const child = spawn(
      command,
      [...args, 'console', '--no-open', '--data', 'data', '--as', 'eve'],
      {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const [file] = await once(createInterface({ input: child.stdout }), 'line');
    return { child, file: String(file) };
  }

  test('opens by a file of its owner, makes, changes, rotates and disables a key, and ends', async () => {
    const { child, file } = await startConsole();
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
    await row.getByLabel('Limits, with commas').fill('nonsense');
    await row.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Nothing was changed.').waitFor();
    await row.getByRole('button', { name: 'Rotate now' }).click();
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
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(file)).toBe(false);
  });

  test('shows who is near a limit over all keys and the people of a key, and blocks one of them', async () => {
    await keys('create', 'lab', '--limit', 'user:usd:week=1');
    await keys('create', 'own', '--user', 'zed@example.edu');
    await users('set', 'token:ada', '--limit', 'usd:week=0', '--key', 'lab');
    await users('set', 'token:bob', '--limit', 'requests:day=0', '--key', 'demo');
    await users('set', 'token:cyd', '--note', 'new', '--key', 'lab');
    const { child, file } = await startConsole();
    const { page, faults, close } = await visit(browser, pathToFileURL(file).href);
    const near = page.locator('section', {
      has: page.getByRole('heading', { name: 'Near a limit' }),
    });
    await expect.poll(() => near.locator('tbody tr').count()).toBe(2);
    const cells = near.locator('tbody td:nth-child(-n+3)');
    expect((await cells.allInnerTexts()).sort()).toEqual([
      ...['100 % requests:day', '100 % usd:week', 'ada', 'bob', 'demo', 'lab'],
    ]);
    await near.getByRole('button', { name: 'Block ada of lab' }).click();
    await near.getByLabel('Reason; the person reads it').fill('left <b>early</b>');
    await near.getByRole('button', { name: 'Block', exact: true }).click();
    await near.getByText('left <b>early</b>').waitFor();
    await takeScreenshot(page, 'operator-near');
    expect(await findAccessibilityProblems(page)).toEqual([]);
    expect(await findUnreached(page)).toEqual([]);

    await page.getByRole('button', { name: 'Change lab' }).click();
    const people = page.locator('.actions', { has: page.getByRole('heading', { name: 'People' }) });
    await expect.poll(() => people.locator('tbody tr').count()).toBe(2);
    await people.getByRole('button', { name: 'Unblock ada of lab' }).click();
    await people.getByRole('button', { name: 'Unblock', exact: true }).click();
    await people.getByRole('button', { name: 'Block ada of lab', exact: true }).waitFor();
    await near.getByRole('button', { name: 'Block ada of lab', exact: true }).waitFor();
    await takeScreenshot(page, 'operator-people');
    expect(await findAccessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Who changed it' }).click();
    const changes = page.getByRole('table', { name: 'Changes, the latest first' });
    await expect.poll(() => changes.locator('tbody tr').count()).toBe(5);
    const latest = await changes.locator('tbody tr').first().innerText();
    expect(latest).toContain('eve');
    expect(latest).toContain('user {"user":"token:ada","blocked":"null"}');
    expect(await faults()).toEqual([]);
    await close();
    child.kill('SIGINT');
    await once(child, 'exit');
  });

  test('fits a phone in the dark, and shows the spend of every key', async () => {
    const { child, file } = await startConsole();
    const look = { size: 'phone', scheme: 'dark' } as const;
    const { page, close } = await visit(browser, pathToFileURL(file).href, look);
    await page.getByRole('button', { name: 'Change demo', exact: true }).waitFor();
    await takeScreenshot(page, 'operator-phone-dark');
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
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
