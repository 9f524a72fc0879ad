import { globSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  appIn,
  type BuiltPackage,
  buildPackage,
  COMMAND,
  COMPILER,
  findNodes,
  runNode,
  startInstalled,
  writeApp,
} from '../support/built-package.ts';
import { send } from '../support/http-client.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODES = await findNodes();
const OWN = NODES[0] ?? { version: process.version, path: process.execPath };

let built: BuiltPackage;
/** With everything, as `npm i hallpass aws-cdk-lib constructs esbuild`. */
let full: string;
/** As `npm i hallpass --omit=optional`, in a CDK app that lacks esbuild. */
let small: string;

beforeAll(async () => {
  built = await buildPackage();
  const { dependencies, optionalDependencies, peerDependencies } = built.manifest;
  const always = Object.keys(dependencies);
  const all = [optionalDependencies, peerDependencies].flatMap((each) => Object.keys(each));
  full = await built.install('full', [...always, ...all]);
  small = await built.install('small', [...always, 'aws-cdk-lib', 'constructs']);
  await Promise.all([writeApp(full), writeApp(small)]);
});
afterAll(() => built.remove());

describe('the package', () => {
  test('needs little, brings no Node, and leaves deploy tools to the app', () => {
    const { manifest } = built;
    expect(manifest).toMatchObject({ name: 'hallpass', type: 'module' });
    expect(Object.keys(manifest.dependencies)).toEqual([
      '@middy/core',
      'commander',
      'csv-parse',
      'jose',
      'openid-client',
      'uqr',
      'valibot',
    ]);
    expect(Object.keys(manifest.optionalDependencies)).toEqual([
      '@aws-sdk/client-cloudformation',
      '@aws-sdk/client-dynamodb',
      '@aws-sdk/client-secrets-manager',
      'dynalite',
    ]);
    expect(Object.keys(manifest.peerDependencies)).toEqual([
      'aws-cdk-lib',
      'constructs',
      'esbuild',
    ]);
    expect(manifest).not.toHaveProperty('scripts');
    expect(manifest).not.toHaveProperty('private');
  });

  test('has a file for each export and for the command', () => {
    const named = JSON.stringify([built.manifest.exports, built.manifest.bin]);
    const found = [...named.matchAll(/"(?:\.\/)?([\w/-]+\.(?:d\.ts|js|json))"/g)];
    const paths = new Set(found.map(([, path = '']) => path));
    expect(paths.size).toBe(6);
    for (const path of paths) {
      expect(readFileSync(join(built.folder, path), 'utf8').length).toBeGreaterThan(100);
    }
    expect(readFileSync(join(built.folder, 'package/command.js'), 'utf8')).toMatch(
      /^#!\/usr\/bin\/env node\n/,
    );
  });

  test('holds JavaScript with types, no TypeScript, no source map, no path of a machine', () => {
    const files = globSync('**/*.*', { cwd: built.folder });
    const kinds = new Set(files.map((name) => name.replace(/^.*?(\.d\.ts|\.\w+)$/, '$1')));
    expect([...kinds].sort()).toEqual(['.d.ts', '.js', '.json', '.md']);
    for (const name of files) {
      const text = readFileSync(join(built.folder, name), 'utf8');
      for (const never of [ROOT, `${homedir()}/`, 'sourceMappingURL']) {
        expect([name, text.includes(never)]).toEqual([name, false]);
      }
      expect([name, /from '\.[^']*\.ts'/.test(text)]).toEqual([name, false]);
    }
  });

  test('is shown in the same app of five lines on both pages, which the tests run', () => {
    expect(appIn('README.md')).toBe(appIn('package/README.md'));
  });

  test('is typed for a CDK app that TypeScript checks', async () => {
    const app = await readFile(join(full, 'app.mjs'), 'utf8');
    const wrong = "new HallpassStack(new App(), 'Two', { confi: 1 });\n";
    await writeFile(join(full, 'app.mts'), app);
    await writeFile(join(full, 'wrong.mts'), `${app}${wrong}`);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await runNode(OWN, [tsc, ...CHECK_FLAGS, 'app.mts', 'wrong.mts'], {
      cwd: full,
      variables: COMPILER.variables,
    });
    expect(stdout.match(/^\S+: error .*$/gm)).toEqual([
      expect.stringMatching(/^wrong\.mts\(6,.*'confi' does not exist/),
    ]);
  });

  test('says that it needs esbuild, in an app that lacks it', async () => {
    expect((await runNode(OWN, ['app.mjs'], { cwd: small })).stderr).toContain(
      'the functions cannot be bundled without the package "esbuild": npm i esbuild',
    );
  });
});

const CHECK_FLAGS = [
  ...['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023'],
  ...['--module', 'nodenext', '--types', '', ...COMPILER.args],
];

const BODY = { model: 'demo/echo', stream: true, messages: [{ role: 'user', content: 'Hello' }] };

describe.each(NODES)('in an empty folder on Node $version', (node) => {
  test('runs a gateway that streams to a token which a small installation issued', async () => {
    const gateway = await startInstalled(node, full);
    try {
      const issued = await runNode(
        node,
        [COMMAND, 'tokens', 'issue', '--limit-usd', '2', '--user', 'ada', '--expires', '7d'],
        { cwd: small, variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid } },
      );
      expect(issued).toMatchObject({ status: 0, stdout: expect.stringMatching(/^jwt:/) });
      const headers = {
        authorization: `Bearer ${issued.stdout.trim()}`,
        'content-type': 'application/json',
      };
      const body = JSON.stringify(BODY);
      const url = `${gateway.url}/chat/completions`;
      const { status, text } = await send(url, { method: 'POST', headers, body });
      expect(status).toBe(200);
      expect(text).toMatch(/data: \[DONE\]\n\n$/);
      const page = await send(gateway.url.replace(/v1$/, 'me'));
      expect(page.text).toContain('<!doctype html>');
    } finally {
      await gateway.end();
    }
  });

  test('synthesizes a CDK app of five lines', async () => {
    const output = `${full}/cdk.out-${node.version}`;
    // Bundles are made on this Node alone, because esbuild is a program of its own.
    const context = node === OWN ? {} : { 'aws:cdk:bundling-stacks': [] };
    const variables = {
      CDK_OUTDIR: output,
      CDK_CONTEXT_JSON: JSON.stringify(context),
      // CDK's own check of the template takes seconds and would only warn; `cdk synth` in test/support/synth.ts fails by it.
      CDK_VALIDATION: 'false',
    };
    const { status, stderr } = await runNode(node, ['app.mjs'], { cwd: full, variables });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const template = JSON.parse(await readFile(join(output, 'Hallpass.template.json'), 'utf8'));
    expect(Object.keys(template.Outputs)).toContain('BaseUrl');
    const bundles = globSync('asset.*/index.mjs', { cwd: output });
    expect(bundles).toHaveLength(node === OWN ? 5 : 0);
    expect(template.Metadata.HallpassConfig.providers).toEqual({ openai: {} });
  });

  test('says which package is missing where one was left out', async () => {
    const start = await runNode(node, [COMMAND, 'start', '--ephemeral'], { cwd: small });
    expect(start).toMatchObject({
      status: 1,
      stderr:
        'hallpass: this needs the package "dynalite", which "npm i hallpass --omit=optional" leaves out: npm i dynalite\n',
    });
    const list = await runNode(node, [COMMAND, 'keys', 'list', '--stack', 'X'], { cwd: small });
    expect(list).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('needs the package "@aws-sdk/client-cloudformation"'),
    });
  });

  test('says in one line what is wrong with the configuration', async () => {
    const path = join(small, 'hallpass.config.json');
    await writeFile(path, '{"providers":{},"nonsense":1}');
    try {
      const { status, stderr } = await runNode(node, [COMMAND, 'prices'], { cwd: small });
      expect(status).toBe(2);
      expect(stderr).toMatch(/^hallpass: hallpass\.config\.json: "nonsense": .*\n$/);
    } finally {
      await writeFile(path, '{"providers":{},"aliases":{"fast":"demo/echo"}}');
    }
    const { stdout } = await runNode(node, [COMMAND, 'prices', 'fast', '--json'], { cwd: small });
    expect(JSON.parse(stdout).id).toBe('demo/echo');
  });
});
