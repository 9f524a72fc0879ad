import { tmpdir } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import { hallpass, runHere } from '../../support/hallpass-command.ts';
import { KEY } from '../../support/memory-keys.ts';
import { KID } from '../../support/tokens.ts';

const SIGNER = { HALLPASS_KEY: KEY, HALLPASS_KEY_ID: KID };

const issue = (...args: string[]) => runHere(['tokens', 'issue', ...args], { variables: SIGNER });

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

describe('tokens issue', () => {
  test('prints only the token to standard output, and its description to standard error', async () => {
    const { status, stdout, stderr } = await hallpass(
      ['tokens', 'issue', '--models', 'demo/*', '--limit-usd', '2', '--expires', '24h'],
      { cwd: tmpdir(), variables: SIGNER },
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^jwt:[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(stderr).toMatch(
      /^issued the token "[0-9a-f-]{36}" of the key "course", without a user, for demo\/\*, for 2 USD, until \S+ \(24 hours\)\n$/,
    );
    expect(stderr).not.toContain(KEY);
  });

  test('signs the claims of the flags, and a random jti', async () => {
    vi.setSystemTime(1_800_000_000_000);
    const { stdout } = await issue(
      ...['--models', 'demo/echo,openai/*', '--limit-usd', '0.29', '--expires', '7d'],
      ...['--user', 'ada@example.edu', '--json'],
    );
    vi.useRealTimers();
    const told = JSON.parse(stdout);
    expect(claimsOf(told.token)).toEqual({
      sub: 'acct_test',
      iat: 1_800_000_000,
      exp: 1_800_604_800,
      models: ['demo/echo', 'openai/*'],
      spending_limit: 0.29,
      user: 'ada@example.edu',
      jti: told.jti,
    });
    expect(told).toEqual({
      token: told.token,
      account: 'acct_test',
      key_name: 'course',
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      user: 'ada@example.edu',
      models: ['demo/echo', 'openai/*'],
      spending_limit: 0.29,
      expires_at: '2027-01-22T08:00:00Z',
    });
  });

  test('leaves out claims without a flag, except the jti', async () => {
    const { stdout } = await issue('--expires', '1h', '--jti', 'week 12');
    expect(Object.keys(claimsOf(stdout))).toEqual(['sub', 'iat', 'exp', 'jti']);
    expect(claimsOf(stdout).jti).toBe('week 12');
  });

  test('signs a longer lifetime if the key allows it', async () => {
    const { status } = await issue('--expires', '30d', '--max-token-lifetime', '30d');
    expect(status).toBe(0);
  });

  test('refuses claims that the gateway would refuse', async () => {
    const longer = 'hallpass: the token would expire later than in 7 days, the most its key allows';
    expect(await issue('--expires', '8d')).toMatchObject({ status: 1, stderr: `${longer}\n` });
    expect(await issue('--expires', '2020-01-01T00:00Z')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'hallpass: the token would expire in the past\n',
    });
  });

  test.each<[string[], RegExp]>([
    [['--expires', '24h', '--limit-usd', '0'], /dollars from 0.000000001 to 1000000000, got "0"/],
    [['--expires', '24h', '--limit-usd', '-1'], /must be dollars/],
    [['--expires', '24h', '--limit-usd', '1e3'], /must be dollars/],
    [['--expires', '24h', '--models', ''], /must be 1 to 64 model ids/],
    [['--expires', '24h', '--models', 'a,,b'], /must be 1 to 64 model ids/],
    [['--expires', '24h', '--user', ''], /must be 1 to 256 characters/],
    [['--expires', '24h', '--key', KEY], /unknown option '--key'/],
    [['--expires', 'tomorrow'], /a duration such as 24h or 7d, or an instant such as/],
    [['--expires', '2026-12-01'], /a duration such as 24h or 7d, or an instant such as/],
    [[], /required option '--expires <when>' not specified/],
  ])('%j is wrong use', async (args, words) => {
    const { status, stdout, stderr } = await issue(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain('sk-hp-');
  });

  test('names the variable that is missing or wrong', async () => {
    const run = (variables: Record<string, string>) =>
      runHere(['tokens', 'issue', '--expires', '1h'], { variables });
    expect(await run({ HALLPASS_KEY_ID: KID })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('HALLPASS_KEY must hold the key'),
    });
    expect(await run({ HALLPASS_KEY: KEY })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('HALLPASS_KEY_ID must hold its kid'),
    });
    expect(await run({ ...SIGNER, HALLPASS_KEY: 'sk-CANARY' })).toEqual({
      status: 1,
      stdout: '',
      stderr: 'hallpass: the key is not one of Hallpass, "sk-hp-" and 49 characters\n',
    });
    expect(await run({ ...SIGNER, HALLPASS_KEY_ID: 'course' })).toMatchObject({
      status: 1,
      stderr: "hallpass: the kid must be the account, a colon and the base64 of the key's name\n",
    });
  });
});
