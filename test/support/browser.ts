/**
 * A real browser without a window, for tests of pages. Each page of `browser.newPage()` has cookies, storage and a cache
 * of its own. Web security is on: cross-origin rules and content security policies hold.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults, RunOptions } from 'axe-core';
import { type Browser, type Page, chromium as playwright } from 'playwright-core';
import { chromium } from './chromium.ts';

/** False only where tests of pages are skipped: not on Linux x64, and HALLPASS_CHROMIUM names no browser. */
export const hasBrowser = chromium !== undefined;

/** The last one draws text the same on every machine. */
const ARGS = ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'];

/** @throws Error if this machine has no browser; check `hasBrowser` first */
export async function startBrowser(): Promise<Browser> {
  if (chromium === undefined) throw new Error('this machine has no Chromium');
  return await playwright.launch({ ...chromium, args: ARGS });
}

const SCREENSHOT_TRIES_MAX = 5;

/** Writes the whole page to `<name>.png` in a folder. Without a folder it does nothing: no test judges a picture. */
export async function takeScreenshot(
  page: Page,
  name: string,
  folder = process.env.HALLPASS_SCREENSHOTS,
): Promise<void> {
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  for (let tries = 1; ; tries += 1) {
    try {
      const path = join(folder, `${name}.png`);
      await page.screenshot({ path, fullPage: true, animations: 'disabled' });
      return;
    } catch (error) {
      // Chromium sometimes has no frame to capture on a busy machine.
      const isMissed = error instanceof Error && error.message.includes('Unable to capture');
      if (!isMissed || tries === SCREENSHOT_TRIES_MAX) throw error;
      await page.evaluate('new Promise(requestAnimationFrame)');
    }
  }
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Returns what hinders people with disabilities, as axe-core finds it: `color-contrast: #limits .used`. */
export async function findAccessibilityProblems(page: Page): Promise<readonly string[]> {
  const found = await page.evaluate(runAxe);
  if (found !== undefined) return found;
  await page.evaluate(await readFile(AXE, 'utf8'));
  return (await page.evaluate(runAxe)) ?? ['axe-core is not in the page'];
}

/** Runs in the page. @returns undefined if axe-core is not there yet */
async function runAxe(): Promise<readonly string[] | undefined> {
  const { axe } = globalThis as unknown as {
    axe?: { run(options: RunOptions): Promise<AxeResults> };
  };
  // By itself axe lists, and says where it is, also what has no fault.
  const results = await axe?.run({ resultTypes: ['violations'] });
  return results?.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target }) => `${id}: ${target.join(' ')}`),
  );
}
