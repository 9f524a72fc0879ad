/**
 * `npm run test:deploy`: the whole life of two stacks on an emulator of AWS, by the tools that a user has. Needs Python;
 * without it one line says so, and nothing is run. README.md beside it lists what an emulator cannot show.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Emulator, findAbsent, startEmulator } from './emulator.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE = [process.execPath, '--import', `${ROOT}bin/node-24.mjs`];
const STEP_MS_MAX = 120_000;

interface Life {
  readonly emulator: Emulator;
  readonly folder: string;
}

interface Stack {
  readonly name: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** The base URL, as the emulator has it. */
  readonly url: string;
}

function expectThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

async function run(life: Life, args: readonly string[], input = ''): Promise<Ended> {
  const [command = '', ...rest] = [...NODE, ...args];
  const child = spawn(command, rest, {
    cwd: ROOT,
    timeout: STEP_MS_MAX,
    env: { PATH: process.env.PATH, HOME: life.folder, CI: 'true', ...life.emulator.variables },
  });
  child.stdin.on('error', () => {}); // It may end without reading.
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status, output: status === 0 ? stdout : `${stdout}${stderr}` };
}

const CDK_FLAGS: Readonly<Record<string, readonly string[]>> = {
  // Only the bundles of the named stacks are made.
  deploy: ['--exclusively', '--require-approval', 'never', '--progress', 'events'],
  diff: ['--exclusively', '--fail'],
  destroy: ['--exclusively', '--force'],
};

/** Runs the CDK's own command on the app. Its notices go to standard error. */
async function cdk(
  life: Life,
  command: string,
  stacks: readonly string[],
  context: object = {},
): Promise<string> {
  const pairs = Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const flags = CDK_FLAGS[command] ?? [];
  const { status, output } = await run(life, [
    `${ROOT}node_modules/aws-cdk/bin/cdk`,
    command,
    ...stacks,
    ...flags,
    ...['--output', join(life.folder, 'cdk.out')],
    ...(command === 'bootstrap' ? [] : ['--app', `${NODE.join(' ')} test/deploy/app.ts`]),
    ...pairs,
  ]);
  expectThat(status === 0, `cdk ${command} ${stacks.join(' ')} ended with ${status}:\n${output}`);
  return output;
}

async function hallpass(life: Life, args: readonly string[], input = '') {
  const { status, output } = await run(life, [`${ROOT}bin/hallpass.ts`, ...args, '--json'], input);
  expectThat(status === 0, `hallpass ${args.join(' ')} ended with ${status}:\n${output}`);
  return JSON.parse(output);
}

async function readStack({ emulator }: Life, name: string): Promise<Stack> {
  const body = new URLSearchParams({
    Action: 'DescribeStacks',
    StackName: name,
    Version: '2010-05-15',
  });
  const authorization = `AWS4-HMAC-SHA256 Credential=${emulator.variables.AWS_ACCESS_KEY_ID}/20261129/us-east-1/cloudformation/aws4_request, SignedHeaders=host, Signature=0`;
  const answer = await fetch(emulator.url, { method: 'POST', headers: { authorization }, body });
  const members = (await answer.text()).matchAll(
    /<OutputKey>(\w+)<\/OutputKey>\s*<OutputValue>([^<]*)</g,
  );
  const outputs = Object.fromEntries([...members].map(([, key = '', value = '']) => [key, value]));
  const [, api, stage] =
    /^https:\/\/([^.]+)\.[^/]+\/([^/]+)\/v1$/.exec(outputs.BaseUrl ?? '') ?? [];
  return { name, outputs, url: `${emulator.url}/restapis/${api}/${stage}/_user_request_/v1` };
}

async function call(url: string, key: string, more: RequestInit = {}) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(STEP_MS_MAX), ...more });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

const ask = (url: string, key: string, stream: boolean) =>
  call(`${url}/chat/completions`, key, {
    method: 'POST',
    body: JSON.stringify({
      model: 'demo/echo',
      stream,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });

/** Requests of every kind, at a stack that works. */
async function serves({ url }: Stack, key: string): Promise<void> {
  const whole = await ask(url, key, false);
  expectThat(
    whole.status === 200 && whole.text.includes('echo: hello'),
    `whole: ${whole.status} ${whole.text}`,
  );
  const stream = await ask(url, key, true);
  expectThat(
    stream.text.trimEnd().endsWith('data: [DONE]'),
    `stream: ${stream.status} ${stream.text}`,
  );
  for (const [route, status] of [
    ['models', 200],
    ['key', 200],
    ['nothing', 404],
  ] as const) {
    const answer = await call(`${url}/${route}`, key);
    expectThat(answer.status === status, `${route}: ${answer.status} ${answer.text}`);
  }
  const stranger = await call(`${url}/key`, 'sk-hp-unknown');
  const cors = stranger.headers.get('access-control-allow-origin');
  expectThat(
    stranger.status === 401 && cors === '*',
    `stranger: ${stranger.status} ${stranger.text}`,
  );
  const preflight = await call(`${url}/chat/completions`, key, { method: 'OPTIONS' });
  expectThat(preflight.status === 204, `preflight: ${preflight.status}`);
}

/** The steps in their order. Each is a part of a gateway's life that its user sees. */
async function live(life: Life): Promise<void> {
  const step = async <T>(name: string, act: () => T | Promise<T>): Promise<T> => {
    const startedAtMs = performance.now();
    const result = await act();
    console.log(
      `${String(Math.round((performance.now() - startedAtMs) / 100) / 10).padStart(6)} s  ${name}`,
    );
    return result;
  };
  await step('bootstrap', () => cdk(life, 'bootstrap', ['aws://123456789012/us-east-1']));
  await step('deploy the first stage', () => cdk(life, 'deploy', ['Dev']));
  await step('deploy a second stage beside it', () => cdk(life, 'deploy', ['Prod']));
  const [dev, prod] = [await readStack(life, 'Dev'), await readStack(life, 'Prod')];
  const make = (stack: string) => hallpass(life, ['keys', 'create', 'course', '--stack', stack]);
  const keys = await step('make a key of each', async () => ({
    dev: await make('Dev'),
    prod: await make('Prod'),
  }));
  await step('requests of every kind', async () => {
    expectThat(keys.dev.account === 'acct:dev', `account ${keys.dev.account}`);
    await serves(dev, keys.dev.key);
    await serves(prod, keys.prod.key);
  });
  await step('each stage refuses the keys of the other', async () => {
    const crossed = [
      await call(`${dev.url}/key`, keys.prod.key),
      await call(`${prod.url}/key`, keys.dev.key),
    ];
    expectThat(
      crossed.every(({ status }) => status === 401),
      'a key of the other stage works',
    );
  });
  await step("set a provider's key", async () => {
    await hallpass(life, ['provider', 'set-key', 'groq', '--stack', 'Dev'], 'gsk-first');
    await hallpass(life, ['provider', 'set-key', 'groq', '--stack', 'Dev'], 'gsk-second');
  });
  await step('the books are in order', () => hallpass(life, ['usage', 'audit', '--stack', 'Dev']));
  await step('without a change there is no difference', () => cdk(life, 'diff', ['Dev']));
  await step('change a setting, remove a provider', async () => {
    await cdk(life, 'deploy', ['Dev'], { memory: 512, without: 'groq' });
    expectThat(
      (await readStack(life, 'Dev')).outputs.KeysTable === dev.outputs.KeysTable,
      'the table was replaced',
    );
    await serves(dev, keys.dev.key);
  });
  await step('add the provider again', () => cdk(life, 'deploy', ['Dev'], { memory: 512 }));
  const existing = JSON.stringify({
    keysTable: dev.outputs.KeysTable,
    walletsTable: dev.outputs.WalletsTable,
    usageTable: dev.outputs.UsageTable,
    secretPrefix: dev.outputs.SecretPrefix,
    deployment: dev.outputs.Deployment,
  });
  await step('go on with its tables in a new stack', async () => {
    await cdk(life, 'deploy', ['Restored'], { existing });
    await serves(await readStack(life, 'Restored'), keys.dev.key);
  });
  await step('destroy', () => cdk(life, 'destroy', ['Restored', 'Prod', 'Dev'], { existing }));
}

const absent = findAbsent();
if (absent === undefined) {
  const startedAtMs = performance.now();
  const life = {
    emulator: await startEmulator(),
    folder: mkdtempSync(join(tmpdir(), 'hallpass-life-')),
  };
  try {
    await live(life);
    console.log(`passed in ${Math.round((performance.now() - startedAtMs) / 1000)} s`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    life.emulator.close();
    rmSync(life.folder, { recursive: true, force: true });
  }
} else {
  console.log(`skipped: test:deploy needs ${absent}`);
}
