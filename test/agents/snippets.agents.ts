/**
 * The set-up that the holder's page offers, with the real agents: each snippet is pasted into a shell or a file.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSnippets } from '../../pages/me/snippets.ts';
import { AGENTS, type Agent, PROMPT } from './agents.ts';
import { LAST_TEXT, SHELL } from './answers.ts';
import { type AgentGateway, startAgentGateway } from './gateway.ts';
import { type AgentProcess, commandOf, runAgent, type Turn } from './turn.ts';

const MODEL = 'openai/gpt-5.6';

let gateway: AgentGateway;
beforeAll(async () => {
  gateway = await startAgentGateway(SHELL);
});
afterAll(() => gateway?.close());

function agentNamed(name: string): Agent {
  const agent = AGENTS.find((other) => other.name === name);
  if (agent === undefined) throw new Error(`no agent is named "${name}"`);
  return agent;
}

/** A command of the agent's name that also says what to do, and asks nobody. */
const toScript = (name: string, before: string, after: string): string => {
  const quoted = commandOf(agentNamed(name), []).map((word) => `'${word}'`);
  return `#!/bin/sh\nexec ${quoted.join(' ')} ${before} "$@" ${after}\n`;
};

const NO_QUESTIONS = '--skip-git-repo-check --dangerously-bypass-approvals-and-sandbox';
const SCRIPTS: AgentProcess['files'] = {
  'bin/claude': toScript('claude-code', '', `--print '${PROMPT}' --allowedTools Bash`),
  'bin/codex': toScript('codex', 'exec', `${NO_QUESTIONS} '${PROMPT}'`),
  'bin/gemini': toScript('gemini-cli', '', `--yolo --prompt '${PROMPT}'`),
  'bin/opencode': toScript('opencode-chat', 'run', `'${PROMPT}'`),
};

describe.concurrent('a snippet of the page (two at a time)', () => {
  const run = (id: string, then = ''): Promise<Turn> => {
    const credential = gateway.newToken(id);
    const snippet = textOf(id, credential);
    const shell = id === 'opencode' ? '' : snippet;
    return runAgent({
      command: ['sh', '-c', `${shell}\n${then}`],
      variables: {
        HALLPASS_TOKEN: credential,
        GEMINI_CLI_TRUST_WORKSPACE: 'true',
        OPENCODE_DISABLE_MODELS_FETCH: '1',
      },
      files: { ...SCRIPTS, 'project/opencode.json': textOf('opencode', credential) },
    });
  };
  const textOf = (id: string, credential: string): string =>
    makeSnippets({ root: gateway.origin, model: MODEL, credential }).find(
      (snippet) => snippet.id === id,
    )?.text ?? '';

  test.each([
    ['claude', 'claude', ''],
    ['codex', 'codex', ''],
    ['opencode', 'opencode', 'opencode'],
    ['variables', 'claude', 'claude'],
    ['gemini', 'gemini', ''],
  ])('"%s" sets up %s', async (id, _, then) => {
    const turn = await run(id, then);
    expect(turn).toMatchObject({ status: 0, stdout: expect.stringContaining(LAST_TEXT) });
  });
});
