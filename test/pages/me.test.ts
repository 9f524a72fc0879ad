/** The holder's page in a real browser, from `npm start`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signScopedToken } from '../../core/tokens/scoped-token.ts';
import { hasBrowser, startBrowser, takeScreenshot } from '../support/browser.ts';
import {
  expectOnEachScreen,
  findUnreached,
  isTooWide,
  SIZES,
  type Visit,
  visit,
} from '../support/page-visit.ts';
import { type Started, start } from '../support/start-process.ts';

const HOUR_SECONDS = 3_600;

describe.skipIf(!hasBrowser)('the page of a pass', () => {
  let folder: string;
  let gateway: Started;
  let browser: Browser;
  let root: string;
  let tab: Visit;
  let loads = 0;
  const output: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-me-'));
    gateway = await start(['--ephemeral'], folder);
    for (const stream of [gateway.process.stdout, gateway.process.stderr]) {
      stream?.on('data', (chunk) => output.push(String(chunk)));
    }
    root = gateway.ready.url.replace(/v1$/, '');
    browser = await startBrowser();
    tab = await visit(browser, `${root}llms.txt`);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.end();
    await rm(folder, { recursive: true, force: true });
  });

  function sign(claims: Readonly<Record<string, unknown>>): string {
    const { account, key } = gateway.ready;
    const iat = Math.floor(Date.now() / 1000);
    const signer = { account, keyName: 'demo', key };
    return signScopedToken(signer, { sub: account, iat, exp: iat + HOUR_SECONDS, ...claims });
  }
  const pass = (jti: string, more: object = {}) =>
    sign({ jti, user: `${jti}@example.edu`, spending_limit: 2, models: ['demo/echo'], ...more });
  const spend = (token: string) =>
    fetch(`${gateway.ready.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hi' }] }),
    }).then((response) => response.text());
  const aboutKey = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${gateway.ready.url}/key`, { headers });
    return ((await response.json()) as { data: { usage: number; limit_remaining: number } }).data;
  };
  /** Loads the page anew in the tab: a tab for each test would take a process of the browser. */
  async function open(token: string): Promise<Visit> {
    loads += 1;
    await tab.page.setViewportSize(SIZES.laptop);
    // A pass that comes while the page is open is asked about; another query makes it another page.
    await tab.page.goto(`${root}me?${loads}#${token}`);
    return tab;
  }
  const openAlone = (token: string) => visit(browser, `${root}me#${token}`);
  const words = async (page: Page) => (await page.locator('main').innerText()).replace(/\s+/g, ' ');

  /** The states of the page, the credential that leads there, and what the holder reads. */
  const STATES: readonly (readonly [string, () => Promise<string>, string])[] = [
    ['in use', async () => pass('ada'), 'of $2.00 left'],
    ['without a limit', async () => gateway.ready.key, 'No limit of its own applies.'],
    [
      'spent',
      async () => {
        await spend(pass('spent'));
        return pass('spent', { spending_limit: 0.000_000_001 });
      },
      'Nothing is left. Ask demo for more.',
    ],
    [
      'expired',
      async () => pass('old', { iat: 1_700_000_000, exp: 1_700_000_060 }),
      'This pass ended 14 November 2023, 23:14, 3 years ago.',
    ],
    [
      'taken back',
      async () => {
        const token = pass('gone');
        await fetch(`${gateway.ready.url}/scoped-jwt?user=gone%40example.edu`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${gateway.ready.key}` },
        });
        return token;
      },
      'This pass was taken back.',
    ],
    [
      'blocked',
      async () => {
        await spend(pass('blocked'));
        const response = await fetch(`${gateway.ready.url}/users/token%3Ablocked%40example.edu`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${gateway.ready.key}` },
          body: JSON.stringify({ blocked: 'shared their pass <b>' }),
        });
        expect(response.status).toBe(200);
        return pass('blocked');
      },
      'You are blocked. No model answers you. The reason: shared their pass <b>. Ask demo.',
    ],
    [
      'not yet begun',
      async () => pass('soon', { nbf: Math.floor(Date.now() / 1000) + 600 }),
      'This pass does not begin yet.',
    ],
    ['unknown', async () => 'jwt:a.b.c', 'This gateway does not know this pass.'],
    ['asked for', async () => '', 'Paste your pass to see what is left'],
  ];

  // guarantee: pages-for-everyone
  test.each(STATES)(
    'a pass that is %s has words of its own on every screen, and axe finds nothing',
    async (state, make, text) => {
      const { page, faults, settled } = await open(await make());
      await expect.poll(() => words(page)).toContain(text);
      await settled();
      await expectOnEachScreen(page, `me-${state.replaceAll(' ', '-')}`, async (screen) => {
        expect(await words(page), screen).toContain(text);
      });
      expect(await faults()).toEqual([]);
    },
  );

  test('begins with one figure: what is left, as the gateway counts it', async () => {
    const token = pass('figure');
    await spend(token);
    const { page } = await open(token);
    const left = await page.locator('.left').getAttribute('data-left');
    expect(Number(left)).toBe((await aboutKey(token)).limit_remaining);
    expect(await words(page)).toMatch(/^figure@example\.edu \$1\.99 of \$2\.00 left/);
  });

  test('streams an answer and then says what it cost, to the nano-dollar', async () => {
    const token = pass('try');
    const { page } = await open(token);
    await page.getByLabel('Your question').fill('one two three');
    await page.getByRole('button', { name: 'Ask' }).click();
    const cost = page.getByText('That cost');
    await cost.waitFor();
    expect(await page.locator('.answer').innerText()).toBe('echo: one two three');
    const { usage } = await aboutKey(token);
    expect(await cost.getAttribute('data-nano')).toBe(String(Math.round(usage * 1e9)));
  });

  test('says so when an answer breaks off, and shows what came of it', async () => {
    const { page } = await open(pass('broken'));
    const first = `data: ${JSON.stringify({ choices: [{ delta: { content: 'Once upon' } }] })}\n\n`;
    const last = `data: ${JSON.stringify({ error: { code: 'upstream_error', message: 'The provider broke off.' } })}\n\n`;
    await page.route(
      '**/v1/chat/completions',
      (route) => route.fulfill({ contentType: 'text/event-stream', body: first + last }),
      { times: 1 },
    );
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('The answer broke off.').waitFor();
    await page.getByText('The provider broke off.').waitFor();
    expect(await page.locator('.answer').innerText()).toBe('Once upon');
  });

  test('says so when the gateway goes away, and tries again', async () => {
    const { page } = await open('');
    await page.getByLabel('Pass or key').fill(pass('away'));
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Show my pass' }).click();
    await page.getByText('The gateway does not answer now.').waitFor();
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('of $2.00 left').first().waitFor();
  });

  // guarantee: pages-keep-the-credential
  test('keeps the pass out of addresses, requests, title, history, storage and logs', async () => {
    const token = pass('secret');
    const secret = token.slice(-43);
    const { page, requests, settled, close } = await openAlone(token);
    await page.getByRole('heading', { name: 'Set up' }).waitFor();
    await settled();
    expect(page.url()).toBe(`${root}me`);
    expect(requests.length).toBeGreaterThan(5);
    const [, ...later] = requests; // The first is the link itself, of which a browser sends no fragment.
    expect(later.filter((line) => line.includes(secret))).toEqual([]);
    expect(requests.map((line) => new URL(line.split(' ')[1] ?? '').origin)).toEqual(
      requests.map(() => new URL(root).origin),
    );
    expect(await page.title()).toBe('Your pass · Hallpass');
    expect(await page.evaluate('[localStorage.length, sessionStorage.length]')).toEqual([0, 0]);
    expect(await page.context().cookies()).toEqual([]);
    await page.goto(`${root}llms.txt`);
    await page.goBack();
    expect(page.url()).toBe(`${root}me`);
    expect(output.join('')).not.toContain(secret);
    await close();
  });

  test('asks before it uses a pass that comes while it is open', async () => {
    const { page, close } = await openAlone(pass('first'));
    await page.getByText('first@example.edu').first().waitFor();
    await page.evaluate(`location.hash = ${JSON.stringify(pass('second'))}`);
    await page.getByText('Use this pass?').waitFor();
    expect(page.url()).toBe(`${root}me`);
    expect(await words(page)).toContain('a pass of second@example.edu, given by demo');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByText('of $2.00 left').first().waitFor();
    expect(await words(page)).toMatch(/^second@example\.edu/);
    await close();
  });

  // guarantee: pages-show-text
  test.each([
    ['markup', '<img src=x onerror=alert(1)>'],
    ['marks that turn text around', '\u202Eevil\u2066@example.edu'],
    ['128 characters', 'w'.repeat(128)],
  ])('shows a user id of %s as text', async (_, user) => {
    const { page, faults } = await open(pass('hostile', { user }));
    await page.setViewportSize(SIZES.phone);
    await page.locator('.left').waitFor();
    expect(await page.locator('h1').textContent()).toBe(user);
    expect(await page.locator('main img').count()).toBe(0);
    expect(await isTooWide(page)).toBe(false);
    expect(await faults()).toEqual([]);
  });

  test('is used by keyboard alone', async () => {
    const { page, settled } = await open(pass('keys'));
    await page.getByRole('heading', { name: 'Try it' }).waitFor();
    await settled();
    expect(await findUnreached(page)).toEqual([]);
    await page.getByRole('button', { name: 'Show the pass' }).focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('pre').innerText()).toContain(pass('keys').slice(0, 40));
  });

  test('prints as a card: the pass and its code, and nothing else', async () => {
    const { page, close } = await openAlone(pass('print'));
    await page.getByRole('heading', { name: 'Set up' }).waitFor();
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('.qr').isVisible()).toBe(true);
    expect(await page.locator('.left').isVisible()).toBe(true);
    expect(await page.getByText('Try it').isVisible()).toBe(false);
    await takeScreenshot(page, 'me-printed');
    await close();
  });

  // guarantee: pages-are-small
  test('loads less than 30 kB, and shows something at once', async () => {
    const { page, close } = await openAlone(pass('weight'));
    await page.locator('.left').waitFor();
    const [bytes, paintMs] = (await page.evaluate(`[
      performance.getEntries().filter(({ name, entryType }) => ['navigation', 'resource'].includes(entryType) && !name.includes('/v1/'))
        .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
      performance.getEntriesByName('first-contentful-paint')[0].startTime,
    ]`)) as [number, number];
    console.log(`/me: ${bytes} bytes, first contentful paint after ${Math.round(paintMs)} ms`);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(30_000);
    await close();
  });
});
