/** Pages in a real browser, with a record of all that must not happen: faults, blocked content, other origins, leaks. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { findAccessibilityProblems, takeScreenshot } from './browser.ts';

const HANGS_MS = 300_000;

/** 360 px is the narrowest phone; the other a laptop. */
export const SIZES = { phone: { width: 360, height: 740 }, laptop: { width: 1180, height: 800 } };

export interface Look {
  readonly size: keyof typeof SIZES;
  readonly scheme: 'light' | 'dark';
}

const LOOKS: readonly Look[] = [
  { size: 'laptop', scheme: 'light' },
  { size: 'laptop', scheme: 'dark' },
  { size: 'phone', scheme: 'light' },
  { size: 'phone', scheme: 'dark' },
];

export interface Visit {
  readonly page: Page;
  /** Every request line so far: method, URL, and the page it came from. */
  readonly requests: readonly string[];
  /** Resolves when no request is in flight and what it brought is drawn. */
  settled(): Promise<void>;
  /** Uncaught errors, violations of the content security policy, dialogs. */
  faults(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Opens an address in a context of its own. */
export async function visit(
  browser: Browser,
  url: string,
  { size = 'laptop', scheme = 'light' }: Partial<Look> = {},
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: scheme,
    locale: 'en-GB',
    timezoneId: 'Europe/Zurich',
    // A page that moves is drawn again and again, and measured while it moves.
    reducedMotion: 'reduce',
    ...options,
  });
  // Longer than a test: what hangs ends by the time of the test, on a busy machine too.
  context.setDefaultTimeout(HANGS_MS);
  const page = await context.newPage();
  const requests: string[] = [];
  const faults: string[] = [];
  let inFlight = 0;
  const end = (): void => {
    inFlight -= 1;
  };
  page.on('requestfinished', end);
  page.on('requestfailed', end);
  page.on('request', (request) => {
    inFlight += 1;
    const { referer = '' } = request.headers();
    requests.push(`${request.method()} ${request.url()} ${referer}`);
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('dialog', (dialog) => {
    faults.push(`dialog ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/i.test(message.text())) faults.push(message.text());
  });
  await page.addInitScript(`
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));`);
  await page.goto(url);
  return {
    page,
    requests,
    async settled() {
      await expect.poll(() => inFlight).toBe(0);
      await page.evaluate('new Promise(requestAnimationFrame)');
    },
    faults: async () => [
      ...faults,
      ...((await page.evaluate('globalThis.violations')) as readonly string[]),
    ],
    close: () => context.close(),
  };
}

/**
 * Expects that a page fits each screen, in light and in dark, and that axe finds nothing there. The page is loaded once:
 * sizes and colours are the work of the style sheet alone, as test/pages/files.test.ts checks.
 */
export async function expectOnEachScreen(
  page: Page,
  name: string,
  more: (screen: string) => Promise<void> = async () => {},
): Promise<void> {
  for (const { size, scheme } of LOOKS) {
    const screen = `${name}-${size}-${scheme}`;
    await page.setViewportSize(SIZES[size]);
    await page.emulateMedia({ colorScheme: scheme });
    await expect
      .poll(() => page.evaluate('[innerWidth, matchMedia("(prefers-color-scheme: dark)").matches]'))
      .toEqual([SIZES[size].width, scheme === 'dark']);
    await page.locator('h1').first().waitFor();
    await takeScreenshot(page, screen);
    expect(await findAccessibilityProblems(page), screen).toEqual([]);
    expect(await isTooWide(page), screen).toBe(false);
    await more(screen);
  }
}

/** Expects the same, and that the keyboard reaches each control. */
export const expectUsableOnEachScreen: typeof expectOnEachScreen = (page, name, more) =>
  expectOnEachScreen(page, name, async (screen) => {
    expect(await findUnreached(page), screen).toEqual([]);
    await more?.(screen);
  });

/** Returns true if the page is wider than its window, so that it scrolls sideways. */
export const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > innerWidth');

const INTERACTIVE = 'a[href], button:not(:disabled), input, select, textarea, [tabindex="0"]';
const ROUNDS_MAX = 20;

/** Holds Tab until each visible control had the focus. @returns those that it did not reach, as HTML */
export async function findUnreached(page: Page): Promise<readonly string[]> {
  await page.evaluate(`{
    const reached = new Set();
    addEventListener('focusin', ({ target }) => reached.add(target));
    document.activeElement?.blur?.();
    globalThis.findUnreached = () => [...document.querySelectorAll('${INTERACTIVE}')]
      .filter((each) => each.checkVisibility() && !reached.has(each))
      .map((each) => each.outerHTML.slice(0, 120));
  }`);
  const look = (): Promise<readonly string[]> => page.evaluate('findUnreached()');
  let unreached = await look();
  for (let round = 1; round <= ROUNDS_MAX && unreached.length > 0; round += 1) {
    for (const _ of unreached) await page.keyboard.down('Tab');
    unreached = await look();
  }
  await page.keyboard.up('Tab');
  return unreached;
}
