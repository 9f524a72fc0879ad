import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callSecretsManager } from '../../adapters/aws/https-call.ts';
import { makeAlertSecret } from '../../adapters/aws/secrets-manager.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

let folder: string;
let gateway: TestGateway;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-alerts-'));
  gateway = await startTestGateway({ data: folder });
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
});

const setSecret = (input: string) => runHere(['alerts', 'set-secret', '--data', folder], { input });
const read = () => {
  const { environment } = gateway;
  return makeAlertSecret(callSecretsManager(environment, 10_000), environment.secretPrefix)();
};

test('sets the secret that signs alerts, replaces it, and prints none', async () => {
  const [first, second] = ['a'.repeat(32), 'b'.repeat(64)];
  expect(await read()).toBeUndefined();

  const made = await setSecret(`${first}\n`);

  expect(made).toEqual({ status: 0, stdout: 'hallpass/local/alerts\n', stderr: '' });
  expect(await read()).toBe(first);
  expect(await setSecret(second)).toMatchObject({ status: 0 });
  expect(await read()).toBe(second);
});

test.each(['', 'short', `${'a'.repeat(32)} b`, `{${'a'.repeat(32)}}`])(
  'refuses %j as a secret',
  async (input) => {
    expect(await setSecret(input)).toMatchObject({ status: 2, stdout: '' });
  },
);
