import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type CommandResult, hallpass, runHere } from '../../support/hallpass-command.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
const KEY = /sk-hp-[\w-]{49}/;

const run = (...args: string[]): Promise<CommandResult> => hallpass(args, { cwd: folder });

/** Standard input of commands that read a secret. */
const SECRET = 'a-secret-of-the-issuer-that-is-long-enough.';

/** Runs a command in this process, in a tenth of the time. */
const here = (...args: string[]): Promise<CommandResult> =>
  runHere([...args, '--data', join(folder, '.hallpass')]);

async function json(...args: string[]) {
  const { status, stdout } = await here(...args, '--json');
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe('a folder without a gateway', () => {
  test('is reported, not made, by a command that only reads', async () => {
    const { status, stdout, stderr } = await run('keys', 'list', '--data', 'nothing');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^hallpass: there is no gateway's data in .*\/nothing; "hallpass start"/,
    );
    await expect(stat(join(folder, 'nothing'))).rejects.toThrow('ENOENT');
  });
});

describe('the life of a key', () => {
  let key: string;

  test('starts with its string and kid on standard output, and no other secret', async () => {
    const { status, stdout, stderr } = await run(
      ...['keys', 'create', 'course', '--models', 'demo/*,openai/gpt-4o-mini'],
      ...['--limit', 'user:usd:week=5', '--limit', 'user:requests:minute=20'],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^key {2}sk-hp-[\w-]{49}\nkid {2}acct_[A-Za-z0-9]{16}:Y291cnNl\n$/);
    expect(stderr).toBe('made the key "course"; it is shown only once\n');
    key = KEY.exec(stdout)?.[0] ?? '';
  });

  test('is shown without the string', async () => {
    expect(await json('keys', 'show', 'course', '--audit')).toEqual({
      name: 'course',
      id: expect.stringMatching(/^[\w-]{22}$/),
      kid: expect.stringMatching(/^acct_[A-Za-z0-9]{16}:Y291cnNl$/),
      account: expect.stringMatching(/^acct_[A-Za-z0-9]{16}$/),
      kind: 'server',
      user: null,
      expires_at: null,
      managed_by: null,
      disabled: false,
      version: expect.any(String),
      former: null,
      models: ['demo/*', 'openai/gpt-4o-mini'],
      limits: ['user:usd:week=5', 'user:requests:minute=20'],
      max_token_lifetime_seconds: 604_800,
      verifier: null,
      identity: {
        identity_header: false,
        user_header: 'x-user-email',
        enforce_identity: false,
        enforce_conversation: false,
        allowed_domains: [],
        trust_email: false,
        conversation_header: 'x-conversation-id',
        identity_namespace: null,
      },
      tiers: null,
      allowed_origins: null,
      revoked_tokens: 0,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      audit: [
        {
          id: expect.any(String),
          at: expect.any(String),
          by: expect.any(String),
          action: 'create',
          fields: {
            models: 'demo/*,openai/gpt-4o-mini',
            limits: 'user:usd:week=5,user:requests:minute=20',
            maxTokenLifetime: '604800s',
          },
        },
      ],
    });
  });

  test('continues with new settings; the others stay', async () => {
    const changed = await json('keys', 'set', 'course', '--limit', 'none', '--as', 'Grace Hopper');
    expect(changed).toMatchObject({ limits: [], models: ['demo/*', 'openai/gpt-4o-mini'] });
    const again = await json(
      ...['keys', 'set', 'course', '--models', 'any', '--max-token-lifetime', '30d'],
    );
    expect(again).toMatchObject({
      limits: [],
      models: null,
      max_token_lifetime_seconds: 2_592_000,
    });
    const { audit } = await json('keys', 'show', 'course', '--audit');
    expect(audit.map(({ by, action, fields }: never) => ({ by, action, fields }))).toEqual([
      {
        by: expect.any(String),
        action: 'set',
        fields: {
          models: 'demo/*,openai/gpt-4o-mini -> any',
          maxTokenLifetime: '604800s -> 2592000s',
        },
      },
      {
        by: 'Grace Hopper',
        action: 'set',
        fields: { limits: 'user:usd:week=5,user:requests:minute=20 -> none' },
      },
      expect.objectContaining({ action: 'create' }),
    ]);
  });

  test('continues with a new string, and the former one is valid for the overlap', async () => {
    const nowMs = Math.ceil(Date.now() / 1000) * 1000; // What is printed has whole seconds.
    vi.setSystemTime(nowMs);
    const rotated = await json('keys', 'rotate', 'course', '--overlap', '2h');
    vi.useRealTimers();
    expect(rotated.key).toMatch(KEY);
    expect(rotated.key).not.toBe(key);
    expect(Date.parse(rotated.former.until)).toBe(nowMs + 7_200_000);

    const again = await here('keys', 'rotate', 'course');
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toMatch(/the key "course" was rotated, and its former string holds until/);
    expect((await json('keys', 'rotate', 'course', '--now')).former).toBeNull();
  });

  test('ends for ever, and its name is not used again', async () => {
    expect(await json('keys', 'disable', 'course')).toEqual({
      name: 'course',
      disabled: true,
      changed: true,
    });
    expect(await json('keys', 'disable', 'course')).toMatchObject({ changed: false });
    const taken = await here('keys', 'create', 'course');
    expect(taken).toEqual({
      status: 1,
      stdout: '',
      stderr: 'hallpass: a key of this name exists or has existed, and names are not used again\n',
    });
    expect(await here('keys', 'rotate', 'course')).toMatchObject({
      status: 1,
      stderr: 'hallpass: the key "course" is disabled\n',
    });
  });

  test('is listed in one table with the others', async () => {
    await json('keys', 'create', 'mine', '--user', 'ada@example.edu');
    const { stdout } = await here('keys', 'list');
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 5))).toEqual([
      ['NAME', 'KIND', 'STATE', 'MODELS', 'LIMITS'],
      ['course', 'server', 'disabled', 'any', 'none'],
      ['mine', 'personal (ada@example.edu)', 'in force', 'any', 'none'],
      [''],
    ]);
    expect((await json('keys', 'list')).map(({ name }: { name: string }) => name)).toEqual([
      'course',
      'mine',
    ]);
  });

  test('keeps its string only in the secrets, which only their owner can read', async () => {
    const entries = await readdir(join(folder, '.hallpass'), {
      recursive: true,
      withFileTypes: true,
    });
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      const { mode } = await stat(path);
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
      if (!entry.isFile() || path.includes('/secrets/')) continue;
      expect([entry.name, KEY.exec(await readFile(path, 'latin1'))]).toEqual([entry.name, null]);
    }
  });
});

describe('a key with a verifier', () => {
  const withSecret = (...args: string[]): Promise<CommandResult> =>
    runHere([...args, '--json', '--data', join(folder, '.hallpass')], { input: `${SECRET}\n` });

  test('is made with a shared secret, which is never shown', async () => {
    const { status, stdout, stderr } = await withSecret(
      ...['keys', 'create', 'page', '--client-access', '--jwt-secret', '-', '--issuer', 'me'],
      ...['--require', 'tier=pro|team', '--require', 'level=3', '--clock-tolerance', '10s'],
      ...['--allow-domain', 'Example.edu', '--trust-email', '--origin', 'https://app.example.edu'],
    );
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'made the key "page"; it is shown only once\n',
    });
    const shown = await json('keys', 'show', 'page', '--audit');
    expect(shown).toMatchObject({
      kind: 'client',
      verifier: {
        kind: 'secret',
        algorithms: ['HS256'],
        issuers: ['me'],
        required: ['tier=pro|team', 'level=3'],
        require_exp: false,
        clock_tolerance_seconds: 10,
      },
      identity: { allowed_domains: ['example.edu'], trust_email: true, identity_header: false },
      allowed_origins: ['https://app.example.edu'],
    });
    expect(shown.audit[0].fields).toMatchObject({
      kind: 'client',
      verifier: expect.stringMatching(/^shared secret /),
      allowedDomains: 'example.edu',
    });
    const text = (await here('keys', 'show', 'page', '--audit')).stdout;
    expect(text).toMatch(/^required +tier=pro\|team,level=3$/m);
    expect(text).toMatch(/^domains +example\.edu$/m);
    for (const told of [stdout, JSON.stringify(shown), text]) expect(told).not.toContain(SECRET);
  });

  test('sets and clears each control, and records the changes', async () => {
    const before = await json('keys', 'show', 'page');
    const changed = await json(
      ...['keys', 'set', 'page', '--allow-domain', 'any', '--no-trust-email', '--origin', 'any'],
      ...['--enforce-conversation', '--require', 'none', '--require-exp'],
    );
    expect(changed.identity).toEqual({
      ...before.identity,
      allowed_domains: [],
      trust_email: false,
      enforce_conversation: true,
    });
    expect(changed.verifier).toEqual({ ...before.verifier, required: [], require_exp: true });
    expect(changed.allowed_origins).toBeNull();
    const { audit } = await json('keys', 'show', 'page', '--audit');
    expect(audit[0].fields).toEqual({
      allowedDomains: 'example.edu -> none',
      trustEmail: 'true -> none',
      enforceConversation: 'none -> true',
      allowedOrigins: 'https://app.example.edu -> none',
      required: 'tier=pro|team,level=3 -> none',
      requireExp: 'none -> true',
    });
  });

  test('gets a new secret during a rotation, and both take effect', async () => {
    const before = await json('keys', 'rotate', 'page', '--overlap', '1h');
    const { status } = await withSecret('keys', 'set', 'page', '--jwt-secret', '-');
    expect(status).toBe(0);
    const after = await json('keys', 'show', 'page');
    expect(after.verifier.version).not.toBe(before.verifier.version);
    expect(after).toMatchObject({ former: before.former, version: before.version });
    expect(after.verifier).toMatchObject({ issuers: ['me'], require_exp: true });
  });

  test('never changes its kind', async () => {
    const header = await here('keys', 'set', 'page', '--identity-header');
    expect(header).toMatchObject({
      status: 1,
      stderr: 'hallpass: only a server key may name its users in a header\n',
    });
    await json('keys', 'create', 'own', '--user', 'ada');
    const verifier = await withSecret('keys', 'set', 'own', '--jwt-secret', '-');
    expect(verifier.stderr).toMatch(/a personal key has none/);
  });

  test('reads the configured user header', async () => {
    const made = await json('keys', 'create', 'chat', '--user-header', 'X-OpenWebUI-User-Email');
    expect(made.identity).toMatchObject({
      identity_header: true,
      user_header: 'x-openwebui-user-email',
    });
    const off = await json('keys', 'set', 'chat', '--no-identity-header');
    expect(off.identity.identity_header).toBe(false);
  });

  test.each([
    [['--jwks-url', 'https://id.example/jwks'], /--any-audience/],
    [['--jwks-url', 'https://id.example/jwks', '--issuer', 'a'], /--any-audience/],
    [['--jwks-url', 'http://id.example/jwks', '--any-audience'], /must be an https URL/],
    [['--jwks-url', 'https://id.example/jwks', '--algorithms', 'HS256'], /got HS256/],
    [['--preset', 'supabase:ref', '--issuer', 'any'], /--any-audience/],
  ])('is not made with %j', async (flags, message) => {
    const { status, stderr } = await here('keys', 'create', 'never', '--client-access', ...flags);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect((await here('keys', 'show', 'never')).stderr).toMatch(/there is no key "never"/);
  });
});

describe('wrong use', () => {
  test.each<[string[], RegExp]>([
    [[], /Usage: hallpass/],
    [['keys'], /Usage: hallpass keys/],
    [['keys', 'make'], /unknown command 'make'/],
    [['keys', 'create'], /missing required argument 'name'/],
    [['keys', 'create', 'a', 'b'], /too many arguments/],
    [['keys', 'create', 'a\u0007'], /must be 1 to 128 characters, none of them a control/],
    [
      ['keys', 'create', 'a', '--client-access'],
      /a client key needs a verifier: give --jwt-secret/,
    ],
    [['keys', 'create', 'a', '--client-access', '--user', 'b'], /cannot be used with option/],
    [['keys', 'set', 'a', '--client-access'], /unknown option '--client-access'/],
    [['keys', 'create', 'a', '--jwks-url', 'x', '--jwt-secret', '-'], /cannot be used with option/],
    [['keys', 'create', 'a', '--jwt-secret', '-'], /the token or key on standard input is empty/],
    [['keys', 'create', 'a', '--jwt-public-key', 'no.pem'], /no\.pem" .* cannot be read/],
    [['keys', 'create', 'a', '--preset', 'keycloak:x'], /a preset must be supabase:<ref>/],
    [
      ['keys', 'create', 'a', '--algorithms', 'none'],
      /must be one or more of HS256, .*, got "none"/,
    ],
    [['keys', 'create', 'a', '--require', '=x'], /must be claim, claim=value or claim=a\|b/],
    [['keys', 'create', 'a', '--clock-tolerance', '61'], /must be 0 to 60 seconds/],
    [['keys', 'create', 'a', '--allow-domain', '@a.edu'], /must be a domain such as example\.edu/],
    [['keys', 'create', 'a', '--allow-domain', 'any', '--allow-domain', 'a.edu'], /"any" alone/],
    [['keys', 'create', 'a', '--origin', 'https://a.edu/x'], /must be an origin such as/],
    [['keys', 'create', 'a', '--user-header', 'Cookie'], /without another meaning/],
    [['keys', 'create', 'a', '--models', ''], /must be 1 to 64 model ids/],
    [['keys', 'create', 'a', '--limit', 'user:usd:year=5'], /"window" must be one of minute, hour/],
    [['keys', 'create', 'a', '--limit', 'user:usd:day=-1'], /must be dollars from 0.000000001/],
    [
      ['keys', 'set', 'a', '--limit', 'user:usd:day=1', '--limit', 'user:usd:day=2'],
      /must be a limit that is not given twice/,
    ],
    [['keys', 'set', 'a', '--limit', 'none', '--limit', 'user:usd:day=2'], /either "none" or/],
    [['keys', 'set', 'a', '--models', 'any', '--models', 'demo/echo'], /either "any" or models/],
    [['keys', 'set', 'a'], /nothing to set/],
    [
      ['keys', 'set', 'a', '--max-token-lifetime', '2y'],
      /must be a number followed by s, m, h, d or w/,
    ],
    [['keys', 'set', 'a', '--max-token-lifetime', '366d'], /must be from 60s to 365d/],
    [['keys', 'rotate', 'a', '--now', '--overlap', '1d'], /cannot be used together/],
    [['keys', 'list', '--data', 'a', '--stack', 'b'], /cannot be used with option '--data/],
  ])('refuses %j with exit status 2', async (args, words) => {
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(words);
  });

  test('does not include a request for help', async () => {
    for (const args of [['--help'], ['keys', '--help'], ['keys', 'set', '--help']]) {
      const { status, stdout, stderr } = await runHere(args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: hallpass/);
    }
  });
});

test('works with the file that a killed gateway left behind', async () => {
  const endpoint = join(folder, '.hallpass/endpoint.json');
  const variables = {
    ...{ AWS_REGION: 'local', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    ...{ AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1', HALLPASS_KEYS_TABLE: 'k' },
    ...{ HALLPASS_WALLETS_TABLE: 'w', HALLPASS_USAGE_TABLE: 'u', HALLPASS_SECRET_PREFIX: 'p' },
    HALLPASS_DEPLOYMENT: 'd',
  };
  for (const text of [JSON.stringify({ url: 'x', pid: 1, variables }), '{}', 'not JSON']) {
    await writeFile(endpoint, text);
    expect((await here('keys', 'list')).status).toBe(0);
  }
  await rm(endpoint);
});

describe('two commands at once on one folder', () => {
  test('wait for each other and lose no change', async () => {
    const names = ['one', 'two'];
    const made = await Promise.all(names.map((name) => run('keys', 'create', name)));
    expect(made.map(({ status }) => status)).toEqual([0, 0]);
    const listed = await json('keys', 'list');
    expect(listed.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(names));
    const rotations = await Promise.all([
      run('keys', 'rotate', 'one'),
      run('keys', 'rotate', 'one'),
    ]);
    expect(rotations.map(({ status }) => status).sort()).toEqual([0, 1]);
  });
});
