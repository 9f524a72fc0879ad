/** 450 people of one key, from a gateway's tables: more than a page of `GET /v1/users`, in both consoles. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withGateway } from '../../cli/gateway/connect.ts';
import { bookOf, walletIdOf } from '../../core/wallet/payer.ts';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import { startConsole } from '../support/console-command.ts';
import { visit } from '../support/page-visit.ts';
import { type Started, start } from '../support/start-process.ts';

const PEOPLE = 450;
const AT_ONCE = 10;

describe.skipIf(!hasBrowser)('a key with 450 people', () => {
  let folder: string;
  let gateway: Started;
  let browser: Browser;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-crowd-'));
    gateway = await start(['--data', 'data'], folder);
    browser = await startBrowser();
    const place = { data: join(folder, 'data') };
    await withGateway(place, { variables: {} }, async ({ account, people, requireKey }) => {
      const { id: keyId } = await requireKey('demo');
      const addPerson = (id: string) => {
        const walletId = walletIdOf({
          account,
          keyId,
          identity: { source: 'token', issuer: '', id },
        });
        return people.change({
          walletId,
          listedUnder: bookOf(walletId),
          seenRev: undefined,
          person: { rev: 'r', limits: [], creditNanoUsd: 0n, isBlocked: false },
          texts: { name: id, source: 'token' },
          idempotencyKey: 'first',
          digest: 'd',
          nowMs: Date.now(),
          forget: [],
        });
      };
      for (let index = 0; index < PEOPLE; index += AT_ONCE) {
        const some = Array.from({ length: AT_ONCE }, (_, more) => `person-${index + more}`);
        expect(await Promise.all(some.map(addPerson))).toEqual(some.map(() => 'changed'));
      }
    });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.end();
    await rm(folder, { recursive: true, force: true });
  });

  test('shows each of them once to the operator, 200 at a time, and stays where it was after a change', async () => {
    const { file, end } = await startConsole(['--data', 'data'], folder);
    const { page, close } = await visit(browser, pathToFileURL(file).href);
    await page.getByRole('button', { name: 'Change demo', exact: true }).click();
    const people = page.locator('.actions', { has: page.getByRole('heading', { name: 'People' }) });
    const names = people.locator('tbody tr td:first-child > bdi');
    const more = people.getByRole('button', { name: 'More people' });
    await expect.poll(() => names.count()).toBe(200);
    await more.dblclick();
    await expect.poll(() => names.count()).toBe(400);
    await more.click();
    await expect.poll(() => names.count()).toBe(450);
    expect(await more.count()).toBe(0);
    const shown = await names.allTextContents();
    expect(new Set(shown).size).toBe(450);
    const last = shown.at(-1) ?? '';
    await people.getByRole('button', { name: `Change ${last} of demo`, exact: true }).click();
    await people.getByLabel('Reason; the person reads it').fill('posted in public');
    await people.getByRole('button', { name: 'Block', exact: true }).click();
    await people.getByText('Blocked.', { exact: true }).waitFor();
    await people.getByText('posted in public').waitFor();
    expect(await names.count()).toBe(450);
    await close();
    await end();
  });

  test('shows all of them to the owner of the key', async () => {
    const root = gateway.ready.url.replace(/v1$/, '');
    const { page, close } = await visit(browser, `${root}console#view=people&page=9`);
    await page.getByLabel('Server key').fill(gateway.ready.key);
    await page.getByRole('button', { name: 'Open the console' }).click();
    await page.getByText('401 to 450 of 450').waitFor();
    await page.getByLabel('Find a person').fill('person-449');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(await page.getByText('and there are more').count()).toBe(0);
    await close();
  });

  test('tells its owner where there are more people than the console reads', async () => {
    const root = gateway.ready.url.replace(/v1$/, '');
    const { page, close } = await visit(browser, `${root}console`);
    let reads = 0;
    await page.route('**/v1/users?*', (route) => {
      reads += 1;
      return route.fulfill({ json: { data: [], next: 'more' } });
    });
    await page.getByLabel('Server key').fill(gateway.ready.key);
    await page.getByRole('button', { name: 'Open the console' }).click();
    const notice = page.getByText(
      /^Shows the first 0 people, and there are more: counts of people/,
    );
    await notice.waitFor();
    expect(reads).toBe(100);
    await page.getByRole('button', { name: 'People', exact: true }).click();
    expect(await notice.count()).toBe(1);
    await page.getByRole('button', { name: 'Passes', exact: true }).click();
    expect(await notice.count()).toBe(0);
    await close();
  });
});
