/**
 * Each agent, with its defaults, calls a tool in one turn through `npm start`, on a token with a USD limit.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AGENTS, type Agent } from './agents.ts';
import { LAST_TEXT, OTHER_TEXT, SHELL, TOOL_SEARCH, VIEWER, WEB_SEARCH } from './answers.ts';
import type { AgentFixture } from './fixture.ts';
import { type AgentGateway, LIMIT_USD, startAgentGateway } from './gateway.ts';
import { runTurn } from './turn.ts';

/** The recorded requests of its turn. */
function recordedOf({ name }: Agent): AgentFixture['requests'] {
  const file = new URL(`../fixtures/agents/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).requests;
}

describe.each([
  ['its shell', SHELL, LAST_TEXT, 0],
  ['a picture', VIEWER, LAST_TEXT, 0],
  ['a schema that it finds by name', TOOL_SEARCH, LAST_TEXT, 0],
  // Nothing bounds the search: only that request is refused, and the turn goes on without its result.
  ['a search of the web', WEB_SEARCH, OTHER_TEXT, 1],
])('an agent that uses %s', (_, use, lastText, refused) => {
  let gateway: AgentGateway;
  beforeAll(async () => {
    gateway = await startAgentGateway(use);
  });
  afterAll(() => gateway?.close());

  describe.concurrent('(two at a time)', () => {
    const agents = AGENTS.filter((agent) => agent.use === use);
    test.each(agents)('$name ends its turn', async (agent) => {
      const credential = gateway.newToken(agent.name);
      const turn = await runTurn(agent, { origin: gateway.origin, credential });
      expect(turn).toMatchObject({ status: 0, stdout: expect.stringContaining(lastText) });
      const books = await gateway.read<{ usage: number }>('key', credential);
      expect(books).toMatchObject({ reserved: 0, limit: LIMIT_USD });
      expect(books.usage).toBeGreaterThan(0);
      const usage = await gateway.read('usage', credential);
      expect(usage).toMatchObject([{ requests: recordedOf(agent).length - refused }]);
    });
  });
});
