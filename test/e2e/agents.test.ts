/**
 * Coding agents under a USD limit, by what their binaries were recorded to send (`npm run test:agents -- record`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePriceBook, PRICE_TABLE } from '../../core/models/pricing.ts';
import { config } from '../../hallpass.config.ts';
import { SHELL } from '../agents/answers.ts';
import type { AgentFixture } from '../agents/fixture.ts';
import { type Models, WITHOUT_FIGURES } from '../agents/models.ts';
import { type StandIn, startStandIn } from '../agents/stand-in.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/agents/', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../agents/package.json', import.meta.url));

const MODELS = 'models.json';

const read = (name: string) => JSON.parse(readFileSync(`${FIXTURES}${name}`, 'utf8'));
const fixtures: readonly AgentFixture[] = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.json') && name !== MODELS)
  .map(read);
const models: Models = read(MODELS);

let provider: StandIn;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startStandIn(SHELL);
  gateway = await startTestGateway({
    config: { ...config, prices: { 'openai/gpt-6.2-sol': 'openai/gpt-6-sol' } },
    providerUrls: {
      anthropic: `${provider.origin}/v1`,
      openai: `${provider.origin}/v1`,
      google: `${provider.origin}/v1beta/openai`,
    },
    variables: { ANTHROPIC_API_KEY: 'sk-a', OPENAI_API_KEY: 'sk-o', GEMINI_API_KEY: 'sk-g' },
  });
});
afterAll(async () => {
  await gateway?.close();
  await provider?.close();
});

/** These wait for the dialects and the price table, by agent and number. */
const WAITING: readonly string[] = [
  ...['claude-code-search 2', 'gemini-cli-search 3', 'gemini-cli-picture 3'],
  ...['codex 1', 'codex 2', 'codex-before 1', 'codex-before 2'],
  ...['codex-picture 1', 'codex-picture 2'],
  ...['codex-plain-tools 1', 'codex-plain-tools 2'],
];

const requests = fixtures
  .flatMap(({ agent, requests }) =>
    requests.map((request, index) => ({ agent, number: index + 1, request })),
  )
  .filter(({ agent, number }) => !WAITING.includes(`${agent} ${number}`));

describe('a token with a USD limit', () => {
  test.each(requests)('is served request $number of $agent', async ({ request }) => {
    const token = gateway.newToken({ spending_limit: 5 });
    const answer = await fetch(gateway.url.replace(/\/v1$/, request.path), {
      method: 'POST',
      headers: { ...request.headers, authorization: `Bearer ${token}` },
      body: JSON.stringify(request.body),
    });
    expect(`${answer.status} ${await answer.text()}`).toMatch(/^200 /);
    expect(await gateway.aboutKey(token)).toMatchObject({ reserved: 0, usage: expect.any(Number) });
  });
});

test('what is recorded comes from the versions that are installed', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(PACKAGES, 'utf8'));
  const recorded = Object.fromEntries(
    fixtures.map((fixture) => [fixture.package, fixture.version]),
  );
  expect(recorded).toEqual(optionalDependencies);
});

test('a model that an agent offers has a price', () => {
  const book = makePriceBook(PRICE_TABLE, {});
  const unpriced = Object.entries(models).flatMap(([provider, ids]) =>
    ids.filter((id) => book.find(provider, id) === undefined),
  );
  expect(unpriced.filter((id) => !WITHOUT_FIGURES.includes(id))).toEqual([]);
});
