import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callSecretsManager } from '../../adapters/aws/https-call.ts';
import { makeSignInSecrets } from '../../adapters/aws/sign-in-secret.ts';
import { systemClock } from '../../adapters/system.ts';
import { isUsedBySignIn } from '../../cli/sign-in.ts';
import { defineConfig } from '../../core/config.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
});

afterAll(() => gateway.close());

const run = (args: readonly string[], input = '') =>
  runHere([...args, '--data', folder], { input });

/** The secret as a function that has just started reads it. */
const secrets = () => {
  const { environment } = gateway;
  const call = callSecretsManager(environment, 10_000);
  return makeSignInSecrets(call, environment.secretPrefix, systemClock);
};

describe('sign-in use-key', () => {
  test('puts a capped server key beside the others, prints no key, and puts it anew after a rotation', async () => {
    const keys: string[] = [];
    for (const name of ['staff', 'faculty']) {
      const { stdout } = await run(['keys', 'create', name, '--limit', 'user:usd:day=1', '--json']);
      keys.push(JSON.parse(stdout).key);
      const used = await run(['sign-in', 'use-key', name]);
      expect(used).toEqual({
        status: 0,
        stdout: `${name}\n`,
        stderr: `sign-in may sign with the key "${name}"\n`,
      });
    }
    expect(await secrets().findKey('staff')).toBe(keys[0]);
    expect(await secrets().findKey('faculty')).toBe(keys[1]);
    const { stdout, stderr } = await run(['keys', 'rotate', 'staff', '--json']);
    expect(stderr).toContain('run "hallpass sign-in use-key staff" again');
    await run(['sign-in', 'use-key', 'staff']);
    expect(await secrets().findKey('staff')).toBe(JSON.parse(stdout).key);
    expect(await secrets().findKey('faculty')).toBe(keys[1]);
  });

  test('is asked for again only where sign-in signs with a rotated key, or nobody can tell', async () => {
    await run(['keys', 'create', 'plain', '--limit', 'user:usd:day=1']);
    const { status, stderr } = await run(['keys', 'rotate', 'plain']);
    expect(status).toBe(0);
    expect(stderr).not.toContain('sign-in');
    const { environment } = gateway;
    const secretsManager = () => Promise.reject(new Error('it is down'));
    expect(await isUsedBySignIn('plain', { environment, secretsManager })).toBe(true);
    const { signInTable: _, ...without } = environment;
    expect(await isUsedBySignIn('plain', { environment: without, secretsManager })).toBe(false);
  });

  // guarantee: sign-in-is-capped
  test('refuses a key without a limit of dollars for each user, and one that is not there', async () => {
    await run(['keys', 'create', 'open', '--limit', 'key:usd:month=100']);
    expect(await run(['sign-in', 'use-key', 'open'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('must have a limit of dollars for each user'),
    });
    expect(await run(['sign-in', 'use-key', 'nobody'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is no key "nobody"'),
    });
    expect(await secrets().findKey('open')).toBeUndefined();
  });
});

describe('sign-in set-client-secret', () => {
  test('keeps the secret under its name, and prints none', async () => {
    const { status, stdout } = await run(['sign-in', 'set-client-secret', 'entra'], 's3cret\n');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'entra\n' });
    expect(await secrets().findClientSecret('entra')).toBe('s3cret');
    expect(await secrets().findKey('entra')).toBeUndefined();
  });

  test('refuses a text with a space', async () => {
    expect(await run(['sign-in', 'set-client-secret', 'entra'], 'a b')).toMatchObject({
      status: 2,
    });
  });
});

// guarantee: sign-in-is-capped
test('a gateway does not start while a key of sign-in leaves its users without a cap', async () => {
  const start = (key: string) =>
    startTestGateway({ config: defineConfig({ providers: {}, signIn: { key } }) });
  await expect(start('nobody')).rejects.toThrow(
    'sign-in cannot start: the key "nobody" does not exist; run "hallpass keys create nobody --limit user:usd:week=10"',
  );
  await expect(start('demo')).rejects.toThrow(
    'sign-in cannot start: the key "demo" must have a limit of dollars for each user',
  );
});
