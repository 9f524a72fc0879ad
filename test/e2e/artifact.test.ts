/**
 * The page examples/artifact.html opened from disk: it answers while its token is valid, and then shows its static
 * content.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const ARTIFACT = fileURLToPath(new URL('../../examples/artifact.html', import.meta.url));
const BASE_URL = 'http://127.0.0.1:8787/v1';

describe.skipIf(!hasBrowser)('a page with a token inside, from disk', () => {
  let folder: string;
  let browser: Browser;
  let gateway: TestGateway;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-artifact-'));
    gateway = await startTestGateway();
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function openWith(token: string, baseUrl = gateway.url): Promise<Page> {
    const html = (await readFile(ARTIFACT, 'utf8'))
      .replace('TOKEN_GOES_HERE', token)
      .replace(BASE_URL, baseUrl);
    const file = join(folder, 'page.html');
    await writeFile(file, html);
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    return page;
  }

  const ask = (page: Page) => page.click('button');
  const isLive = async (page: Page) => [
    await page.isVisible('#live'),
    await page.isVisible('#static'),
  ];
  const revoke = (token: string) =>
    fetch(`${gateway.url}/scoped-jwt?${new URLSearchParams({ jwtoken: token })}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${gateway.key}` },
    });

  test('streams an answer', async () => {
    const page = await openWith(gateway.sign({ models: ['demo/echo'], spending_limit: 0.05 }));
    await page.waitForSelector('body.live');
    await ask(page);
    await page.waitForFunction(
      "document.querySelector('output').value === 'echo: Why is the sunset red?'",
    );
    expect(await isLive(page)).toEqual([true, false]);
    await page.close();
  });

  test.each([
    ['has expired', async () => gateway.sign({ exp: 1_000_000_000, iat: 999_999_000 })],
    [
      'was revoked',
      async () => {
        const token = gateway.sign({ jti: 'gone' });
        await revoke(token);
        return token;
      },
    ],
    [
      'is spent',
      async () => {
        const sign = (limit: number) => gateway.sign({ jti: 'spent', spending_limit: limit });
        await fetch(`${gateway.url}/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${sign(1)}` },
          body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'a' }] }),
        });
        return sign(0.000_000_001);
      },
    ],
  ])('shows its static content if its token %s', async (_, makeToken) => {
    const page = await openWith(await makeToken());
    await page.waitForSelector('body.static');
    expect(await isLive(page)).toEqual([false, true]);
    expect(await page.textContent('#static')).toContain('Sunlight is scattered');
    await page.close();
  });

  test('shows its static content if the gateway cannot be reached', async () => {
    const page = await openWith(gateway.sign(), 'http://127.0.0.1:9/v1');
    await page.waitForSelector('body.static');
    expect(await isLive(page)).toEqual([false, true]);
    await page.close();
  });

  test.each([
    ['is revoked', { jti: 'open' }, revoke],
    ['does not afford an answer', { spending_limit: 0.000_000_001 }, async () => {}],
  ])(
    'changes to its static content when its token %s while the page is open',
    async (_, claims, end) => {
      const token = gateway.sign(claims);
      const page = await openWith(token);
      await page.waitForSelector('body.live');
      await end(token);
      await ask(page);
      await page.waitForSelector('body.static');
      expect(await isLive(page)).toEqual([false, true]);
      await page.close();
    },
  );
});
