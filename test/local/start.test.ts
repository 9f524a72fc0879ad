import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listen } from '../../local/listen.ts';
import { runHere } from '../support/hallpass-command.ts';
import { open, send } from '../support/http-client.ts';
import { type Ready, run, type Started, start } from '../support/start-process.ts';

let folder: string;
const running: Started[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-start-'));
});

afterEach(async () => {
  // A process that still writes could fill the folder again while it is removed.
  for (const started of running.splice(0)) await started.end('SIGKILL');
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

async function launch(...args: string[]): Promise<Started> {
  const started = await start(args, folder);
  running.push(started);
  return started;
}

const as = (credential: string) => ({
  authorization: `Bearer ${credential}`,
  'content-type': 'application/json',
});

const chat = ({ url, token }: Ready, model = 'demo/echo') =>
  send(`${url}/chat/completions`, {
    method: 'POST',
    headers: as(token),
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });

async function about({ url, token }: Ready): Promise<{ usage: number; reserved: number }> {
  const { text } = await send(`${url}/key`, { headers: as(token) });
  return JSON.parse(text).data;
}

test('prints in one JSON line what a script needs, within five seconds', async () => {
  const { ready } = await launch('--data', 'kept');
  expect(Object.keys(ready)).toEqual([
    'url',
    'account',
    'key',
    'kid',
    'clientKey',
    'clientJwtSecret',
    'token',
    'data',
  ]);
  expect(ready).toMatchObject({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1$/),
    account: expect.stringMatching(/^acct_[A-Za-z0-9]{16}$/),
    key: expect.stringMatching(/^sk-hp-[\w-]{49}$/),
    kid: `${ready.account}:ZGVtbw==`,
    clientKey: expect.stringMatching(/^sk-hp-[\w-]{49}$/),
    clientJwtSecret: expect.stringMatching(/^[\w-]{43}$/),
    token: expect.stringMatching(/^jwt:/),
    data: join(folder, 'kept'),
  });
});

test('keeps keys and spend across a restart', async () => {
  const first = await launch();
  expect((await chat(first.ready)).status).toBe(200);
  const before = await about(first.ready);
  expect(before.usage).toBeGreaterThan(0);
  expect(await first.end()).toBe(0);

  const second = await launch();
  expect(second.ready).toMatchObject({
    account: first.ready.account,
    key: first.ready.key,
    kid: first.ready.kid,
  });
  const { token } = first.ready;
  expect(await about({ ...second.ready, token })).toMatchObject({
    usage: before.usage,
    reserved: 0,
  });
  expect((await chat({ ...second.ready, token })).status).toBe(200);
});

test('makes other demo keys for those that were disabled or rotated', async () => {
  const first = await launch();
  const keys = async (...args: string[]) => {
    const outcome = await runHere(['keys', ...args, '--data', join(folder, '.hallpass')]);
    expect(outcome).toMatchObject({ status: 0 });
  };
  await keys('disable', 'demo');
  await keys('rotate', 'demo-client', '--now');
  expect(await first.end()).toBe(0);

  const second = await launch();
  expect(second.ready.kid).toBe(`${second.ready.account}:${btoa('demo-2')}`);
  expect((await chat(second.ready)).status).toBe(200);
  expect(second.ready.clientKey).toMatch(/^sk-hp-/);
  expect(second.ready.clientKey).not.toBe(first.ready.clientKey);
  expect(second.ready.clientJwtSecret).not.toBe(first.ready.clientJwtSecret);
});

test('writes files that only their owner can read', async () => {
  const { ready } = await launch();
  await chat(ready);
  const data = join(folder, '.hallpass');
  const entries = await readdir(data, { recursive: true, withFileTypes: true });
  expect(entries.length).toBeGreaterThan(5);
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
  }
  expect((await stat(data)).mode & 0o777).toBe(0o700);
});

test('publishes its URL to other commands until it ends', async () => {
  const started = await launch();
  const path = join(folder, '.hallpass/endpoint.json');
  const { url, pid, variables } = JSON.parse(await readFile(path, 'utf8'));
  expect({ url, pid }).toEqual({ url: started.ready.url, pid: started.process.pid });
  expect(variables.AWS_ENDPOINT_URL_DYNAMODB).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  await started.end();
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});

test('leaves nothing behind with --ephemeral', async () => {
  const started = await launch('--ephemeral');
  expect(started.ready.data).toBeNull();
  expect((await chat(started.ready)).status).toBe(200);
  expect(await started.end('SIGINT')).toBe(0);
  expect(await readdir(folder)).toEqual([]);
});

test('starts again after a kill, and refuses a second gateway', async () => {
  const first = await launch();
  const second = await run(['--port', '0'], folder);
  expect(second.status).toBe(1);
  expect(second.stderr).toBe(
    `hallpass: a gateway is running on ${join(folder, '.hallpass')} (${first.ready.url}); use it, stop it, or choose another folder with --data\n`,
  );
  await first.end('SIGKILL');
  const third = await launch();
  expect(third.ready.key).toBe(first.ready.key);
});

describe('a signal to end', () => {
  /** A provider that says one word and then waits to be told to go on. */
  async function startProvider(): Promise<{ url: string; answering: Promise<ServerResponse> }> {
    const { promise: answering, resolve } = Promise.withResolvers<ServerResponse>();
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ choices: [{ index: 0, delta: { content: 'one' } }] }));
      resolve(response);
    });
    servers.push(server);
    return { url: `${await listen(server)}/v1`, answering };
  }

  const event = (data: object): string => `data: ${JSON.stringify({ id: 'c', ...data })}\n\n`;

  async function openStream({ url, token }: Ready): Promise<IncomingMessage> {
    const { response } = await open(`${url}/chat/completions`, {
      method: 'POST',
      headers: as(token),
      body: JSON.stringify({
        model: 'openai/gpt-4o-mini',
        stream: true,
        max_tokens: 100,
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    });
    return response;
  }

  test('lets a stream in flight finish and settles it', async () => {
    const provider = await startProvider();
    const started = await launch('--provider', `openai=${provider.url}`);
    const { token } = started.ready;
    const response = await openStream(started.ready);
    expect(response.statusCode).toBe(200);
    const upstream = await provider.answering;
    const ended = started.end();
    await once(started.process.stderr ?? process.stdin, 'data');
    upstream.end(
      event({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 } }) +
        'data: [DONE]\n\n',
    );
    const text = await readText(response);
    expect(text).toContain('"one"');
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(await ended).toBe(0);

    const again = await launch();
    // 10 input tokens at 0.15 and 1 output token at 0.60 USD per million.
    expect(await about({ ...again.ready, token })).toMatchObject({ usage: 0.0000021, reserved: 0 });
  });

  test('counts once if it arrives twice at a time, and ends the process at once when repeated', async () => {
    const provider = await startProvider();
    const started = await launch('--provider', `openai=${provider.url}`);
    const response = await openStream(started.ready);
    const upstream = await provider.answering;
    const { process: child } = started;
    // It gets both together, however long this process waits between them.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) child.kill(signal);
    await once(child.stderr ?? process.stdin, 'data');
    // The stream goes on, so the process is alive after both.
    upstream.write(event({ choices: [{ index: 0, delta: { content: 'two' } }] }));
    let text = '';
    for await (const chunk of response) {
      text += chunk;
      if (text.includes('"two"')) break;
    }
    expect(text).toContain('"two"');
    const repeat = setInterval(() => child.kill('SIGINT'), 100);
    const exit = await once(child, 'exit');
    clearInterval(repeat);
    // A signal that arrives while it exits with 1 ends it too.
    expect([
      [1, null],
      [null, 'SIGINT'],
    ]).toContainEqual(exit);
  });
});

describe('the flags', () => {
  test('name a port that is free', async () => {
    const server = createServer();
    servers.push(server);
    const { port } = new URL(await listen(server));
    const { status, stderr } = await run(['--ephemeral', '--port', port], folder);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `hallpass: port ${port} of 127.0.0.1 is in use; choose another with --port\n`,
    );
  });

  test('end with status 2 if wrong, before anything is written', async () => {
    const { status, stderr } = await run(['--provider', 'nobody=http://127.0.0.1:1'], folder);
    expect(status).toBe(2);
    expect(stderr).toContain('got "nobody"');
    expect(await readdir(folder)).toEqual([]);
  });

  test('are explained by --help with status 0', async () => {
    const { status, stdout } = await run(['--help'], folder);
    expect(status).toBe(0);
    expect(stdout).toContain('--provider <name=url>');
  });
});

const hasCurl = spawnSync('curl', ['--version']).status === 0;

test.skipIf(!hasCurl)(
  'prints links to the pages, then a line of curl that streams (needs curl)',
  async () => {
    const { spawn } = await import('node:child_process');
    const root = new URL('../..', import.meta.url).pathname;
    const child = spawn(process.execPath, [`${root}bin/start.ts`, '--ephemeral', '--port', '0'], {
      cwd: folder,
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (/^ {2}data /m.test(text)) break;
    }
    expect(text).toMatch(
      /^\nHallpass is running at \S+\/v1\n\n {2}your pass {3}http:\S+\/me#jwt:\S+\n {2}console {5}http:\S+\/console /,
    );
    expect(text).toMatch(/^ {2}demo key {4}sk-hp-/m);
    expect(text).toMatch(/^ {2}demo token {2}jwt:/m);
    expect(text).toContain('no API key is set, only demo/echo answers; set OPENAI_API_KEY,');
    const [line = ''] = /^ {2}curl -N .*$/m.exec(text) ?? [];
    const { stdout } = await promisify(execFile)('sh', ['-c', line]);
    expect(stdout).toMatch(/^data: \{.*\n\ndata: \{/);
    expect(stdout).toMatch(/data: \[DONE\]\n\n$/);
    child.kill('SIGTERM');
    await once(child, 'exit');
  },
);
