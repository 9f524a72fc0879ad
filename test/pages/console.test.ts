/** The owner's console in a real browser, from `npm start`. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signScopedToken } from '../../core/tokens/scoped-token.ts';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import { runHere } from '../support/hallpass-command.ts';
import {
  expectOnEachScreen,
  findUnreached,
  SIZES,
  type Visit,
  visit,
} from '../support/page-visit.ts';
import { type Started, start } from '../support/start-process.ts';

const HOSTILE = '<img src=x onerror=alert(1)>\u202E';
const USERS = ['ada@example.edu', 'lin@example.edu', HOSTILE];

describe.skipIf(!hasBrowser)('the console of a key', () => {
  let folder: string;
  let gateway: Started;
  let browser: Browser;
  let root: string;
  let tab: Visit;
  let loads = 0;
  const output: string[] = [];

  const sign = (claims: Readonly<Record<string, unknown>>): string => {
    const { account, key } = gateway.ready;
    const iat = Math.floor(Date.now() / 1000);
    const signer = { account, keyName: 'demo', key };
    return signScopedToken(signer, { sub: account, iat, exp: iat + 3_600, ...claims });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-console-'));
    gateway = await start(['--data', 'data'], folder);
    for (const stream of [gateway.process.stdout, gateway.process.stderr]) {
      stream?.on('data', (chunk) => output.push(String(chunk)));
    }
    root = gateway.ready.url.replace(/v1$/, '');
    for (const [index, user] of USERS.entries()) {
      const response = await fetch(`${gateway.ready.url}/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${sign({ jti: `first-${index}`, user, spending_limit: 2 })}`,
          'x-conversation-id': `conversation-${index}`,
        },
        body: JSON.stringify({
          model: 'demo/echo',
          messages: [{ role: 'user', content: 'word '.repeat(index + 1) }],
        }),
      });
      await response.text();
    }
    browser = await startBrowser();
    tab = await visit(browser, `${root}llms.txt`, {}, { acceptDownloads: true });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.end();
    await rm(folder, { recursive: true, force: true });
  });

  async function enter(page: Page, key = gateway.ready.key): Promise<void> {
    await page.getByLabel('Server key').fill(key);
    await page.getByRole('button', { name: 'Open the console' }).click();
  }
  /** Loads the page anew in the tab: a tab for each test would take a process of the browser. */
  async function load(hash = ''): Promise<Visit> {
    loads += 1;
    await tab.page.setViewportSize(SIZES.laptop);
    await tab.page.goto(`${root}console?${loads}${hash}`);
    return tab;
  }
  async function open(view: string): Promise<Visit> {
    await load(`#view=${view}`);
    await enter(tab.page);
    await tab.page.getByRole('heading', { name: 'Key demo' }).waitFor();
    return tab;
  }

  const VIEWS = [
    ['overview', 'Spend a day, by model'],
    ['people', 'ada@example.edu'],
    ['conversations', 'conversation-1'],
    ['passes', 'Issue passes for a class'],
  ] as const;

  describe('opened once', () => {
    beforeAll(() => open('overview'));

    async function show(view: string): Promise<Page> {
      await tab.page.goto(tab.page.url().replace(/#.*|$/, `#view=${view}`));
      return tab.page;
    }

    // guarantee: pages-for-everyone
    test.each(VIEWS)(
      'shows its view "%s" on every screen, and axe finds nothing',
      async (view, text) => {
        await expectOnEachScreen(await show(view), `console-${view}`, () =>
          tab.page.getByText(text).first().waitFor(),
        );
        expect(await tab.faults()).toEqual([]);
      },
    );

    test.each(VIEWS)('is used by keyboard alone in its view "%s"', async (view, text) => {
      await tab.page.setViewportSize(SIZES.laptop);
      const page = await show(view);
      await page.getByText(text).first().waitFor();
      expect(await findUnreached(page)).toEqual([]);
    });
  });

  test('asks for its key on every screen, and axe finds nothing', async () => {
    const { page } = await load();
    await expectOnEachScreen(page, 'console-key', () => page.getByLabel('Server key').waitFor());
  });

  // guarantee: pages-count-exactly
  test('shows what "hallpass usage" shows, to the nano-dollar', async () => {
    const args = [
      'usage',
      '--by',
      'model',
      '--json',
      '--data',
      join(folder, 'data'),
      '--key',
      'demo',
    ];
    const { stdout, stderr } = await runHere(args);
    expect(stderr).toBe('');
    const { total } = JSON.parse(stdout);
    const { page } = await open('overview');
    const spent = page.locator('.stat b [data-nano]').first();
    expect(await spent.getAttribute('data-nano')).toBe(String(Math.round(total.usd * 1e9)));
    expect(total.usd).toBeGreaterThan(0);
    const rows = await page
      .locator('td [data-nano]')
      .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-nano')));
    expect(rows).toEqual([String(Math.round(total.usd * 1e9))]);
  });

  test.each([
    ['a client key', () => gateway.ready.clientKey, 'This gateway does not know this key.'],
    [
      'an unknown key',
      () => `${gateway.ready.key.slice(0, -1)}!`,
      'This gateway does not know this key.',
    ],
  ])('says what is wrong with %s', async (_, keyOf, words) => {
    const { page } = await load();
    await enter(page, keyOf());
    await page.getByText(words).waitFor();
  });

  // guarantee: pages-keep-the-credential
  test('keeps its key in memory alone: a reload asks for it, and nothing else has it', async () => {
    const { page, requests, close } = await visit(browser, `${root}console#view=people`);
    await enter(page);
    const secret = gateway.ready.key.slice(6);
    await page.getByText('ada@example.edu').waitFor();
    expect(page.url()).toBe(`${root}console#view=people`);
    expect(requests.filter((line) => line.includes(secret))).toEqual([]);
    expect(await page.evaluate('[localStorage.length, sessionStorage.length]')).toEqual([0, 0]);
    expect(await page.context().cookies()).toEqual([]);
    expect(await page.title()).toBe('Console · Hallpass');
    await page.reload();
    await page.getByLabel('Server key').waitFor();
    await page.evaluate(`location.hash = ${JSON.stringify(gateway.ready.key)}`);
    await expect.poll(() => page.url()).toBe(`${root}console`);
    expect(output.join('')).not.toContain(secret);
    await close();
  });

  test('opens from an address with a broken escape', async () => {
    const { page, faults } = await load('#view=people&find=100%');
    await enter(page);
    await expect.poll(() => page.getByLabel('Find a person').inputValue()).toBe('100%');
    expect(await faults()).toEqual([]);
  });

  test('keeps its filters in the address, so that a link shows the same', async () => {
    const { page } = await open('overview');
    await page.getByRole('button', { name: '90 days' }).click();
    await page.getByRole('button', { name: 'People' }).click();
    await page.getByLabel('Find a person').fill('lin');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    const url = page.url();
    expect(url).toContain('view=people&days=90&find=lin');
    const again = await visit(browser, url);
    await enter(again.page);
    await again.page.getByText('lin@example.edu').waitFor();
    expect(await again.page.locator('tbody tr').count()).toBe(1);
    await again.close();
  });

  // guarantee: pages-show-text
  test('shows a hostile user id as text, and exports no formula', async () => {
    const { page, requests, faults } = await open('people');
    const cell = page.locator('bdi', { hasText: '<img' });
    expect(await cell.textContent()).toBe(HOSTILE);
    expect(await page.locator('main img').count()).toBe(0);
    expect(await faults()).toEqual([]);
    expect(new Set(requests.map((line) => new URL(line.split(' ')[1] ?? '').origin))).toEqual(
      new Set([new URL(root).origin]),
    );
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export CSV' }).click(),
    ]);
    const text = await readFile(await download.path(), 'utf8');
    expect(text.split('\r\n')[0]).toMatch(/^id,user,email,usage_usd,/);
    expect(text).toContain('ada@example.edu');
    expect(text.split(/\r\n|,/).filter((each) => /^[=+\-@]/.test(each))).toEqual([]);
  });

  test('signs a pass in the page, which the gateway accepts as it was meant', async () => {
    const { page, requests } = await open('passes');
    await page.getByLabel('Person').fill('eve@example.edu');
    await page.getByLabel('Dollars, in all').first().fill('0.5');
    await page.getByLabel('Models, with commas').first().fill('demo/echo');
    const before = requests.length;
    await page.getByRole('button', { name: 'Sign the pass' }).click();
    const token = await page.getByLabel('The pass. It is not kept: copy it now').inputValue();
    expect(requests.slice(before).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      `GET ${root}v1/key`,
    ]);
    const headers = { authorization: `Bearer ${token}` };
    const { data } = (await (await fetch(`${root}v1/key`, { headers })).json()) as {
      data: object;
    };
    expect(data).toMatchObject({ user: 'eve@example.edu', limit: 0.5, models: ['demo/echo'] });
    await page.getByLabel('Pass', { exact: true }).fill(token);
    await page.getByRole('button', { name: 'Show it' }).click();
    await page.getByText('$0.50 of $0.50 left').waitFor();
    await page.getByRole('button', { name: 'Take it back…' }).click();
    await page.getByRole('button', { name: 'Take it back', exact: true }).click();
    await page.getByText('It is taken back, within ten seconds.').waitFor();
    expect(requests.filter((line) => line.includes(token.slice(-40)))).toEqual([]);
  });

  test('refuses to hand out a pass that ends later than the key allows', async () => {
    const { page } = await open('passes');
    await page.getByLabel('Ends in').first().selectOption('120 days');
    await page.getByRole('button', { name: 'Sign the pass' }).click();
    await page.getByText('It ends later than the key allows. Choose an earlier end.').waitFor();
  });

  const upload = (page: Page, text: string) =>
    page.getByLabel('CSV with the columns email, name, section').setInputFiles({
      name: 'class.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(text),
    });

  test('signs passes for a class from a CSV, and names the line of a wrong row', async () => {
    const { page } = await open('passes');
    const button = page.getByRole('button', { name: 'Sign and save' });
    await upload(page, 'email,name\nnobody,Nobody\n');
    await button.click();
    await page.getByText(/^line 2: /).waitFor();
    await upload(
      page,
      '\ufeffName;Email;Section\r\n"=Zoë; ""Z""";ZOE@example.edu;B\r\nMax;max@example.edu;\r\n',
    );
    await page.getByLabel('Period, such as week-12').fill('week-12');
    const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
    const [heading, zoe = '', max = ''] = (await readFile(await download.path(), 'utf8')).split(
      '\r\n',
    );
    expect(heading).toBe('email,name,section,base_url,token,link');
    expect(zoe).toMatch(
      /^zoe@example\.edu,"'=Zoë; ""Z""",B,http:\S+\/v1,jwt:\S+,http:\S+\/me#jwt:/,
    );
    const token = /jwt:[^,]+/.exec(max)?.[0] ?? '';
    const headers = { authorization: `Bearer ${token}` };
    const { data } = (await (await fetch(`${root}v1/key`, { headers })).json()) as {
      data: object;
    };
    expect(data).toMatchObject({
      user: 'max@example.edu',
      label: 'week-12:max@example.edu',
      limit: 2,
    });
  });

  test('gives each student the limit, the models and the end of their row, and none to who is no student', async () => {
    const { page } = await open('passes');
    const button = page.getByRole('button', { name: 'Sign and save' });
    await upload(page, 'email,expires\nann@example.edu,1h\nbob@example.edu,120d\n');
    await button.click();
    await page.getByText('It ends later than the key allows. Choose an earlier end.').waitFor();
    await upload(page, 'email,expires\nann@example.edu,2026-01-01T00:00Z\n');
    await button.click();
    await page.getByText('line 2: the pass would end in the past').waitFor();
    await upload(
      page,
      'Student,SIS Login ID,limit_usd,models,expires\n' +
        '    Points Possible,,,,\n' +
        'Ann,ann@example.edu,0.25,demo/echo,1h\nBob,bob@example.edu,,,\n',
    );
    const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
    const tokens = (await readFile(await download.path(), 'utf8')).match(/jwt:[^,\s]+(?=,)/g) ?? [];
    const about = await Promise.all(
      tokens.map(async (token) => {
        const headers = { authorization: `Bearer ${token}` };
        return ((await (await fetch(`${root}v1/key`, { headers })).json()) as { data: object })
          .data;
      }),
    );
    expect(about).toMatchObject([
      { user: 'ann@example.edu', limit: 0.25, models: ['demo/echo'] },
      { user: 'bob@example.edu', limit: 2, models: null },
    ]);
    const hours = about.map((each) => {
      const { expires_at: end } = each as { expires_at: string };
      return Math.round((Date.parse(end) - Date.now()) / 3_600_000);
    });
    expect(hours).toEqual([1, 168]);
  });
});
