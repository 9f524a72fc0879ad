/**
 * Sign-in as a person sees it: a real browser, a gateway with sign-in, and a real OpenID provider on this machine.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PAGE_STYLE } from '../../core/sign-in/page-style.ts';
import { endServer, listen } from '../../local/listen.ts';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import {
  ADA,
  CLIENT_ID,
  type LocalProvider,
  startLocalProvider,
} from '../support/local-provider.ts';
import { expectUsableOnEachScreen, type Visit, visit } from '../support/page-visit.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor } from '../support/web-visitor.ts';

test('the pages of sign-in have the colours of the other pages', async () => {
  const all = await readFile(new URL('../../pages/style.css', import.meta.url), 'utf8');
  const rules = [...PAGE_STYLE.matchAll(/--[\w-]+: light-dark\([^)]*\);/g)].map(([rule]) => rule);
  expect(rules).toHaveLength(8);
  expect(rules.filter((rule) => !all.includes(rule))).toEqual([]);
});

describe.skipIf(!hasBrowser)('sign-in in a browser', () => {
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
  });
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

  /** Begins as a command on this computer does; the page that asks the person follows the login. */
  const authorizeUrl = (redirectUri: string): string => {
    const challenge = createHash('sha256').update('v'.repeat(43)).digest('base64url');
    const parameters = {
      response_type: 'code',
      client_id: 'hallpass',
      redirect_uri: redirectUri,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'state-of-the-client',
    };
    return `${gateway.root}/oauth/authorize?${new URLSearchParams(parameters)}`;
  };
  const sizeOf = async (page: Page, name: string) => {
    const { width, height } = (await page.getByRole('button', { name }).boundingBox()) ?? {};
    return { width, height };
  };
  const expectAlike = async (page: Page) =>
    expect(await sizeOf(page, 'Decline')).toEqual(await sizeOf(page, 'Give access'));

  test.each([
    ['Give access', /^\/callback\?state=state-of-the-client&iss=[^&]+&code=/],
    ['Decline', /^\/callback\?state=state-of-the-client&iss=[^&]+&error=access_denied$/],
  ])('asks before a command gets access: "%s" leads back to it', async (button, expected) => {
    const asked: string[] = [];
    const client = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('back');
    });
    const url = await listen(client);
    const { page, faults, close } = await visit(browser, authorizeUrl(`${url}/callback`));
    await page.getByRole('heading', { name: 'Give access?' }).waitFor();
    const text = await page.locator('main').innerText();
    for (const shown of [
      'ada@example.edu',
      `the command "hallpass" on this computer, port ${new URL(url).port}`,
      'all models of this gateway',
      '$10 a week',
    ]) {
      expect(text).toContain(shown);
    }
    expect(asked).toEqual([]);
    expect(await faults()).toEqual([]);
    const titles: string[] = [];
    page.on('domcontentloaded', async () => titles.push(await page.title().catch(() => '')));
    await page.getByRole('button', { name: button }).click();
    await expect.poll(() => asked[0]).toMatch(expected);
    await expect.poll(() => page.url()).toMatch(/\/callback\?/);
    await close();
    await endServer(client);
  });

  /** Asks for access as a device without a browser does. */
  async function begin() {
    const { body } = await gateway.post('/oauth/device_authorization', { client_id: 'hallpass' });
    return { deviceCode: String(body.device_code), userCode: String(body.user_code) };
  }
  const poll = async (deviceCode: string) => {
    const { body } = await gateway.post('/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: deviceCode,
      client_id: 'hallpass',
    });
    return body.error ?? 'given';
  };
  async function type(page: Page, userCode: string): Promise<void> {
    await page.getByLabel('Code').fill(userCode);
    await page.getByRole('button', { name: 'Continue' }).click();
  }

  test.each([
    ['Give access', 'Your device has access', 'given'],
    ['Decline', 'You declined', 'access_denied'],
  ])('shows who asks before a device gets access: "%s"', async (button, title, outcome) => {
    const { deviceCode, userCode } = await begin();
    const { page, faults, close } = await visit(browser, `${gateway.root}/`);
    await page.getByRole('link', { name: 'Type the code, and see who asks' }).click();
    await type(page, 'WRNGCODE');
    await page.getByText('This code is not in force').waitFor();
    await page.goto(`${gateway.root}/device/?a=b`);
    expect(page.url()).toBe(`${gateway.root}/device?a=b`);
    await type(page, userCode.toLowerCase());
    await page.getByRole('heading', { name: 'Is this your device?' }).waitFor();
    const text = await page.locator('main').innerText();
    for (const shown of ['the command "hallpass"', '127.0.0.1', ' UTC']) {
      expect(text).toContain(shown);
    }
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Give access?' }).waitFor();
    expect(await page.locator('main').innerText()).toContain('on another machine');
    await page.getByRole('button', { name: button }).click();
    await page.getByRole('heading', { name: title }).waitFor();
    expect(await poll(deviceCode)).toBe(outcome);
    expect(await faults()).toEqual([]);
    await close();
  });

  describe('in one tab', () => {
    let tab: Visit;
    beforeAll(async () => {
      tab = await visit(browser, `${gateway.root}/llms.txt`);
    });
    afterAll(() => tab?.close());

    // guarantee: pages-for-everyone
    test('the first page offers sign-in, and axe finds nothing', async () => {
      const { page, faults } = tab;
      await page.goto(`${gateway.root}/`);
      await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor();
      await expectUsableOnEachScreen(page, 'landing-sign-in');
      expect(await faults()).toEqual([]);
    });

    test('the page of a pass that ended offers sign-in, and axe finds nothing', async () => {
      const ended = gateway.sign({ iat: 1_700_000_000, exp: 1_700_000_060 });
      const { page, faults } = tab;
      await page.goto(`${gateway.root}/me#${ended}`);
      await page.getByText(/^This pass ended/).waitFor();
      await expectUsableOnEachScreen(page, 'me-sign-in');
      await page.getByRole('button', { name: 'Use another pass' }).click();
      await page.getByLabel('Pass or key').waitFor();
      await expectUsableOnEachScreen(page, 'me-asks-sign-in');
      expect(await faults()).toEqual([]);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'ada@example.edu' }).waitFor();
    });

    test('the page after a login says who signed in, and axe finds nothing', async () => {
      const { page, faults } = tab;
      await showDone(page);
      await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
      expect(await page.locator('main').innerText()).toContain('ada@example.edu');
      await expectUsableOnEachScreen(page, 'sign-in-done');
      expect(await faults()).toEqual([]);
      await page.getByRole('link', { name: 'Open your page' }).click();
      await page.getByRole('heading', { name: 'ada@example.edu' }).waitFor();
    });

    test('the page that asks for access declines as easily as it allows, and axe finds nothing', async () => {
      const url = authorizeUrl('http://127.0.0.1:8400/callback');
      const { page, faults } = tab;
      await page.goto(url);
      await page.getByRole('heading', { name: 'Give access?' }).waitFor();
      await expectUsableOnEachScreen(page, 'sign-in-asks', () => expectAlike(page));
      expect(await faults()).toEqual([]);
    });

    test('the pages of a device are used by everyone, and axe finds nothing', async () => {
      const { userCode } = await begin();
      const { page, faults } = tab;
      await page.goto(`${gateway.root}/device`);
      await expectUsableOnEachScreen(page, 'device-code');
      await type(page, userCode);
      await page.getByRole('heading', { name: 'Is this your device?' }).waitFor();
      await expectUsableOnEachScreen(page, 'device-asks');
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Give access?' }).waitFor();
      await expectUsableOnEachScreen(page, 'device-confirm', () => expectAlike(page));
      expect(await faults()).toEqual([]);
    });

    test('the page of a refusal says why, and axe finds nothing', async () => {
      provider.claims = { ...ADA, email: 'eve@evil.example' };
      const { page, faults } = tab;
      await page.goto(`${gateway.root}/oauth/login`);
      await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
      expect(await page.locator('main').innerText()).toContain(
        'Your e-mail address is not of a domain that may sign in.',
      );
      await expectUsableOnEachScreen(page, 'sign-in-refused');
      expect(await faults()).toEqual([]);
    });
  });
});
