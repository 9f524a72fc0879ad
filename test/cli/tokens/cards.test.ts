/** The cards of a class, as a browser shows and prints them. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeApiKey } from '../../../core/keys/api-key.ts';
import { hasBrowser, startBrowser, takeScreenshot } from '../../support/browser.ts';
import { runHere } from '../../support/hallpass-command.ts';

const ROSTER =
  'email,name,section\nada@example.edu,"<img src=x onerror=alert(1)>",B\nmax@example.edu,,\n';
const variables = {
  HALLPASS_KEY: makeApiKey(new Uint8Array(32)),
  HALLPASS_KEY_ID: 'acct_test:Y3MxMDE=',
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-cards-'));
  await writeFile(join(folder, 'students.csv'), ROSTER);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const issue = (...args: readonly string[]) =>
  runHere(
    [
      ...['tokens', 'issue', '--roster', join(folder, 'students.csv'), '--expires', '7d'],
      ...['--limit-usd', '2', '--base-url', 'https://llm.example.edu/prod/v1', ...args],
    ],
    { variables },
  );

describe('cards', () => {
  test('are one file that only its owner reads, with the tokens of the CSV file', async () => {
    const [out, cards] = [join(folder, 'tokens.csv'), join(folder, 'cards.html')];
    const { status, stderr } = await issue('--out', out, '--cards', cards);
    expect({ status, stderr }).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('issued 2 tokens'),
    });
    expect((await stat(cards)).mode & 0o777).toBe(0o600);
    const html = await readFile(cards, 'utf8');
    expect(html.match(/<section class="card">/g)).toHaveLength(2);
    expect(html).toContain('2 USD, until ');
    // The token is in the code alone.
    expect(html).not.toContain('jwt:');
    expect(await readFile(out, 'utf8')).toContain('jwt:');
  });

  test('need no CSV file beside them, and a roster that can be read twice', async () => {
    expect((await issue('--cards', join(folder, 'cards.html'))).status).toBe(0);
    const { status, stderr } = await runHere(
      ['tokens', 'issue', '--roster', '-', '--expires', '7d', '--out', 'a', '--cards', 'b'],
      { variables, input: ROSTER },
    );
    expect(status).toBe(2);
    expect(stderr).toContain('--roster must be a file');
  });

  test.skipIf(!hasBrowser)('show a hostile name as text and load nothing', async () => {
    const cards = join(folder, 'cards.html');
    await issue('--cards', cards);
    const browser = await startBrowser();
    const page = await browser.newPage();
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(cards).href);
    expect(await page.locator('strong').allTextContents()).toEqual([
      '<img src=x onerror=alert(1)>, B',
      'max@example.edu',
    ]);
    expect(await page.locator('img').count()).toBe(0);
    expect(requests).toEqual([pathToFileURL(cards).href]);
    await takeScreenshot(page, 'cards');
    await browser.close();
  });
});
