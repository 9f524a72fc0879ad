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
import { HALLPASS_COMMAND } from '../support/hallpass-command.ts';
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
