import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { makeKeySecretEnd } from '../../../adapters/aws/key-secret-end.ts';
import { asKeyId } from '../../../core/base/ids.ts';
import { runHere } from '../../support/hallpass-command.ts';
import { send } from '../../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../../support/local-gateway.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';
import { mint } from '../../support/tokens.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
});

afterAll(() => gateway.close());

/** The gateway uses a key record for ten seconds. */
const RECORD_AGE_MS = 10_000;
afterEach(() => {
  vi.useRealTimers();
});

const offline = (args: readonly string[], input = '', variables = {}) =>
  runHere(['tokens', ...args], { input, variables });
const online = (args: readonly string[], input = '') => offline([...args, '--data', folder], input);

const chat = (credential: string) =>
  send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  });

const codeOf = async (credential: string): Promise<string> =>
  JSON.parse((await chat(credential)).text).error?.code ?? 'none';

describe('tokens inspect', () => {
  const claims = { models: ['demo/*'], spending_limit: 2, user: 'ada', jti: 'seen' };

  test('shows the claims of a token offline, and if HALLPASS_KEY signed it', async () => {
    const token = gateway.sign(claims);
    const { status, stdout, stderr } = await offline(['inspect', '-', '--json'], `${token}\n`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const told = JSON.parse(stdout);
    expect(told).toEqual({
      account: gateway.account,
      key_name: 'demo',
      jti: 'seen',
      user: 'ada',
      models: ['demo/*'],
      spending_limit: 2,
      starts_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      expired: false,
      signature_holds: null,
    });
    const holds = async (HALLPASS_KEY: string) =>
      JSON.parse((await offline(['inspect', token, '--json'], '', { HALLPASS_KEY })).stdout)
        .signature_holds;
    expect(await holds(gateway.key)).toBe(true);
    expect(await holds('sk-hp-other')).toBe(false);
  });

  test('shows the remaining time in words', async () => {
    const { stdout } = await offline(['inspect', gateway.sign(claims)]);
    expect(stdout).toMatch(/^expires {4}\S+Z, in 60 minutes$/m);
    expect(stdout).toMatch(/^signature {2}not checked: HALLPASS_KEY is not set$/m);
    const { stdout: past } = await offline(['inspect', gateway.sign({ exp: 1577880000, iat: 1 })]);
    expect(past).toMatch(/^expired {4}2020-01-01T12:00:00Z, \d+ days ago$/m);
  });

  test('shows with a gateway what was spent and what is left', async () => {
    const token = gateway.sign({ ...claims, jti: 'spent' });
    const { headers } = await chat(token);
    const spent = Number(headers['x-hallpass-cost-usd']);
    expect(spent).toBeGreaterThan(0);
    const { stdout } = await online(['inspect', token, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      signature_holds: true,
      spent,
      reserved: 0,
      remaining: Number((2 - spent).toFixed(9)),
      revoked: false,
    });
  });

  test('says that a key is disabled whose secret is deleted', async () => {
    const admin = (...args: string[]) => runHere(['keys', ...args, '--data', folder]);
    const { id, key, kid } = JSON.parse((await admin('create', 'ended', '--json')).stdout);
    const signer = { HALLPASS_KEY: key, HALLPASS_KEY_ID: kid };
    const issue = ['tokens', 'issue', '--expires', '1h'];
    const token = (await runHere(issue, { variables: signer })).stdout.trim();
    expect((await admin('disable', 'ended')).status).toBe(0);
    const { environment } = gateway;
    const call = callSecretsManager(environment, 10_000);
    await makeKeySecretEnd(call, environment.secretPrefix)({ keyId: asKeyId(id) });
    expect(await online(['inspect', token])).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'hallpass: the key "ended" is disabled, and its secret is deleted or cannot be read\n',
    });
  });

  test('refuses a text that is no token and a token of another gateway', async () => {
    const { status, stdout, stderr } = await offline(['inspect', 'hello']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/scoped token: it is not three parts/);
    const forged = gateway.sign(claims).replace(/\.[\w-]+$/, `.${'A'.repeat(43)}`);
    expect(await online(['inspect', forged])).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'hallpass: the key "demo" did not sign the token, or signed it with a string that is no longer in force\n',
    });
    expect(await online(['inspect', mint()])).toMatchObject({
      status: 1,
      stderr: 'hallpass: the token belongs to the account "acct_test", not to this gateway\n',
    });
  });
});

describe('tokens revoke', () => {
  test('revokes one token from its next request, and no other token of its user', async () => {
    const token = gateway.sign({ user: 'eve', jti: 'leaked' });
    const other = gateway.sign({ user: 'eve', jti: 'kept' });
    expect([await codeOf(token), await codeOf(other)]).toEqual(['none', 'none']);
    const { status, stdout, stderr } = await online(['revoke', '-', '--json'], token);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      revoked: true,
      key_name: 'demo',
      jti: 'leaked',
      user: 'eve',
      effective_within_seconds: 0,
    });
    expect(stderr).toBe(
      'revoked jti "leaked", user "eve" of the key "demo": refused from its next request\n',
    );
    expect([await codeOf(token), await codeOf(other)]).toEqual(['token_revoked', 'none']);
    expect(JSON.parse((await online(['inspect', token, '--json'])).stdout).revoked).toBe(true);
    expect((await runHere(['explain', token, '--data', folder])).stdout).toMatch(
      /failed {2}revocation: The token has been revoked. \[token_revoked\]/,
    );
  });

  test('revokes all tokens of a user that were issued until five seconds from now', async () => {
    const iat = Math.floor(Date.now() / 1000) - 60;
    const token = gateway.sign({ user: 'bob', iat });
    expect(await codeOf(token)).toBe('none');
    expect((await online(['revoke', '--user', 'bob', '--key', 'demo'])).status).toBe(0);
    expect(await codeOf(token)).toBe('token_revoked');
    const nowSeconds = () => Math.floor(Date.now() / 1000);
    const early = gateway.sign({ user: 'bob', iat: nowSeconds() + 4 });
    expect(await codeOf(early)).toBe('token_revoked');
    vi.setSystemTime(Date.now() + 6_000);
    expect(await codeOf(gateway.sign({ user: 'bob', iat: nowSeconds() }))).toBe('none');
  });

  test('revokes all tokens with a jti within ten seconds', async () => {
    const tokens = ['kim', 'lee'].map((user) => gateway.sign({ user, jti: 'week 12' }));
    expect((await online(['revoke', '--jti', 'week 12', '--key', 'demo'])).status).toBe(0);
    // The test before may have read the record six seconds ahead of the clock.
    vi.setSystemTime(Date.now() + 2 * RECORD_AGE_MS);
    for (const token of tokens) expect(await codeOf(token)).toBe('token_revoked');
    expect(JSON.parse((await online(['inspect', tokens[0] ?? '', '--json'])).stdout).revoked).toBe(
      true,
    );
  });

  test('is recorded as a change of the key', async () => {
    const { stdout } = await runHere([
      'keys',
      'show',
      'demo',
      '--audit',
      '--json',
      '--data',
      folder,
    ]);
    const { audit, revoked_tokens: listed } = JSON.parse(stdout);
    expect(listed).toBe(1);
    expect(audit.map(({ action, fields }: never) => [action, fields])).toEqual([
      ['revoke', { jti: 'week 12' }],
      ['revoke', { user: 'bob', issued_until: expect.stringMatching(/^\d{4}-.*Z$/) }],
      ['revoke', { jti: 'leaked', user: 'eve' }],
      ['create', { limits: 'none', maxTokenLifetime: '604800s', models: 'any' }],
    ]);
  });

  test.each<[string[], number, RegExp]>([
    [[], 2, /exactly one of a token, --jti and --user/],
    [['-', '--jti', 'a', '--key', 'demo'], 2, /exactly one of a token, --jti and --user/],
    [['--jti', 'a'], 2, /--jti and --user need --key/],
    [['--user', 'a', '--key', 'nobody'], 1, /there is no key "nobody"/],
    [['-'], 2, /the token or key on standard input is empty/],
    [['jwt:nonsense'], 1, /not three parts/],
  ])('%j ends with %i', async (args, status, words) => {
    const result = await online(['revoke', ...args]);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(words);
  });
});
