/**
 * Pages with OpenAI's SDK in them, as a page of a user would bundle it: served from another origin than the gateway's,
 * and opened from disk.
 */
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { listen } from '../../local/listen.ts';
import { startBrowser } from './browser.ts';

/** A page's script: the SDK as a global of the page, under a name of ours. */
async function bundleSdk(): Promise<string> {
  const source = `
    import OpenAI from 'openai';
    Object.assign(globalThis, { PageOpenAI: OpenAI });`;
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
  });
  return outputFiles[0]?.text ?? '';
}

const pageOf = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><title>page</title><script>${script.replaceAll('</script', '<\\/script')}</script>`;

export interface SdkPages {
  /** A page of another origin than the gateway's, its SDK loaded. */
  openFromServer(): Promise<Page>;
  /** The same page as a file, whose origin is `null`. */
  openFromDisk(): Promise<Page>;
  readonly origin: string;
  close(): Promise<void>;
}

/** @param folder for the page that is opened from disk */
export async function startSdkPages(folder: string): Promise<SdkPages> {
  const html = pageOf(await bundleSdk());
  const file = join(folder, 'page.html');
  await writeFile(file, html);
  const server: Server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(html);
  });
  const origin = (await listen(server)).replace('127.0.0.1', 'localhost');
  const browser = await startBrowser();
  const open = async (url: string): Promise<Page> => {
    const page = await browser.newPage();
    await page.goto(url);
    return page;
  };
  return {
    origin,
    openFromServer: () => open(origin),
    openFromDisk: () => open(pathToFileURL(file).href),
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
