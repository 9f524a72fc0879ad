/**
 * A key of the version before that is rotated: which strings the functions accept, and which secrets the sweep deletes.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { keySecretName } from '../../adapters/table-schema.ts';
import { callAws, type Stack } from './aws.ts';
import { askChat, expectAnswers, send } from './requests.ts';
import { expectThat, hallpass, type Life } from './tools.ts';

/** A signature that fails is checked with a record that is a second old at most. */
const RECORD_AGE_MS = 1_500;

/** Rotates the key twice. `token` was signed by the string that it has before. */
export async function rotates(life: Life, stack: Stack, token: string): Promise<void> {
  const rotate = (...args: readonly string[]) =>
    hallpass(life, ['keys', 'rotate', 'course', ...args, '--stack', stack.name, '--as', 'ops']);
  const first = await rotate();
  await expectAnswers(stack.root, [
    { ...askChat(first.key), holds: 'echo: hello' },
    { ...askChat(token), holds: 'echo: hello' },
    { ...askChat(await tokenBy(first.key, stack)), holds: 'echo: hello' },
  ]);
  await expectSecrets(life, stack, first.id, [undefined, first.version], true);
  const second = await rotate('--now');
  await endMarks(life, stack, first.id, [undefined, first.version]);
  await callAws(
    life,
    'lambda',
    `/2015-03-31/functions/${stack.resource('FunctionsSweep')}/invocations`,
    {
      method: 'POST',
      body: '{}',
    },
  );
  await expectSecrets(life, stack, first.id, [undefined, first.version], false);
  await expectSecrets(life, stack, first.id, [second.version], true);
  const newest = await tokenBy(second.key, stack);
  await expectAnswers(stack.root, [{ ...askChat(newest), holds: 'echo: hello' }]);
}

/** Gets a token that a key signs, at a time at which every function knows the key's string. */
async function tokenBy(key: string, { root }: Stack): Promise<string> {
  await wait(RECORD_AGE_MS);
  const body = { models: ['demo/echo'], user: 'ann@example.edu', expires_delta: 600 };
  const { text } = await send(root, { path: '/v1/scoped-jwt', credential: key, body });
  return JSON.parse(text).token;
}

/** Makes the marks of secrets due, which they are in a minute. */
async function endMarks(
  { clients }: Life,
  { outputs }: Stack,
  keyId: string,
  versions: readonly (string | undefined)[],
): Promise<void> {
  const { UpdateItemCommand } = await import('@aws-sdk/client-dynamodb');
  for (const version of versions) {
    const pk = `secret#${keyId}${version === undefined ? '' : `#${version}`}`;
    await clients.tables.send(
      new UpdateItemCommand({
        TableName: outputs.WalletsTable,
        Key: { pk: { S: pk } },
        UpdateExpression: 'SET dueAt = :past',
        ConditionExpression: 'attribute_exists(dueAt)',
        ExpressionAttributeValues: { ':past': { N: '1' } },
      }),
    );
  }
}

async function expectSecrets(
  { clients }: Life,
  { outputs }: Stack,
  keyId: string,
  versions: readonly (string | undefined)[],
  isThere: boolean,
): Promise<void> {
  const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
  for (const version of versions) {
    const name = keySecretName(outputs.SecretPrefix ?? '', keyId, version);
    const found = await clients.secrets.send(new GetSecretValueCommand({ SecretId: name })).then(
      () => true,
      () => false,
    );
    expectThat(found === isThere, `the secret ${name} is ${found ? '' : 'not '}there`);
  }
}
