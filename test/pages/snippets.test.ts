/** The set-up that the holder's page offers: each snippet is run, or read by what will read it. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSnippets, type SnippetFacts } from '../../pages/me/snippets.ts';
import { AGENTS, type Agent } from '../agents/agents.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const run = promisify(execFile);
/** Inside the project, so that the SDKs are found. */
const SCRATCH = fileURLToPath(new URL('../../test-results/', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;
const hasOpenai = spawnSync('python3', ['-c', 'import openai']).status === 0;

let gateway: TestGateway;
let folder: string;
let facts: SnippetFacts;
beforeAll(async () => {
  await mkdir(SCRATCH, { recursive: true });
  folder = await mkdtemp(join(SCRATCH, 'snippets-'));
  gateway = await startTestGateway();
  facts = {
    root: gateway.url.replace(/\/v1$/, ''),
    model: 'demo/echo',
    credential: gateway.newToken({ models: ['demo/echo'], spending_limit: 0.05 }),
  };
});
afterAll(async () => {
  await gateway?.close();
  await rm(folder, { recursive: true, force: true });
});

const textOf = (id: string, given: SnippetFacts = facts): string =>
  makeSnippets(given).find((snippet) => snippet.id === id)?.text ?? '';

describe('the set-up snippets', () => {
  test('are one for each way to call, each once', () => {
    expect(makeSnippets(facts).map(({ id }) => id)).toEqual([
      'python',
      'typescript',
      'curl',
      'claude',
      'codex',
      'opencode',
      'gemini',
      'variables',
    ]);
  });

  test('call the model: TypeScript', async () => {
    const path = join(folder, 'snippet.ts');
    await writeFile(path, textOf('typescript'));
    const { stdout } = await run(process.execPath, [path]);
    expect(stdout).toBe('echo: Hello\n');
  });

  test('call the model: curl', async () => {
    const { stdout } = await run('sh', ['-c', textOf('curl')]);
    expect(stdout).toMatch(/^data: \{[\s\S]*data: \[DONE\]\n\n$/);
  });

  test.skipIf(!hasPython)(
    'can be read by Python, and call the model where its package openai is installed (needs python3)',
    async () => {
      await run('python3', ['-c', 'import ast, sys; ast.parse(sys.argv[1])', textOf('python')]);
      if (!hasOpenai) return;
      const { stdout } = await run('python3', ['-c', textOf('python')]);
      expect(stdout).toBe('echo: Hello\n');
    },
  );

  test('set the variables that the SDKs read', async () => {
    const { stdout } = await run('sh', ['-c', `${textOf('variables')}\nenv`], { env: {} });
    const set = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/, 2)));
    expect(set).toMatchObject({
      OPENAI_BASE_URL: gateway.url,
      OPENAI_API_KEY: facts.credential,
      ANTHROPIC_BASE_URL: facts.root,
      ANTHROPIC_AUTH_TOKEN: facts.credential,
      GOOGLE_GEMINI_BASE_URL: facts.root,
      GEMINI_API_KEY: facts.credential,
    });
  });

  /** Pastes a snippet into a shell in which the agents are functions that show how they were started. */
  async function paste(id: string): Promise<readonly string[]> {
    const shown = `{ printf '%s\\n' "$@"; env; }`;
    const agents = ['claude', 'codex', 'gemini'].map((name) => `${name}() ${shown};`).join('\n');
    const env = { HOME: folder, PATH: process.env.PATH };
    const { stdout } = await run('sh', ['-c', `${agents}\n${textOf(id)}`], { env });
    return stdout.split('\n');
  }
  const GATEWAY = () => ({ origin: facts.root, credential: facts.credential });
  function agentNamed(name: string): Agent {
    const agent = AGENTS.find((each) => each.name === name);
    if (agent === undefined) throw new Error(`no agent is named "${name}"`);
    return agent;
  }
  const linesOf = (variables: object): readonly string[] =>
    Object.entries(variables).map(([name, value]) => `${name}=${value}`);

  test('start Claude Code, Codex and Gemini CLI as the tests with their binaries do', async () => {
    const { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: _, ...claude } = agentNamed(
      'claude-code',
    ).variables(GATEWAY());
    expect(await paste('claude')).toEqual(expect.arrayContaining([...linesOf(claude)]));

    const codex = agentNamed('codex');
    const shown = await paste('codex');
    expect(shown).toEqual(expect.arrayContaining([...linesOf(codex.variables(GATEWAY()))]));
    const table = codex.arguments(GATEWAY()).find((each) => each.includes('{'));
    const fields = [...(table ?? '').matchAll(/(\w+)="([^"]*)"/g)];
    expect(fields.map(([, name]) => name)).toEqual(['name', 'base_url', 'env_key', 'wire_api']);
    const set = shown.map((line) => line.replaceAll('"', ''));
    for (const [, name, value] of fields) {
      expect(set).toContain(`model_providers.hallpass.${name}=${value}`);
    }
    expect(shown).toEqual(expect.arrayContaining(['-m', 'demo/echo', 'model_provider=hallpass']));

    const gemini = agentNamed('gemini-cli');
    const { GEMINI_CLI_TRUST_WORKSPACE: __, ...variables } = gemini.variables(GATEWAY());
    expect(await paste('gemini')).toEqual(expect.arrayContaining([...linesOf(variables)]));
    const tested = JSON.parse(gemini.files?.(GATEWAY())['.gemini/settings.json'] ?? '');
    const written = JSON.parse(await readFile(join(folder, '.gemini/settings.json'), 'utf8'));
    expect(written.security).toEqual(tested.security);
  });

  test('leave the settings of Gemini CLI alone, and say what they must be', async () => {
    const settings = join(folder, '.gemini/settings.json');
    await mkdir(join(folder, '.gemini'), { recursive: true });
    await writeFile(settings, '{"ui": {"theme": "GitHub"}}');
    expect(await paste('gemini')).toContain(
      'Set security.auth.selectedType to gemini-api-key in ~/.gemini/settings.json',
    );
    expect(await readFile(settings, 'utf8')).toBe('{"ui": {"theme": "GitHub"}}');
  });

  test('set up OpenCode as the tests with its binary do', () => {
    const file = agentNamed('opencode-chat').files?.(GATEWAY())['.config/opencode/opencode.json'];
    const { models: _, ...tested } = JSON.parse(file ?? '').provider.hallpass;
    const { models, name: __, ...shown } = JSON.parse(textOf('opencode')).provider.hallpass;
    expect(shown).toEqual(tested);
    expect(models).toEqual({ 'demo/echo': {} });
  });

  test('keep the pass out of the file for OpenCode', () => {
    const text = textOf('opencode');
    expect(JSON.parse(text)).toMatchObject({
      model: 'hallpass/demo/echo',
      provider: {
        hallpass: { options: { baseURL: gateway.url, apiKey: '{env:HALLPASS_TOKEN}' } },
      },
    });
    expect(text).not.toContain(facts.credential);
  });

  test('run nothing that a hostile model or pass says', async () => {
    const bad = `x'"$(touch ${folder}/ran)\`touch ${folder}/ran\``;
    const hostile = { root: facts.root, model: bad, credential: bad };
    const { stdout } = await run('sh', ['-c', `${textOf('variables', hostile)}\nenv`], { env: {} });
    expect(stdout).toContain(`OPENAI_API_KEY=${bad}\n`);
    const curl = `curl() { printf '%s\\n' "$@"; }; ${textOf('curl', hostile)}`;
    const { stdout: sent } = await run('sh', ['-c', curl], { env: {} });
    expect(sent).toContain(`Authorization: Bearer ${bad}\n`);
    await expect(run('ls', [`${folder}/ran`])).rejects.toThrow('No such file');
  });
});
