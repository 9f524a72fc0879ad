/**
 * Each agent, with its defaults, calls a tool in one turn through `npm start`, on a token with a USD limit.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signScopedToken } from '../../core/tokens/scoped-token.ts';
import { type Started, start } from '../support/start-process.ts';
import { AGENTS, type Agent } from './agents.ts';
import { LAST_TEXT, OTHER_TEXT, SHELL, TOOL_SEARCH, VIEWER, WEB_SEARCH } from './answers.ts';
import type { AgentFixture } from './fixture.ts';
import { WITHOUT_FIGURES } from './models.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { runTurn, type Turn } from './turn.ts';

const LIMIT_USD = 5;
const TOKEN_SECONDS = 3_600;
const WORKERS = 2;

/** The recorded requests of its turn. */
function recordedOf({ name }: Agent): AgentFixture['requests'] {
  const file = new URL(`../fixtures/agents/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).requests;
}

/** False for Codex's default while its figures are not public: nothing can bound its cost. */
const isPriced = (agent: Agent): boolean =>
  !recordedOf(agent).some(({ body }) => WITHOUT_FIGURES.includes(String(body.model)));

interface Books {
  readonly usage: number;
  readonly reserved: number;
  readonly limit: number;
}

describe.each([
  ['its shell', SHELL, LAST_TEXT, 0],
  ['a picture', VIEWER, LAST_TEXT, 0],
  ['a schema that it finds by name', TOOL_SEARCH, LAST_TEXT, 0],
  // Nothing bounds the search: that request alone is refused, and the turn goes on without its result.
  ['a search of the web', WEB_SEARCH, OTHER_TEXT, 1],
])('an agent that uses %s', (_, use, lastText, refused) => {
  const agents = AGENTS.filter((agent) => agent.use === use && isPriced(agent));
  let folder: string;
  let provider: StandIn;
  let gateway: Started;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-agents-'));
    provider = await startStandIn(use);
    const urls = [
      ...['anthropic', 'openai'].map((name) => `${name}=${provider.origin}/v1`),
      `google=${provider.origin}/v1beta/openai`,
    ];
    const flags = urls.flatMap((url) => ['--provider', url]);
    gateway = await start(['--ephemeral', ...flags], folder);
  });
  afterAll(async () => {
    await gateway?.end();
    await provider?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const newToken = (agent: Agent): string => {
    const { account, key } = gateway.ready;
    const iat = Math.floor(Date.now() / 1000);
    const claims = { sub: account, iat, exp: iat + TOKEN_SECONDS };
    const signer = { account, keyName: 'demo', key };
    return signScopedToken(signer, { ...claims, jti: agent.name, spending_limit: LIMIT_USD });
  };

  const run = (agent: Agent, credential: string): Promise<Turn> =>
    runTurn(agent, { origin: gateway.ready.url.replace(/\/v1$/, ''), credential });

  const read = async <T>(path: string, credential: string): Promise<T> => {
    const headers = { authorization: `Bearer ${credential}` };
    const response = await fetch(`${gateway.ready.url}/${path}`, { headers });
    return ((await response.json()) as { data: T }).data;
  };

  describe.concurrent(`(${WORKERS} at a time)`, () => {
    test.each(agents)('$name ends its turn', async (agent) => {
      const token = newToken(agent);
      const turn = await run(agent, token);
      expect(turn).toMatchObject({ status: 0, stdout: expect.stringContaining(lastText) });
      const books = await read<Books>('key', token);
      expect(books).toMatchObject({ reserved: 0, limit: LIMIT_USD });
      expect(books.usage).toBeGreaterThan(0);
      const usage = await read<readonly object[]>('usage', token);
      expect(usage).toMatchObject([{ requests: recordedOf(agent).length - refused }]);
    });
  });
});
