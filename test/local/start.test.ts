import { execFile, spawn, spawnSync } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtemp, readdir, readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen } from '../../local/listen.ts';
import { open, send } from '../support/http-client.ts';
import { type Ready, run, type Started, start } from '../support/start-process.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const top = makeTemporaryFolder();
const makeFolder = (): Promise<string> => mkdtemp(join(top, 'folder-'));
const closers: (() => unknown)[] = [];

afterAll(async () => {
  // A process that still writes could fill its folder again while it is removed.
  for (const close of closers) await close();
});

async function launch(folder: string, ...args: string[]): Promise<Started> {
  const started = await start(args, folder);
  closers.push(() => started.end('SIGKILL'));
  return started;
}

const as = (credential: string) => ({
  authorization: `Bearer ${credential}`,
  'content-type': 'application/json',
});

const chat = ({ url, token }: Ready) =>
  send(`${url}/chat/completions`, {
    method: 'POST',
    headers: as(token),
    body: '{"model":"demo/echo","messages":[{"role":"user","content":"Hello"}]}',
  });

async function about({ url, token }: Ready): Promise<{ usage: number; reserved: number }> {
  const { text } = await send(`${url}/key`, { headers: as(token) });
  return JSON.parse(text).data;
}

/** Waits until the gateway says that it finishes requests. */
async function untilItFinishes({ process: child }: Started): Promise<void> {
  let text = '';
  for await (const [chunk] of on(child.stderr ?? process.stdin, 'data')) {
    text += chunk;
    if (text.includes('finishing 1 requests')) return;
  }
}

const event = (data: object): string => `data: ${JSON.stringify({ id: 'c', ...data })}\n\n`;

interface SlowProvider {
  readonly url: string;
  /** Opens a stream through a gateway. Returns both ends. */
  openStream(ready: Ready): Promise<{ answer: IncomingMessage; upstream: ServerResponse }>;
}

/** A provider that says one word and then waits to be told to go on. */
async function startSlowProvider(): Promise<SlowProvider> {
  let answering = Promise.withResolvers<ServerResponse>();
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event({ choices: [{ index: 0, delta: { content: 'one' } }] }));
    answering.resolve(response);
  });
  closers.push(() => server.close().closeAllConnections());
  return {
    url: await listen(server),
    async openStream({ url, token }) {
      answering = Promise.withResolvers();
      const { response: answer } = await open(`${url}/chat/completions`, {
        method: 'POST',
        headers: as(token),
        body: JSON.stringify({
          model: 'openai/gpt-4o-mini',
          stream: true,
          max_tokens: 100,
          messages: [{ role: 'user', content: 'Hello' }],
        }),
      });
      expect(answer.statusCode).toBe(200);
      return { answer, upstream: await answering.promise };
    },
  };
}

/** Three gateways, one after another. Each test goes on where the one before it stopped. */
describe('on one folder, a gateway', () => {
  let provider: SlowProvider;
  let folder: string;
  let data: string;
  let first: Started;
  let second: Started;
  let third: Started;
  const launchNext = () => launch(folder, '--provider', `openai=${provider.url}/v1`);

  beforeAll(async () => {
    provider = await startSlowProvider();
    folder = await makeFolder();
    data = join(folder, '.hallpass');
    first = await launchNext();
  });

  test('prints in one JSON line what a script needs', () => {
    const { ready } = first;
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
      data,
    });
  });

  test('publishes its URL to other commands', async () => {
    const text = await readFile(join(data, 'endpoint.json'), 'utf8');
    const { url, pid, variables } = JSON.parse(text);
    expect({ url, pid }).toEqual({ url: first.ready.url, pid: first.process.pid });
    expect(variables.AWS_ENDPOINT_URL_DYNAMODB).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test('writes files that only their owner can read', async () => {
    expect((await chat(first.ready)).status).toBe(200);
    const entries = await readdir(data, { recursive: true, withFileTypes: true });
    expect(entries.length).toBeGreaterThan(5);
    for (const entry of entries) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
    expect((await stat(data)).mode & 0o777).toBe(0o700);
  });

  test('is the only one', async () => {
    const { status, stderr } = await run(['--port', '0'], folder);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `hallpass: a gateway is running on ${data} (${first.ready.url}); use it, stop it, or choose another folder with --data\n`,
    );
  });

  test('lets a stream in flight finish after a signal, and ends with its URL no longer published', async () => {
    const { answer, upstream } = await provider.openStream(first.ready);
    const finishing = untilItFinishes(first);
    const ended = first.end();
    await finishing;
    upstream.end(
      event({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 } }) +
        'data: [DONE]\n\n',
    );
    const text = await readText(answer);
    expect(text).toContain('"one"');
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(await ended).toBe(0);
    await expect(readFile(join(data, 'endpoint.json'))).rejects.toThrow('ENOENT');
  });

  test('keeps keys and spend across a restart, those of the last stream too', async () => {
    second = await launchNext();
    const { account, key, kid, token } = first.ready;
    expect(second.ready).toMatchObject({ account, key, kid });
    // The echo's 0.000009, and 10 input tokens at 0.15 and 1 output token at 0.60 USD per million.
    expect(await about({ ...second.ready, token })).toMatchObject({
      usage: 0.0000111,
      reserved: 0,
    });
    expect((await chat({ ...second.ready, token })).status).toBe(200);
  });

  test('starts again after a kill', async () => {
    await second.end('SIGKILL');
    third = await launchNext();
    expect(third.ready.key).toBe(first.ready.key);
  });

  test('counts a signal to end once if it arrives twice at a time, and ends at once when it is repeated', async () => {
    const { answer, upstream } = await provider.openStream(third.ready);
    const finishing = untilItFinishes(third);
    const { process: child } = third;
    // It gets both together, however long this process waits between them.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) child.kill(signal);
    await finishing;
    // The stream goes on, so the process is alive after both.
    upstream.write(event({ choices: [{ index: 0, delta: { content: 'two' } }] }));
    let text = '';
    for await (const chunk of answer) {
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

test('leaves nothing behind with --ephemeral', async () => {
  const folder = await makeFolder();
  const started = await launch(folder, '--ephemeral');
  expect(started.ready.data).toBeNull();
  expect((await chat(started.ready)).status).toBe(200);
  expect(await started.end('SIGINT')).toBe(0);
  expect(await readdir(folder)).toEqual([]);
});

describe('the flags', () => {
  test('name a port that is free', async () => {
    const { port } = new URL((await startSlowProvider()).url);
    const { status, stderr } = await run(['--ephemeral', '--port', port], top);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `hallpass: port ${port} of 127.0.0.1 is in use; choose another with --port\n`,
    );
  });

  test('end with status 2 if wrong, before anything is written', async () => {
    const folder = await makeFolder();
    const { status, stderr } = await run(['--provider', 'nobody=http://127.0.0.1:1'], folder);
    expect(status).toBe(2);
    expect(stderr).toContain('got "nobody"');
    expect(await readdir(folder)).toEqual([]);
  });

  test('are explained by --help with status 0', async () => {
    const { status, stdout } = await run(['--help'], top);
    expect(status).toBe(0);
    expect(stdout).toContain('--provider <name=url>');
  });
});

const hasCurl = spawnSync('curl', ['--version']).status === 0;

test.skipIf(!hasCurl)(
  'prints links to the pages, then a line of curl that streams (needs curl)',
  async () => {
    const root = new URL('../..', import.meta.url).pathname;
    const args = [`${root}bin/start.ts`, '--data', 'kept', '--port', '0'];
    const child = spawn(process.execPath, args, {
      cwd: top,
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (/^ {2}data .*\n/m.test(text)) break;
    }
    expect(text).toMatch(
      /^\nHallpass is running at \S+\/v1\n\n {2}your pass {3}http:\S+\/me#jwt:\S+\n {2}console {5}http:\S+\/console /,
    );
    expect(text).toMatch(/^ {2}demo key {4}sk-hp-/m);
    expect(text).toMatch(/^ {2}demo token {2}jwt:/m);
    expect(text).toContain('no API key is set, only demo/echo answers; set OPENAI_API_KEY,');
    expect(text).toContain(`\n  data        ${join(top, 'kept')}\n`);
    const [line = ''] = /^ {2}curl -N .*$/m.exec(text) ?? [];
    const { stdout } = await promisify(execFile)('sh', ['-c', line]);
    expect(stdout).toMatch(/^data: \{.*\n\ndata: \{/);
    expect(stdout).toMatch(/data: \[DONE\]\n\n$/);
    child.kill('SIGTERM');
    await once(child, 'exit');
  },
);
