/**
 * Records what the agents send into test/fixtures/agents/, where the ordinary tests read it.
 * Run by hand after a version of test/agents/package.json changes: `npm run test:agents -- record`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AGENTS, type Agent } from './agents.ts';
import { LAST_TEXT } from './answers.ts';
import { type AgentFixture, toFixture } from './fixture.ts';
import { readModels } from './models.ts';
import { startStandIn } from './stand-in.ts';
import { runTurn } from './turn.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/agents/', import.meta.url));
const CREDENTIAL = 'jwt:recorded';

async function record(agent: Agent, version: string): Promise<void> {
  const standIn = await startStandIn(agent.use);
  try {
    const turn = await runTurn(agent, { origin: standIn.origin, credential: CREDENTIAL });
    if (!turn.stdout.includes(LAST_TEXT)) {
      throw new Error(`${agent.name} did not end its turn: ${turn.stdout}${turn.stderr}`);
    }
    const requests = standIn.requests.filter(({ method }) => method === 'POST').map(toFixture);
    const fixture: AgentFixture = {
      agent: agent.name,
      package: agent.packageName,
      version,
      requests,
    };
    await writeFile(`${FIXTURES}${agent.name}.json`, `${JSON.stringify(fixture, null, 1)}\n`);
    const others = standIn.requests.filter(({ method }) => method !== 'POST');
    console.log(
      agent.name,
      requests.length,
      others.map(({ method, path }) => `${method} ${path}`),
    );
  } finally {
    await standIn.close();
  }
}

/** @param names agents; empty: all, and their models */
export async function recordAll(names: readonly string[]): Promise<void> {
  const file = new URL('package.json', import.meta.url);
  const { optionalDependencies } = JSON.parse(await readFile(file, 'utf8'));
  await mkdir(FIXTURES, { recursive: true });
  for (const agent of AGENTS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    await record(agent, optionalDependencies[agent.packageName]);
  }
  if (names.length > 0) return;
  await writeFile(`${FIXTURES}models.json`, `${JSON.stringify(readModels(), null, 1)}\n`);
}
