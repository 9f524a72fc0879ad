/**
 * Draws the README's pictures of the two pages into docs/images (npm run pages:screenshots). People and figures are made
 * up: the answers of the gateway are replaced on their way to the page.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startBrowser } from '../support/browser.ts';
import { setup } from '../support/chromium.ts';
import { makePerson, makeUsage } from '../support/class-data.ts';
import { startTestGateway } from '../support/local-gateway.ts';

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const SIZE = { width: 1120, height: 700 };
const DAY_MS = 86_400_000;

const NAMES = ['ada', 'lin', 'bob', 'zoe', 'max', 'eve', 'ian', 'kim', 'mia', 'tom'];

function makeClass() {
  return NAMES.map((name, index) => {
    const person = makePerson(index * 71);
    return {
      ...person,
      id: `token:${name}@example.edu`,
      user: `${name}@example.edu`,
      blocked: null,
    };
  });
}

function makeKey(nowMs: number) {
  const usd = { per: 'token', unit: 'usd', window: 'total', limit: 2, used: 0.57, reserved: 0.08 };
  const rate = { per: 'user', unit: 'requests', window: 'minute', limit: 20, used: 2, reserved: 0 };
  return {
    label: 'week-12:ada@example.edu',
    user: 'ada@example.edu',
    blocked: null,
    limit: 2,
    limit_remaining: 1.43,
    limit_reset: null,
    usage: 0.49,
    reserved: 0.08,
    expires_at: new Date(nowMs + 4 * DAY_MS).toISOString(),
    models: ['openai/gpt-4o-mini', 'anthropic/claude-haiku-4-5', 'google/gemini-2.5-flash'],
    limits: [
      { ...usd, remaining: 1.43, resets_at: null },
      { ...rate, remaining: 18, resets_at: new Date(nowMs + 34_500).toISOString() },
    ],
  };
}

async function draw(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${IMAGES}${name}.png`, animations: 'disabled' });
}

await setup();
await mkdir(IMAGES, { recursive: true });
const nowMs = Date.now();
const gateway = await startTestGateway();
const browser = await startBrowser();
try {
  const root = gateway.url.replace(/v1$/, '');
  const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light', locale: 'en-GB' });
  const small = { ...makeUsage(30, nowMs) };
  const data = small.data.map((line) => ({ ...line, usd: Math.round(line.usd * 5e6) / 1e9 }));
  await page.route('**/v1/usage**', (route) => route.fulfill({ json: { ...small, data } }));
  await page.route('**/v1/key', (route) => route.fulfill({ json: { data: makeKey(nowMs) } }));
  const models = makeKey(nowMs).models;
  const pricing = { prompt: '0.00000015', completion: '0.0000006' };
  await page.route('**/v1/models', (route) =>
    route.fulfill({ json: { data: models.map((id) => ({ id, pricing })) } }),
  );
  await page.goto(`${root}me#${gateway.sign({ jti: 'week-12:ada@example.edu', models })}`);
  await page.getByRole('heading', { name: 'Models you may call' }).waitFor();
  await draw(page, 'me');
  await page.unroute('**/v1/key');
  await page.unroute('**/v1/usage**');
  await page.route('**/v1/usage**', (route) => route.fulfill({ json: makeUsage(30, nowMs) }));
  await page.route('**/v1/users**', (route) =>
    route.fulfill({ json: { data: makeClass(), next: null } }),
  );
  await page.goto(`${root}console`);
  await page.getByLabel('Server key').fill(gateway.key);
  await page.getByRole('button', { name: 'Open the console' }).click();
  await page.getByText('80 % or more').waitFor();
  await draw(page, 'console');
} finally {
  await browser.close();
  await gateway.close();
}
