/** The set-up that the holder's page offers: each snippet is run, or read by what will read it. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSnippets, type SnippetFacts } from '../../pages/me/snippets.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const run = promisify(execFile);
/** Inside the project, so that the SDKs are found. */
const SCRATCH = fileURLToPath(new URL('../../test-results/', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;

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
  test('are those of contract.md, each once', () => {
    expect(makeSnippets(facts).map(({ id }) => id)).toEqual([
      'python',
      'typescript',
      'curl',
      'claude',
      'codex',
      'opencode',
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

  test.skipIf(!hasPython)('can be read by Python (needs python3)', async () => {
    await run('python3', ['-c', 'import ast, sys; ast.parse(sys.argv[1])', textOf('python')]);
  });

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

  test('start coding agents with the gateway and the model', async () => {
    const agents = `claude() { env; }; codex() { printf '%s\\n' "$@"; env; };`;
    const claude = await run('sh', ['-c', `${agents}${textOf('claude')}`], { env: {} });
    expect(claude.stdout).toContain(`ANTHROPIC_BASE_URL=${facts.root}\n`);
    const codex = await run('sh', ['-c', `${agents}${textOf('codex')}`], { env: {} });
    expect(codex.stdout).toContain(`-m\ndemo/echo\n-c\nmodel_provider=hallpass\n`);
    expect(codex.stdout).toContain(`\nmodel_providers.hallpass.base_url="${gateway.url}"\n`);
    expect(codex.stdout).toContain(`HALLPASS_TOKEN=${facts.credential}\n`);
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
