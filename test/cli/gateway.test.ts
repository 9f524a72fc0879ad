import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { hallpass, runHere } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { mintWith } from '../support/user-jwts.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ data: join(folder, '.hallpass') });
});

afterAll(() => gateway.close());

const here = (args: readonly string[], more: object = {}) =>
  runHere([...args, '--data', join(folder, '.hallpass')], more);

async function json(...args: string[]) {
  const { status, stdout, stderr } = await here([...args, '--json']);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const statusOf = async (credential: string): Promise<number> =>
  (await send(`${gateway.url}/models`, { headers: { authorization: `Bearer ${credential}` } }))
    .status;

const stream = (credential: string, body: object = {}) =>
  send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      stream: true,
      messages: [{ role: 'user', content: 'Hello there' }],
      ...body,
    }),
  });

/** The gateway uses a key record for ten seconds. */
const RECORD_AGE_MS = 10_000;
afterEach(() => {
  vi.useRealTimers();
});

describe('with a running gateway', () => {
  test('a new key works at once, and its token streams', async () => {
    const made = await hallpass(['keys', 'create', 'course', '--json'], { cwd: folder });
    expect(made).toMatchObject({ status: 0, stderr: expect.not.stringContaining('sk-hp-') });
    const { key, kid } = JSON.parse(made.stdout);
    expect(await statusOf(key)).toBe(200);

    const issued = await hallpass(
      ['tokens', 'issue', '--models', 'demo/*', '--limit-usd', '2', '--expires', '1h'],
      { cwd: folder, variables: { HALLPASS_KEY: key, HALLPASS_KEY_ID: kid } },
    );
    const answer = await stream(issued.stdout.trim());
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Hello');
    expect(answer.text).toMatch(/data: \[DONE\]\s*$/);
    const other = await stream(issued.stdout.trim(), { model: 'openai/gpt-4o-mini' });
    expect(other.status).toBe(403);
  });

  test('a personal key acts for its user', async () => {
    const { key } = await json('keys', 'create', 'mine', '--user', 'ada@example.edu');
    const { text } = await send(`${gateway.url}/key`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(JSON.parse(text).data.user).toBe('ada@example.edu');
  });

  test('a rotation and a disabled key take effect within ten seconds', async () => {
    const kept = await json('keys', 'create', 'kept');
    const killed = await json('keys', 'create', 'killed');
    const ended = await json('keys', 'create', 'ended');
    for (const { key } of [kept, killed, ended]) expect(await statusOf(key)).toBe(200);

    const after = await json('keys', 'rotate', 'kept', '--overlap', '1h');
    const only = await json('keys', 'rotate', 'killed', '--now');
    await json('keys', 'disable', 'ended');
    vi.setSystemTime(Date.now() + RECORD_AGE_MS);
    expect(await statusOf(after.key)).toBe(200);
    expect(await statusOf(only.key)).toBe(200);
    expect(await statusOf(killed.key)).toBe(401);
    expect(await statusOf(ended.key)).toBe(401);
    expect(await statusOf(kept.key)).toBe(200);
    // A name rotated by the gateway's own words: the former string signs no more.
    const { status } = await send(`${gateway.url}/scoped-jwt`, {
      method: 'POST',
      headers: { authorization: `Bearer ${kept.key}` },
      body: '{}',
    });
    expect(status).toBe(403);
  });
});

describe('explain', () => {
  const lines = (text: string): string[][] =>
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2}|: /).slice(0, 2));

  test('shows each check that a token passes, and the rest of its limits', async () => {
    const token = gateway.sign({ spending_limit: 1, user: 'ada', jti: 'explained' });
    const { status, stdout, stderr } = await here(
      ['explain', '-', '--model', 'demo/echo', '--header', 'X-Conversation-Id: c1'],
      { input: `${token}\n` },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(lines(stdout)).toEqual(
      [
        'credential',
        'form',
        'key',
        'signature',
        'claims',
        'times',
        'conversation',
        'identity',
        'model',
        'allowed',
        'price',
        'revocation',
        'block',
        'limit token:usd:total',
      ].map((check) => ['passed', check]),
    );
    expect(stdout).toContain('identity: the user "ada", conversation "c1"');
    expect(stdout).toContain('limit token:usd:total: 0 of 1 used, 1 left');
  });

  test('shows each check of a key with a JWT, and its user', async () => {
    const exp = Math.floor(Date.now() / 1000) + 600;
    const jwt = mintWith({ sub: 'ada', exp }, gateway.clientJwtSecret);
    const { passed, checks } = await json('explain', `${gateway.clientKey}:${jwt}`);
    expect(passed).toBe(true);
    expect(checks.map(({ check }: { check: string }) => check)).toEqual(
      expect.arrayContaining(['verifier', 'jwt signature', 'jwt times', 'user', 'identity']),
    );
    const alone = await here(['explain', gateway.clientKey]);
    expect(alone.stdout).toContain('a client key without a JWT');
  });

  test.each<[string, () => readonly string[], string, string]>([
    ['form', () => ['sk-hp-nonsense'], 'invalid_api_key', 'not a key of this gateway'],
    ['form', () => [`${gateway.sign()}A`], 'invalid_api_key', 'is not 32 bytes'],
    ['credential', () => ['hello'], 'invalid_api_key', 'none of the three forms'],
    [
      'signature',
      () => [gateway.sign().replace(/\.[\w-]+$/, `.${'A'.repeat(43)}`)],
      'invalid_api_key',
      'the signature does not hold',
    ],
    ['claims', () => [gateway.sign({ models: [] })], 'token_claim_invalid', 'claim "models" must'],
    ['times', () => [gateway.sign({ exp: 1 })], 'token_expired', 'The token has expired.'],
    [
      'credential',
      () => [gateway.key, '--header', 'x-api-key: sk-other'],
      'invalid_api_key',
      'two different credentials',
    ],
    [
      'conversation',
      () => [gateway.key, '--header', 'X-Conversation-Id: a b'],
      'invalid_request',
      '"x-conversation-id" must be sent once',
    ],
    [
      'allowed',
      () => [gateway.sign({ models: ['demo/*'] }), '--model', 'openai/gpt-4o'],
      'model_not_allowed',
      'allowed are demo/*',
    ],
    ['model', () => [gateway.key, '--model', 'x/y'], 'model_not_found', '"x/y" does not exist'],
    [
      'price',
      () => [gateway.sign({ spending_limit: 1 }), '--model', 'ollama/llama3'],
      'model_price_unknown',
      'the price of the model "ollama/llama3" is not known',
    ],
  ])('names the check that fails: %s', async (check, args, code, words) => {
    const { status, stdout } = await here(['explain', ...args(), '--json']);
    expect(status).toBe(1);
    const { passed, checks } = JSON.parse(stdout);
    expect(passed).toBe(false);
    expect(checks.at(-1)).toMatchObject({
      check,
      passed: false,
      code,
      found: expect.stringContaining(words),
    });
  });

  test('shows a limit that leaves too little for the smallest request, and spends nothing', async () => {
    const token = gateway.sign({ spending_limit: 0.000_05, jti: 'poor' });
    expect((await stream(token)).status).toBe(402);
    const args = ['explain', '-', '--json', '--model', 'demo/echo'];
    for (let time = 0; time < 2; time += 1) {
      const { status, stdout, stderr } = await here(args, { input: token });
      expect(status).toBe(1);
      expect(JSON.parse(stdout).checks.at(-1)).toEqual({
        check: 'limit token:usd:total',
        passed: false,
        found: '0 of 0.00005 used, 0.00005 left',
        code: 'insufficient_quota',
        status: 402,
      });
      expect(stderr).toBe('hallpass: refused with 402 insufficient_quota: limit token:usd:total\n');
    }
    expect((await here(['explain', '-', '--json'], { input: token })).status).toBe(0);
  });

  test('shows no secret', async () => {
    for (const secret of [gateway.key, gateway.sign(), `${gateway.key}:ey.ey.ey`]) {
      const { stdout, stderr } = await here(['explain', '-'], { input: secret });
      expect(stdout + stderr).not.toContain(secret.slice(0, 20));
      expect(stdout + stderr).not.toMatch(/sk-hp-|jwt:/);
    }
  });

  test('refuses an empty standard input as wrong use', async () => {
    expect(await here(['explain', '-'])).toMatchObject({ status: 2, stdout: '' });
  });
});
