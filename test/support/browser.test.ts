import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen } from '../../local/listen.ts';
import { findAccessibilityProblems, hasBrowser, startBrowser, takeScreenshot } from './browser.ts';
import { findUnreached } from './page-visit.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const HTML = `<!doctype html><html lang="en"><meta charset="utf-8"><title>page</title>
<main><h1>Words</h1><p>prose</p><pre>code ↓</pre><button></button></main>`;
const scratch = makeTemporaryFolder();
const POLICY = "default-src 'none'";

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'Linux x64 always has a browser',
  () => {
    expect(hasBrowser).toBe(true);
  },
);

describe.skipIf(!hasBrowser)('the browser of the tests', () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  let url: string;
  beforeAll(async () => {
    server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.setHeader('content-security-policy', POLICY);
      response.setHeader('set-cookie', 'seen=1');
      response.end(HTML);
    });
    url = `${await listen(server)}/`;
    browser = await startBrowser();
    page = await browser.newPage();
    await page.goto(url);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test('finds a button without a name under a policy that allows no script', async () => {
    expect(await findAccessibilityProblems(page)).toEqual(['button-name: button']);
  });

  test('finds a control that the keyboard does not reach', async () => {
    expect(await findUnreached(page)).toEqual([]);
    await page.evaluate('document.querySelector("button").tabIndex = -1');
    expect(await findUnreached(page)).toEqual(['<button tabindex="-1"></button>']);
  });

  test('writes a screenshot as a PNG file', async () => {
    const folder = join(scratch, 'pictures');
    await takeScreenshot(page, 'browser-helper', folder);
    const bytes = await readFile(join(folder, 'browser-helper.png'));
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
  });

  test('keeps cross-origin rules: another origin without CORS headers cannot be read', async () => {
    const other = url.replace('127.0.0.1', 'localhost');
    const read = page.evaluate((at) => fetch(at).then(({ status }) => status), other);
    await expect(read).rejects.toThrow('Failed to fetch');
  });

  test('gives each page cookies of its own', async () => {
    const second = await browser.newPage();
    expect(await page.context().cookies()).toHaveLength(1);
    expect(await second.context().cookies()).toHaveLength(0);
    await second.close();
  });

  test.runIf(process.env.HALLPASS_CHROMIUM === undefined)(
    'draws code in a monospaced font, and prose in another',
    async () => {
      const session = await page.context().newCDPSession(page);
      await session.send('DOM.enable');
      await session.send('CSS.enable');
      const { root } = await session.send('DOM.getDocument');
      const fontsOf = async (selector: string) => {
        const { nodeId } = await session.send('DOM.querySelector', {
          nodeId: root.nodeId,
          selector,
        });
        const { fonts } = await session.send('CSS.getPlatformFontsForNode', { nodeId });
        return fonts.map(({ familyName }) => familyName);
      };
      expect(await fontsOf('pre')).toEqual(['Noto Sans Mono']);
      expect(await fontsOf('p')).toEqual(['Open Sans']);
    },
  );
});
