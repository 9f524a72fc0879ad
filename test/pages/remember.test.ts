/**
 * "Remember on this device", in a real browser. The gateway is on loopback; the browser sees it at other hosts, because
 * requests to them are answered by it.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  findAccessibilityProblems,
  hasBrowser,
  startBrowser,
  takeScreenshot,
} from '../support/browser.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { findUnreached } from '../support/page-visit.ts';

const OWN = 'https://models.example.edu/';
const STORE = 'JSON.stringify([{ ...localStorage }, { ...sessionStorage }])';
const EMPTY = '[{},{}]';

describe.skipIf(!hasBrowser)('"Remember on this device"', () => {
  let gateway: TestGateway;
  let browser: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    gateway = await startTestGateway();
    browser = await startBrowser();
  });
  beforeEach(async () => {
    context = await browser.newContext({ locale: 'en-GB' });
    return async () => {
      // A page may still be asking when its test is done.
      for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
      await context.close();
    };
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.close();
  });

  const pass = (claims: object = {}) =>
    gateway.newToken({ user: 'ada@example.edu', spending_limit: 2, ...claims });

  /** Opens a page of the gateway as if it was at `base`. */
  async function open(base: string, path: string): Promise<Page> {
    const page = await context.newPage();
    const root = gateway.url.replace(/v1$/, '');
    await page.route(`${base}**`, async (route) => {
      const url = route.request().url().replace(base, root);
      await route.fulfill({ response: await route.fetch({ url }) });
    });
    await page.goto(`${base}${path}`);
    return page;
  }
  const box = (page: Page) => page.getByRole('checkbox', { name: 'Remember on this device' });
  const isShown = (page: Page) => page.getByText('of $2.00 left').first().waitFor();
  const isAsked = (page: Page) => page.getByLabel('Pass or key').waitFor();

  // guarantee: pages-keep-the-credential
  test('stores nothing without the tick, and a reload asks for the pass', async () => {
    const page = await open(OWN, `me#${pass()}`);
    await isShown(page);
    expect(await page.evaluate(STORE)).toBe(EMPTY);
    await page.reload();
    await isAsked(page);
    expect(await context.cookies()).toEqual([]);
  });

  test('keeps the pass after the tick, shows it in a new tab, and forgets it on demand', async () => {
    const token = pass();
    const page = await open(OWN, `me#${token}`);
    await box(page).check();
    expect(await page.evaluate(STORE)).toBe(JSON.stringify([{ 'hallpass.pass': token }, {}]));
    await takeScreenshot(page, 'me-remembered');
    expect(await findAccessibilityProblems(page)).toEqual([]);
    expect(await findUnreached(page)).toEqual([]);
    const second = await open(OWN, 'me');
    await isShown(second);
    expect(await box(second).isChecked()).toBe(true);
    await second.getByRole('button', { name: 'Forget on this device' }).click();
    await second.getByText('Forgotten.').waitFor();
    expect(await second.evaluate(STORE)).toBe(EMPTY);
    await second.reload();
    await isAsked(second);
  });

  test.each([
    ['the tick is taken out', (page: Page) => box(page).uncheck()],
    [
      'another pass is asked for',
      (page: Page) => page.getByRole('button', { name: 'Use another pass' }).click(),
    ],
  ])('forgets the pass when %s', async (_, act) => {
    const page = await open(OWN, `me#${pass()}`);
    await box(page).check();
    await act(page);
    await expect.poll(() => page.evaluate(STORE)).toBe(EMPTY);
  });

  test('forgets a pass that ended, and one that was taken back', async () => {
    const ended = pass({ iat: 1_700_000_000, exp: 1_700_000_060 });
    const page = await open(OWN, 'llms.txt');
    await page.evaluate(`localStorage.setItem('hallpass.pass', ${JSON.stringify(ended)})`);
    await page.goto(`${OWN}me`);
    await isAsked(page);
    expect(await page.evaluate(STORE)).toBe(EMPTY);
    const token = pass({ user: 'gone@example.edu' });
    await page.evaluate(`localStorage.setItem('hallpass.pass', ${JSON.stringify(token)})`);
    await fetch(`${gateway.url}/scoped-jwt?user=gone%40example.edu`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    await page.reload();
    await page.getByText('This pass was taken back.').waitFor();
    expect(await page.evaluate(STORE)).toBe(EMPTY);
  });

  test('leaves the stored pass alone when a link brings another one', async () => {
    const page = await open(OWN, `me#${pass()}`);
    await box(page).check();
    const before = await page.evaluate(STORE);
    const other = await open(OWN, `me#${pass({ user: 'bob@example.edu' })}`);
    await other.getByText('bob@example.edu').first().waitFor();
    expect(await box(other).isChecked()).toBe(false);
    await other.getByRole('button', { name: 'Use another pass' }).click();
    expect(await other.evaluate(STORE)).toBe(before);
  });

  test('is not offered for a key', async () => {
    const page = await open(OWN, `me#${gateway.key}`);
    await page.getByText('No limit of its own applies.').waitFor();
    expect(await box(page).count()).toBe(0);
  });

  test.each([
    ['this machine', '', 'me'],
    ['a host of API Gateway', 'https://a1b2.execute-api.eu-west-1.amazonaws.com/prod/', 'me'],
    ['a host of CloudFront', 'https://d111.cloudfront.net/', 'me'],
    ['an address', 'https://192.0.2.7/', 'me'],
    ['a path below a host that others share', `${OWN}ai/`, 'me'],
    ['a host without https', 'http://models.example.edu/', 'me'],
  ])('is not offered at %s', async (_, base, path) => {
    const page = await open(
      base === '' ? gateway.url.replace(/v1$/, '') : base,
      `${path}#${pass()}`,
    );
    await isShown(page);
    expect(await box(page).count()).toBe(0);
    expect(await page.evaluate(STORE)).toBe(EMPTY);
  });

  test('is not offered in the console, which has a server key', async () => {
    const page = await open(OWN, 'console');
    await page.getByLabel('Server key').fill(gateway.key);
    await page.getByRole('button', { name: 'Open the console' }).click();
    await page.getByRole('heading', { name: 'Key demo' }).waitFor();
    expect(await page.getByRole('checkbox').count()).toBe(0);
    expect(await page.evaluate(STORE)).toBe(EMPTY);
  });
});
