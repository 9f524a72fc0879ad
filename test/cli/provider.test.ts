import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callSecretsManager } from '../../adapters/aws/https-call.ts';
import { makeSecrets } from '../../adapters/aws/secrets-manager.ts';
import { systemClock } from '../../adapters/system.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
});

afterAll(() => gateway.close());

const setKey = (name: string, input: string) =>
  runHere(['provider', 'set-key', name, '--data', folder], { input });

/** The key as a proxy that has just started reads it. */
const read = (name: string) => {
  const { environment } = gateway;
  const call = callSecretsManager(environment, 10_000);
  return makeSecrets(call, environment.secretPrefix, systemClock).findProviderKey(name);
};

describe('provider set-key', () => {
  test('makes the secret, replaces its key, and prints no key', async () => {
    expect(await read('openai')).toBeUndefined();
    const made = await setKey('openai', 'sk-first\n');
    expect(made).toEqual({
      status: 0,
      stdout: 'openai\n',
      stderr: 'set the API key of "openai"\n',
    });
    expect(await read('openai')).toBe('sk-first');
    expect(await setKey('openai', 'sk-second')).toMatchObject({ status: 0 });
    expect(await read('openai')).toBe('sk-second');
  });

  test('refuses a provider that needs no key, and one that is not configured', async () => {
    for (const name of ['ollama', 'nobody']) {
      const { status, stderr } = await setKey(name, 'sk-any');
      expect(status).toBe(1);
      expect(stderr).toContain(`no provider "${name}" is called with an API key; those are openai`);
    }
  });

  test.each(['', 'two words', '{"placeholder":true}', 'schlüssel'])(
    'refuses %j as a key',
    async (input) => {
      expect(await setKey('openai', input)).toMatchObject({ status: 2, stdout: '' });
    },
  );
});
