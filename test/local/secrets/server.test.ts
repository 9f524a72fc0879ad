import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { type LocalSecrets, startSecrets } from '../../../local/secrets/server.ts';

const ACCESS_KEY_ID = 'this-run';
let folder: string;
let secrets: LocalSecrets;
let call: AwsCall;

const callAs = (accessKeyId: string): AwsCall =>
  callSecretsManager(
    {
      secretsManagerUrl: secrets.url,
      region: 'local',
      credentials: { accessKeyId, secretAccessKey: 'x' },
    },
    5_000,
  );

async function start(overlay: Record<string, string> = {}, path: string | null = folder) {
  secrets = await startSecrets({
    ...(path === null ? {} : { folder: path }),
    overlay: new Map(Object.entries(overlay)),
    accessKeyId: ACCESS_KEY_ID,
  });
  call = callAs(ACCESS_KEY_ID);
}

async function restart(overlay: Record<string, string> = {}): Promise<void> {
  await secrets.close();
  await start(overlay);
}

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'hallpass-secrets-')), 'secrets');
  await start();
});

afterEach(async () => {
  await secrets.close();
  await rm(join(folder, '..'), { recursive: true, force: true });
});

const NAME = 'hallpass/local/key/abc';

/** Each version in the secret's file with its stages. */
async function stagesOf(): Promise<readonly (readonly [string, readonly string[]])[]> {
  const file = await readFile(join(folder, `${encodeURIComponent(NAME)}.json`), 'utf8');
  const { versions } = JSON.parse(file) as { versions: { id: string; stages: string[] }[] };
  return versions.map(({ id, stages }) => [id, stages]);
}

test('keeps a secret across a restart', async () => {
  await call('CreateSecret', { Name: NAME, SecretString: 'one' });
  await restart();
  expect(await call('GetSecretValue', { SecretId: NAME })).toMatchObject({
    Name: NAME,
    ARN: 'arn:aws:secretsmanager:local:000000000000:secret:hallpass/local/key/abc-local0',
    SecretString: 'one',
    VersionStages: ['AWSCURRENT'],
  });
});

test('lets only the owner read its folder and files, and leaves no temporary ones', async () => {
  await call('CreateSecret', { Name: NAME, SecretString: 'one' });
  await call('PutSecretValue', { SecretId: NAME, SecretString: 'two' });
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(await readdir(folder)).toEqual(['hallpass%2Flocal%2Fkey%2Fabc.json']);
  expect((await stat(join(folder, 'hallpass%2Flocal%2Fkey%2Fabc.json'))).mode & 0o777).toBe(0o600);
});

test('keeps values of the environment in memory only, before stored ones', async () => {
  await call('CreateSecret', { Name: 'p/openai', SecretString: 'stored' });
  await restart({ 'p/openai': 'sk-environment', 'p/other': 'sk-other' });
  expect((await call('GetSecretValue', { SecretId: 'p/openai' })).SecretString).toBe(
    'sk-environment',
  );
  await call('PutSecretValue', { SecretId: 'p/other', SecretString: 'sk-changed' });
  for (const name of await readdir(folder)) {
    expect(await readFile(join(folder, name), 'utf8')).not.toMatch(/sk-/);
  }
  await restart();
  expect((await call('GetSecretValue', { SecretId: 'p/openai' })).SecretString).toBe('stored');
});

test('writes nothing without a folder', async () => {
  await secrets.close();
  await start({}, null);
  await call('CreateSecret', { Name: NAME, SecretString: 'one' });
  expect(await readdir(folder)).toEqual([]);
});

describe('versions', () => {
  test('with one request token are one version, and must have one value', async () => {
    const put = (value: string) =>
      call('PutSecretValue', { SecretId: NAME, SecretString: value, ClientRequestToken: 't' });
    await call('CreateSecret', { Name: NAME, SecretString: 'one' });
    expect((await put('two')).VersionId).toBe('t');
    expect((await put('two')).VersionId).toBe('t');
    await expect(put('three')).rejects.toThrow('ResourceExistsException');
  });

  test('without a stage are removed beyond a hundred, oldest first', async () => {
    await call('CreateSecret', { Name: NAME, SecretString: '0' });
    for (let count = 1; count <= 105; count += 1) {
      await call('PutSecretValue', { SecretId: NAME, SecretString: String(count) });
    }
    expect(await stagesOf()).toHaveLength(100);
    expect((await call('GetSecretValue', { SecretId: NAME })).SecretString).toBe('105');
  });

  test('put at the same time are all kept', async () => {
    await call('CreateSecret', { Name: NAME, SecretString: '0' });
    await Promise.all(
      ['a', 'b', 'c', 'd'].map((value) =>
        call('PutSecretValue', { SecretId: NAME, SecretString: value, ClientRequestToken: value }),
      ),
    );
    await restart();
    const ids = (await stagesOf()).map(([id]) => id);
    expect(ids).toEqual(expect.arrayContaining(['a', 'b', 'c', 'd']));
  });
});

describe('refusals', () => {
  test.each([
    ['CreateSecret', { Name: NAME, SecretString: 'x' }, 'ResourceExistsException'],
    ['CreateSecret', { SecretString: 'x' }, 'ValidationException'],
    ['CreateSecret', { Name: '/'.repeat(200), SecretString: 'x' }, 'ValidationException'],
    ['GetSecretValue', { SecretId: 'none' }, 'ResourceNotFoundException'],
    ['PutSecretValue', { SecretId: 'none', SecretString: 'x' }, 'ResourceNotFoundException'],
    ['RotateSecret', { SecretId: NAME }, 'UnknownOperationException'],
    ['CreateSecret', { Name: 'a', SecretString: 'x'.repeat(600_000) }, 'SerializationException'],
  ])('%s of %o', async (operation, input, name) => {
    await call('CreateSecret', { Name: NAME, SecretString: 'one' });
    await expect(call(operation, input)).rejects.toMatchObject({ name, status: 400 });
  });

  test("refuses callers without this run's access key id", async () => {
    await call('CreateSecret', { Name: NAME, SecretString: 'one' });
    await expect(callAs('other')('GetSecretValue', { SecretId: NAME })).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
    const unsigned = await fetch(secrets.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'secretsmanager.GetSecretValue' },
      body: JSON.stringify({ SecretId: NAME }),
    });
    expect(unsigned.status).toBe(400);
    expect(await unsigned.text()).not.toContain('one');
  });

  test('names a file it cannot read, without its contents', async () => {
    await secrets.close();
    await writeFile(join(folder, 'broken.json'), '{"name":"sk-secret"}');
    await expect(start()).rejects.toThrow(/broken\.json is not a secret of the local gateway$/);
    await rm(join(folder, 'broken.json'));
    await start();
  });
});

test("answers AWS's own client", async () => {
  const client = new SecretsManagerClient({
    endpoint: secrets.url,
    region: 'local',
    credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: 'x' },
  });
  await client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'one' }));
  const value = await client.send(new GetSecretValueCommand({ SecretId: NAME }));
  expect(value.SecretString).toBe('one');
  await expect(client.send(new GetSecretValueCommand({ SecretId: 'none' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
  client.destroy();
});

describe('a stage', () => {
  const put = (token: string, stages: object = {}) =>
    call('PutSecretValue', {
      SecretId: NAME,
      SecretString: token,
      ClientRequestToken: token,
      ...stages,
    });
  const move = (stage: string, to: string, from?: string) =>
    call('UpdateSecretVersionStage', {
      SecretId: NAME,
      VersionStage: stage,
      MoveToVersionId: to,
      ...(from !== undefined && { RemoveFromVersionId: from }),
    });

  beforeEach(async () => {
    await call('CreateSecret', { Name: NAME, SecretString: 'a', ClientRequestToken: 'a' });
  });

  test('of another name leaves the current version alone', async () => {
    expect(await put('b', { VersionStages: ['WAITING'] })).toMatchObject({ VersionId: 'b' });
    expect(await stagesOf()).toEqual([
      ['a', ['AWSCURRENT']],
      ['b', ['WAITING']],
    ]);
    await put('c', { VersionStages: ['WAITING'] });
    expect(await stagesOf()).toEqual([
      ['a', ['AWSCURRENT']],
      ['b', []],
      ['c', ['WAITING']],
    ]);
    expect(await call('GetSecretValue', { SecretId: NAME })).toMatchObject({ SecretString: 'a' });
  });

  test('moves from its holder, and the former current version becomes the previous one', async () => {
    await put('b', { VersionStages: ['WAITING'] });
    await move('AWSCURRENT', 'b', 'a');
    expect(await stagesOf()).toEqual([
      ['a', ['AWSPREVIOUS']],
      ['b', ['WAITING', 'AWSCURRENT']],
    ]);
    await restart();
    expect(await call('GetSecretValue', { SecretId: NAME })).toMatchObject({ SecretString: 'b' });
  });

  test('does not move from a version that does not hold it, or to an unknown version', async () => {
    await put('b', { VersionStages: ['WAITING'] });
    await put('c');
    await expect(move('AWSCURRENT', 'b', 'a')).rejects.toThrow('InvalidParameterException');
    await expect(move('AWSCURRENT', 'b')).rejects.toThrow('InvalidParameterException');
    await expect(move('AWSCURRENT', 'd', 'c')).rejects.toThrow('ResourceNotFoundException');
    expect(await stagesOf()).toEqual([
      ['a', ['AWSPREVIOUS']],
      ['b', ['WAITING']],
      ['c', ['AWSCURRENT']],
    ]);
  });
});
