/**
 * Sign-in as a person sees it: a real browser, a gateway with sign-in, and a real OpenID provider on this machine.
 */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PAGE_STYLE } from '../../core/sign-in/page-style.ts';
import {
  findAccessibilityProblems,
  hasBrowser,
  startBrowser,
  takeScreenshot,
} from '../support/browser.ts';
import {
  ADA,
  CLIENT_ID,
  type LocalProvider,
  startLocalProvider,
} from '../support/local-provider.ts';
import {
  BROWSER_TEST,
  findUnreached,
  isTooWide,
  LOOKS,
  nameOfLook,
  visit,
} from '../support/page-visit.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor } from '../support/web-visitor.ts';

const START_TIMEOUT_MS = 90_000;

test('the pages of sign-in have the colours of the other pages', async () => {
  const all = await readFile(new URL('../../pages/style.css', import.meta.url), 'utf8');
  const rules = [...PAGE_STYLE.matchAll(/--[\w-]+: light-dark\([^)]*\);/g)].map(([rule]) => rule);
  expect(rules).toHaveLength(8);
  expect(rules.filter((rule) => !all.includes(rule))).toEqual([]);
});

describe.skipIf(!hasBrowser)('sign-in in a browser', BROWSER_TEST, () => {
  let provider: LocalProvider;
  let gateway: SignInGateway;
  let browser: Browser;
  beforeAll(async () => {
    provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
    gateway = await startSignInGateway({
      issuer: provider.issuer,
      clientId: CLIENT_ID,
      key: 'staff',
      allowedDomains: ['example.edu'],
    });
    browser = await startBrowser();
  }, START_TIMEOUT_MS);
  afterEach(() => {
    provider.claims = ADA;
    provider.instead = undefined;
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.close();
    await provider?.close();
  });

  /** Shows the page after a login, without what leads on from it at once. */
  async function showDone(page: Page): Promise<void> {
    const { text, headers, url } = await makeVisitor().visit(`${gateway.root}/oauth/login`);
    const body = text.replace(/<meta http-equiv="refresh"[^>]*>/, '');
    expect(body).not.toBe(text);
    const policy = String(headers['content-security-policy']);
    await page.route(url, (route) =>
      route.fulfill({
        body,
        headers: { 'content-type': 'text/html', 'content-security-policy': policy },
      }),
    );
    await page.goto(url);
  }
  async function check(page: Page, name: string): Promise<void> {
    await takeScreenshot(page, name);
    expect(await findAccessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(await findUnreached(page)).toEqual([]);
  }

  test('begins on the first page and ends on the page of the pass, which names its holder', async () => {
    const { page, requests, faults, close } = await visit(browser, `${gateway.root}/`);
    await page.getByRole('link', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'ada@example.edu' }).waitFor();
    expect(page.url()).toBe(`${gateway.root}/me`);
    expect(await page.getByText('of $10.00 left').count()).toBeGreaterThan(0);
    const cookies = await page.context().cookies();
    expect(cookies.filter(({ name }) => name.includes('hallpass'))).toEqual([]);
    const ours = requests.filter((line) => line.includes(gateway.root));
    expect(ours.filter((line) => line.includes('jwt:') && !line.includes('/me#'))).toEqual([]);
    expect(await page.evaluate('[localStorage.length, sessionStorage.length]')).toEqual([0, 0]);
    expect(await faults()).toEqual([]);
    await page.goBack();
    expect(page.url()).not.toContain('jwt:');
    await close();
  });

  // guarantee: pages-for-everyone
  describe.each(LOOKS.map((look) => [nameOfLook(look), look] as const))(
    'on a %s screen',
    (name, look) => {
      test('the first page offers sign-in, and axe finds nothing', async () => {
        const { page, faults, close } = await visit(browser, `${gateway.root}/`, look);
        await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor();
        await check(page, `landing-sign-in-${name}`);
        expect(await faults()).toEqual([]);
        await close();
      });

      test('the page after a login says who signed in, and axe finds nothing', async () => {
        const { page, faults, close } = await visit(browser, `${gateway.root}/llms.txt`, look);
        await showDone(page);
        await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
        expect(await page.locator('main').innerText()).toContain('ada@example.edu');
        await check(page, `sign-in-done-${name}`);
        expect(await faults()).toEqual([]);
        await page.getByRole('link', { name: 'Open your page' }).click();
        await page.getByRole('heading', { name: 'ada@example.edu' }).waitFor();
        await close();
      });

      test('the page of a refusal says why, and axe finds nothing', async () => {
        provider.claims = { ...ADA, email: 'eve@evil.example' };
        const { page, faults, close } = await visit(browser, `${gateway.root}/oauth/login`, look);
        await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
        expect(await page.locator('main').innerText()).toContain(
          'Your e-mail address is not of a domain that may sign in.',
        );
        await check(page, `sign-in-refused-${name}`);
        expect(await faults()).toEqual([]);
        await close();
      });
    },
  );
});
