/**
 * A platform team's story through HTTP and the command line: the operator makes keys once, and the team's own server key
 * does everything after that.
 */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { mintWith } from '../support/user-jwts.ts';

const SECRET = 'a shared secret of an identity provider, 32 bytes';
const ANN = 'ann@corp.example';

let gateway: TestGateway;
const folder = makeTemporaryFolder();
let keys: Record<'platform' | 'other' | 'app' | 'laptop' | 'desktop' | 'stray', string>;

beforeAll(async () => {
  gateway = await startTestGateway({ data: join(folder, '.hallpass') });
  const made: Record<string, string> = {};
  for (const args of [
    ['platform'],
    ['other'],
    [
      ...['app', '--client-access', '--jwt-secret', '-', '--managed-by', 'platform'],
      ...['--limit', 'user:usd:month=1'],
      ...['--when', 'tier=pro', '--limit', 'user:usd:month=20', '--models', 'demo/*'],
    ],
    ['laptop', '--user', 'Ann@Corp.example', '--managed-by', 'platform', '--limit', BUDGET],
    ['desktop', '--user', ANN, '--managed-by', 'platform', '--limit', BUDGET],
    ['stray', '--user', 'bob@corp.example', '--limit', BUDGET],
  ]) {
    const { status, stdout, stderr } = await runHere(
      ['keys', 'create', ...args, '--json', '--data', join(folder, '.hallpass')],
      { input: SECRET },
    );
    if (status !== 0) throw new Error(stderr);
    made[args[0] ?? ''] = JSON.parse(stdout).key;
  }
  keys = made as typeof keys;
});
afterAll(() => gateway.close());

/** The gateway uses a key record for ten seconds. */
const RECORD_AGE_MS = 10_000;
afterEach(() => {
  vi.useRealTimers();
});

const BUDGET = 'user:usd:month=0.0002';

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly message?: string;
  readonly data?: unknown;
}
async function send(path: string, credential: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${gateway.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
  });
  const { data, error } = (await response.json()) as { data?: unknown; error?: object };
  return { status: response.status, data, ...error };
}
const chat = (credential: string) =>
  send('/chat/completions', credential, {
    method: 'POST',
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
const patch = (path: string, credential: string, fields: object) =>
  send(path, credential, { method: 'PATCH', body: JSON.stringify(fields) });
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3_600;
const byKey = (args: readonly string[], key = keys.platform) =>
  runHere([...args, '--url', gateway.url], { variables: { HALLPASS_KEY: key } });
const pathOf = (user: string, key: string) => `/users/${encodeURIComponent(user)}?key=${key}`;

describe('a tier by claim', () => {
  test('gives each user of the app their own limits and models', async () => {
    const limitOf = async (claims: object) => {
      const jwt = mintWith({ exp: inAnHour(), ...claims }, SECRET);
      const { limit, models } = await gateway.aboutKey(`${keys.app}:${jwt}`);
      return { limit, models };
    };

    expect(await limitOf({ sub: 'u1', tier: 'pro' })).toEqual({ limit: 20, models: ['demo/*'] });
    expect(await limitOf({ sub: 'u2' })).toEqual({ limit: 1, models: null });
  });

  test("lets the team see and raise the app's users, with its server key alone", async () => {
    const jwt = mintWith({ sub: 'u3', exp: inAnHour() }, SECRET);
    expect((await chat(`${keys.app}:${jwt}`)).status).toBe(200);
    await expect
      .poll(async () => (await byKey(['users', 'list', '--key', 'app'])).stdout)
      .toMatch(/^jwt:.* u3 /m);
    const raise = ['users', 'set', 'wallet', '--key', 'app', '--limit', 'usd:month=7', '--json'];
    const listed = await byKey(['users', 'list', '--key', 'app', '--json']);
    raise[2] = JSON.parse(listed.stdout)[0].id;
    expect((await byKey(raise)).status).toBe(0);
    expect((await gateway.aboutKey(`${keys.app}:${jwt}`)).limit).toBe(7);
    const usage = await byKey(['usage', '--by', 'user', '--key', 'app', '--csv']);
    expect(usage.stdout).toMatch(/^u3,1,/m);
  });
});

describe('an address of a user of the app', () => {
  const credentialOf = (sub: string, claims: object): string =>
    `${keys.app}:${mintWith({ sub, exp: inAnHour(), email: 'eve@corp.example', ...claims }, SECRET)}`;

  test('names the person only if it is verified', async () => {
    const verified = credentialOf('v1', { email_verified: true });
    const others = [
      credentialOf('x1', { email_verified: false }),
      credentialOf('x2', {}),
      credentialOf('x3', { email: '\u212Aelly@corp.example', email_verified: true }),
      credentialOf('x4', { email: 'Kelly@corp.example', email_verified: false }),
    ];
    for (const each of [verified, ...others]) expect((await chat(each)).status).toBe(200);
    await expect
      .poll(async () => (await send(pathOf('eve@corp.example', 'app'), keys.platform)).data)
      .toMatchObject({ email: 'eve@corp.example' });

    for (const address of ['eve@corp.example', 'kelly@corp.example']) {
      await patch(pathOf(address, 'app'), keys.platform, { blocked: 'left' });
    }

    expect((await chat(verified)).code).toBe('user_blocked');
    for (const each of others) expect((await chat(each)).status).toBe(200);
  });
});

describe('personal keys on two laptops', () => {
  test('are one budget, which the team sees from either key', async () => {
    let requests = 0;
    const tryBoth = async (): Promise<number> => {
      const credential = requests % 2 === 0 ? keys.laptop : keys.desktop;
      requests += 1;
      return (await chat(credential)).status;
    };
    await expect.poll(tryBoth, { interval: 0 }).toBe(402);
    expect((await chat(keys.laptop)).status).toBe(402);
    expect((await chat(keys.desktop)).status).toBe(402);

    for (const key of ['laptop', 'desktop']) {
      const { data } = await send(`/users?near=1&key=${key}`, keys.platform);
      expect(data).toMatchObject([{ id: `personal:${ANN}`, user: ANN, nearest: { per: 'user' } }]);
    }
  });

  test('go on with a raise for the person, on both', async () => {
    const limits = [{ per: 'user', unit: 'usd', window: 'month', limit: 1 }];
    expect((await patch(pathOf(ANN, 'laptop'), keys.platform, { limits })).status).toBe(200);

    expect((await chat(keys.laptop)).status).toBe(200);
    expect((await chat(keys.desktop)).status).toBe(200);
  });

  test('have a report each, and together what the wallet spent', async () => {
    const reportOf = async (credential: string): Promise<number> => {
      const { data } = await send('/usage?group_by=key', credential);
      const [line, ...others] = data as readonly { readonly usd: number }[];
      expect(others).toEqual([]);
      return Math.round((line?.usd ?? 0) * 1e9);
    };
    const [laptop, desktop] = [await reportOf(keys.laptop), await reportOf(keys.desktop)];
    expect(Math.min(laptop, desktop)).toBeGreaterThan(0);
    const sum = laptop + desktop;
    for (const key of [keys.laptop, keys.desktop]) {
      expect(Math.round((await gateway.aboutKey(key)).usage * 1e9)).toBe(sum);
    }
    const place = ['--data', join(folder, '.hallpass'), '--json'];
    const { stdout } = await runHere(['usage', '--by', 'user', ...place]);
    const lines: readonly { readonly user: string; readonly usd: number }[] =
      JSON.parse(stdout).data;
    const hers = lines.filter(({ user }) => user === ANN).map(({ usd }) => Math.round(usd * 1e9));
    expect(hers.sort()).toEqual([laptop, desktop].sort());
  });

  // guarantee: managed-users-only
  test('are changed by nobody but the key that manages them', async () => {
    const raise = { limits: [{ per: 'user', unit: 'usd', window: 'month', limit: 999 }] };
    const tokenOfPlatform = gateway.newToken({ user: ANN });
    for (const [path, credential, status] of [
      [pathOf(ANN, 'laptop'), keys.laptop, 403],
      [`/users/personal:${ANN}`, keys.laptop, 403],
      [pathOf(ANN, 'laptop'), keys.desktop, 403],
      [pathOf(ANN, 'laptop'), tokenOfPlatform, 403],
      [pathOf(ANN, 'laptop'), keys.other, 404],
      [`/users/personal:${ANN}`, keys.other, 404],
      [`/users/personal:${ANN}`, keys.platform, 404],
      [pathOf('bob@corp.example', 'stray'), keys.platform, 404],
      [pathOf('bob@corp.example', 'laptop'), keys.platform, 404],
    ] as const) {
      expect({ path, status: (await patch(path, credential, raise)).status }).toEqual({
        path,
        status,
      });
    }
    expect((await send('/usage?key=laptop', keys.other)).status).toBe(404);
    expect((await send('/usage?key=laptop', keys.laptop)).status).toBe(200);
    expect((await send('/usage?key=desktop', keys.laptop)).status).toBe(403);
    const { data } = await send(pathOf(ANN, 'laptop'), keys.platform);
    expect(data).toMatchObject({ limits: [{ limit: 1 }] });
  });

  test('end for a person who leaves, on both, with the reason', async () => {
    const block = ['users', 'block', ANN, '--key', 'desktop', '--reason', 'left the company'];
    expect((await byKey(block)).status).toBe(0);

    for (const key of [keys.laptop, keys.desktop]) {
      const { status, code, message } = await chat(key);
      expect([status, code]).toEqual([403, 'user_blocked']);
      expect(message).toContain('left the company');
    }
    const { stdout } = await runHere([
      ...['users', 'list', '--personal', '--json', '--data', join(folder, '.hallpass')],
    ]);
    expect(JSON.parse(stdout)).toMatchObject([{ user: ANN, blocked: 'left the company' }]);
    for (const key of ['laptop', 'desktop', 'stray']) {
      const shown = await runHere([
        ...['keys', 'show', key, '--audit', '--data', join(folder, '.hallpass')],
      ]);
      expect({ key, isListed: shown.stdout.includes('left the company') }).toEqual({
        key,
        isListed: key !== 'stray',
      });
    }
  });

  test('are not changed by the former string of the managing key', async () => {
    const args = ['keys', 'rotate', 'platform', '--overlap', '1h', '--json'];
    const { stdout } = await runHere([...args, '--data', join(folder, '.hallpass')]);
    const { key } = JSON.parse(stdout);

    vi.setSystemTime(Date.now() + RECORD_AGE_MS);

    expect((await send(pathOf(ANN, 'laptop'), key)).status).toBe(200);
    expect((await send(pathOf(ANN, 'laptop'), keys.platform)).status).toBe(403);
  });
});
