import { describe, expect, test } from 'vitest';
import { runHere } from '../../support/hallpass-command.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
const run = (...args: string[]) =>
  runHere([...args, '--data', folder], { input: 'a-secret-of-the-issuer-that-is-long-enough.' });
const show = async (name: string) =>
  JSON.parse((await run('keys', 'show', name, '--json')).stdout) as Record<string, unknown>;

describe('keys create --when', () => {
  test('gives each rule the limits and models behind it, and the key those before', async () => {
    const { status } = await run(
      ...['keys', 'create', 'app', '--client-access', '--jwt-secret', '-'],
      ...['--limit', 'user:usd:month=5', '--models', 'demo/*'],
      ...['--when', 'tier=pro', '--limit', 'user:usd:month=20', '--limit', 'user:usd:day=3'],
      ...['--when', 'tier=team', '--models', 'openai/*,demo/echo'],
    );
    expect(status).toBe(0);
    expect(await show('app')).toMatchObject({
      limits: ['user:usd:month=5'],
      models: ['demo/*'],
      tiers: [
        { when: 'tier=pro', limits: ['user:usd:month=20', 'user:usd:day=3'], models: null },
        { when: 'tier=team', limits: [], models: ['openai/*', 'demo/echo'] },
      ],
    });
  });

  test.each([
    ['a rule that gives nothing', ['--when', 'tier=pro'], 2, 'needs a --limit or --models'],
    [
      'a limit of the whole key',
      ['--when', 't=1', '--limit', 'key:usd:day=1'],
      2,
      'about one user',
    ],
    ['another form', ['--when', '=pro'], 2, 'claim=value'],
    ['a key without a verifier', ['--when', 't=1', '--models', 'demo/*'], 1, 'need a verifier'],
  ])('is refused for %s', async (_, flags, status, words) => {
    const outcome = await run('keys', 'create', 'server', ...flags);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).toContain(words);
  });
});

describe('keys set', () => {
  test('removes the rules by --when none, and the end by --expires never', async () => {
    await run('keys', 'set', 'app', '--expires', '2030-01-01T00:00Z');
    expect((await show('app')).expires_at).toBe('2030-01-01T00:00:00Z');
    await run('keys', 'set', 'app', '--when', 'none', '--expires', 'never');
    expect(await show('app')).toMatchObject({ tiers: null, expires_at: null });
  });
});
