/** An enrolment link as a person follows it, in a real browser. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import { CLIENT_ID, type LocalProvider, startLocalProvider } from '../support/local-provider.ts';
import { expectUsableOnEachScreen, visit } from '../support/page-visit.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';

describe.skipIf(!hasBrowser)('an enrolment link in a browser', () => {
  let provider: LocalProvider;
  let gateway: SignInGateway;
  let browser: Browser;
  beforeAll(async () => {
    provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
    gateway = await startSignInGateway({
      issuer: provider.issuer,
      clientId: CLIENT_ID,
      key: 'staff',
    });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.close();
    await provider?.close();
  });

  async function createLink(...flags: readonly string[]): Promise<string> {
    const args = ['--key', 'ci', '--expires', '7d', '--max', '9', '--limit-usd', '2', ...flags];
    const link = (await gateway.run('enrol', 'create', ...args)).trim();
    return link.replace('http://127.0.0.1:8787', gateway.root);
  }
  async function createCodes(name: string) {
    const file = join(gateway.folder, name);
    const link = await createLink('--codes', file);
    const codes = (await readFile(file, 'utf8')).match(/\b[A-Z2-7]{4}(-?[A-Z2-7]{4}){3}\b/g) ?? [];
    return { link, code: codes[0] ?? '' };
  }

  test('leads by a login to the page of the pass, with the own limit', async () => {
    const { page, faults, close } = await visit(browser, await createLink());
    await page.getByRole('link', { name: 'Sign in and get it' }).click();
    await page.getByRole('heading', { name: 'ada@example.edu' }).waitFor();
    expect(page.url()).toBe(`${gateway.root}/me`);
    await page.getByText('of $2.00 left').first().waitFor();
    expect(await faults()).toEqual([]);
    await close();
  });

  // guarantee: pages-show-text
  test('leads by a code to the page of the pass; the typed name is text, and shown as unverified', async () => {
    const { link, code } = await createCodes('once.txt');
    const { page, faults, close } = await visit(browser, link);
    await page.getByLabel('Code').fill(code.toLowerCase());
    await page.getByLabel('Your name').fill('<b>Bo</b>');
    await page.getByRole('button', { name: 'Get it' }).click();
    await page.getByRole('heading', { name: 'unverified: <b>Bo</b>' }).waitFor();
    expect(page.url()).toBe(`${gateway.root}/me`);
    expect(await faults()).toEqual([]);
    await page.goto(link);
    await page.getByLabel('Code').fill(code);
    await page.getByLabel('Your name').fill('Cy');
    await page.getByRole('button', { name: 'Get it' }).click();
    await page.getByText('This code is not in force, or was used.').waitFor();
    await close();
  });

  // guarantee: pages-for-everyone
  test('is used by everyone on every screen, and axe finds nothing', async () => {
    const { page, faults, close } = await visit(browser, await createLink());
    await page.getByText('$2').first().waitFor();
    await expectUsableOnEachScreen(page, 'enrol-login');
    const { link } = await createCodes('everyone.txt');
    await page.goto(link);
    await page.getByLabel('Your name').waitFor();
    await expectUsableOnEachScreen(page, 'enrol-code');
    expect(await faults()).toEqual([]);
    await close();
  });
});
