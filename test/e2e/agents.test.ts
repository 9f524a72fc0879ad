/**
 * Coding agents under a USD limit, by what their binaries were recorded to send (`npm run test:agents -- record`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { config } from '#config';
import { makePriceBook, PRICE_TABLE } from '../../core/models/pricing.ts';
import { SHELL } from '../agents/answers.ts';
import type { AgentFixture, AgentRequest } from '../agents/fixture.ts';
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
    config,
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

/** Searches of the web, in requests of their own, by agent and number: nothing bounds them. */
const SEARCHES: readonly string[] = ['claude-code-search 2', 'gemini-cli-search 3'];

const requests = fixtures.flatMap(({ agent, requests }) =>
  requests.map((request, index) => ({ name: `${agent} ${index + 1}`, request })),
);

const send = (request: AgentRequest, token: string): Promise<Response> =>
  fetch(gateway.url.replace(/\/v1$/, request.path), {
    method: 'POST',
    headers: { ...request.headers, authorization: `Bearer ${token}` },
    body: JSON.stringify(request.body),
  });

// guarantee: agents-with-defaults
describe('a token with a USD limit', () => {
  test.each(requests.filter(({ name }) => !SEARCHES.includes(name)))(
    'is served request $name',
    async ({ request }) => {
      const token = gateway.newToken({ spending_limit: 5 });
      const answer = await send(request, token);
      expect(`${answer.status} ${await answer.text()}`).toMatch(/^200 /);
      expect(await gateway.aboutKey(token)).toMatchObject({
        reserved: 0,
        usage: expect.any(Number),
      });
    },
  );

  test.each(requests.filter(({ name }) => SEARCHES.includes(name)))(
    'is refused $name, by the name of the tool that nothing bounds',
    async ({ request }) => {
      const answer = await send(request, gateway.newToken({ spending_limit: 5 }));
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('"message":"\\"tools');
    },
  );
});

describe('a provider', () => {
  const sentFor = async (name: string, limitUsd: number) => {
    const { request } = requests.find((each) => each.name === name) ?? {};
    if (request === undefined) throw new Error(`no request "${name}"`);
    const answer = await send(request, gateway.newToken({ spending_limit: limitUsd }));
    await answer.text();
    const body = JSON.parse(provider.requests.at(-1)?.body ?? '{}');
    const dropped = answer.headers.get('x-hallpass-dropped');
    return { status: answer.status, body, dropped };
  };

  test.each([
    ['codex 1', { max_output_tokens: 32_000 }],
    ['claude-code 1', { max_tokens: 128_000 }],
  ])('is sent the output cap of %s, or 32,000 where it has none', async (name, caps) => {
    const { body } = await sentFor(name, 5);
    expect(body).toMatchObject(caps);
  });

  test('gets nothing from Codex when the limit affords less than 4,096 output tokens, which would end its turn', async () => {
    expect(await sentFor('codex 1', 0.05)).toMatchObject({ status: 200 });
    const before = provider.requests.length;
    expect(await sentFor('codex 1', 0.04)).toMatchObject({ status: 402 });
    expect(provider.requests).toHaveLength(before);
  });

  test('is sent the tools of Codex without its search of the web, which the client is told', async () => {
    const { body, dropped } = await sentFor('codex-plain-tools 1', 5);
    expect(dropped).toBe('web_search');
    expect(body.tools.map(({ type }: { readonly type: string }) => type)).not.toContain(
      'web_search',
    );
  });
});

test('what is recorded comes from the versions that are installed', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(PACKAGES, 'utf8'));
  const recorded = Object.fromEntries(
    fixtures.map((fixture) => [fixture.package, fixture.version]),
  );
  expect(recorded).toEqual(optionalDependencies);
});

test('a model that an agent chooses by itself has a price', () => {
  const book = makePriceBook(PRICE_TABLE, {});
  const used = requests.map(({ request: { path, body } }) => {
    const [, google] = /\/models\/([^:]+):/.exec(path) ?? [];
    return (google ?? String(body.model)).replace(/^openai\//, '');
  });
  const priced = (id: string): boolean =>
    Object.keys(models).some((provider) => book.find(provider, id) !== undefined);
  expect([...new Set(used)].length).toBeGreaterThan(5);
  expect(used.filter((id) => !priced(id))).toEqual([]);
});

test('a model that an agent offers has a price, except Gemma, which is free at Google', () => {
  const book = makePriceBook(PRICE_TABLE, {});
  const unpriced = Object.entries(models).flatMap(([provider, ids]) =>
    ids.filter((id) => book.find(provider, id) === undefined),
  );
  expect(unpriced.toSorted()).toEqual(WITHOUT_FIGURES.toSorted());
});
