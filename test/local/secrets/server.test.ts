import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { makeSecrets, makeSecretWriter } from '../../../adapters/aws/secrets-manager.ts';
import { asKeyId } from '../../../core/base/ids.ts';
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
  await call('DeleteSecret', { SecretId: 'p/openai', ForceDeleteWithoutRecovery: true });
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
  test('move through the stages, and are found by id and by stage', async () => {
    const first = await call('CreateSecret', { Name: NAME, SecretString: 'one' });
    const second = await call('PutSecretValue', { SecretId: NAME, SecretString: 'two' });
    await call('PutSecretValue', { SecretId: NAME, SecretString: 'three' });
    const read = async (more: object) =>
      (await call('GetSecretValue', { SecretId: NAME, ...more })).SecretString;
    expect(await read({})).toBe('three');
    expect(await read({ VersionStage: 'AWSPREVIOUS' })).toBe('two');
    expect(await read({ VersionId: first.VersionId })).toBe('one');
    expect(await read({ VersionId: second.VersionId, VersionStage: 'AWSPREVIOUS' })).toBe('two');
    await expect(read({ VersionId: second.VersionId, VersionStage: 'AWSCURRENT' })).rejects.toThrow(
      'GetSecretValue: ResourceNotFoundException (400)',
    );
  });

  test('of one request token are one, and never of two values', async () => {
    const put = (value: string) =>
      call('PutSecretValue', { SecretId: NAME, SecretString: value, ClientRequestToken: 't' });
    await call('CreateSecret', { Name: NAME, SecretString: 'one' });
    expect((await put('two')).VersionId).toBe('t');
    expect((await put('two')).VersionId).toBe('t');
    await expect(put('three')).rejects.toThrow('ResourceExistsException');
  });

  test('without a stage are let go beyond a hundred, oldest first', async () => {
    await call('CreateSecret', { Name: NAME, SecretString: '0' });
    for (let count = 1; count <= 105; count += 1) {
      await call('PutSecretValue', { SecretId: NAME, SecretString: String(count) });
    }
    const { VersionIdsToStages: stages } = await call('DescribeSecret', { SecretId: NAME });
    expect(Object.keys(stages as object)).toHaveLength(100);
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
    const { VersionIdsToStages: stages } = await call('DescribeSecret', { SecretId: NAME });
    expect(Object.keys(stages as object)).toEqual(expect.arrayContaining(['a', 'b', 'c', 'd']));
  });
});

describe('refusals', () => {
  test.each([
    ['CreateSecret', { Name: NAME, SecretString: 'x' }, 'ResourceExistsException'],
    ['CreateSecret', { SecretString: 'x' }, 'ValidationException'],
    ['CreateSecret', { Name: '/'.repeat(200), SecretString: 'x' }, 'ValidationException'],
    ['GetSecretValue', { SecretId: 'none' }, 'ResourceNotFoundException'],
    ['PutSecretValue', { SecretId: 'none', SecretString: 'x' }, 'ResourceNotFoundException'],
    ['GetSecretValue', { SecretId: 'deleted' }, 'InvalidRequestException'],
    ['RotateSecret', { SecretId: NAME }, 'UnknownOperationException'],
    ['CreateSecret', { Name: 'a', SecretString: 'x'.repeat(600_000) }, 'SerializationException'],
  ])('%s of %o', async (operation, input, name) => {
    await call('CreateSecret', { Name: NAME, SecretString: 'one' });
    await call('CreateSecret', { Name: 'deleted', SecretString: 'one' });
    await call('DeleteSecret', { SecretId: 'deleted' });
    await expect(call(operation, input)).rejects.toMatchObject({ name, status: 400 });
  });

  test('turns away whoever is not of this run', async () => {
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

  test('does not list what is deleted', async () => {
    await call('CreateSecret', { Name: 'a', SecretString: 'one' });
    await call('CreateSecret', { Name: 'b', SecretString: 'one' });
    await call('DeleteSecret', { SecretId: 'a' });
    const { SecretList: list } = await call('ListSecrets', {});
    expect(list).toEqual([expect.objectContaining({ Name: 'b' })]);
  });

  test('names a file it cannot read, and not what is in it', async () => {
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
  const { ARN } = await client.send(new DescribeSecretCommand({ SecretId: NAME }));
  const value = await client.send(new GetSecretValueCommand({ SecretId: ARN }));
  expect(value.SecretString).toBe('one');
  await expect(client.send(new GetSecretValueCommand({ SecretId: 'none' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
  client.destroy();
});

describe('a stage', () => {
  const stagesOf = async (): Promise<unknown> =>
    (await call('DescribeSecret', { SecretId: NAME })).VersionIdsToStages;
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

  test('of its own leaves the current version alone', async () => {
    expect(await put('b', { VersionStages: ['WAITING'] })).toMatchObject({ VersionId: 'b' });
    expect(await stagesOf()).toEqual({ a: ['AWSCURRENT'], b: ['WAITING'] });
    await put('c', { VersionStages: ['WAITING'] });
    expect(await stagesOf()).toEqual({ a: ['AWSCURRENT'], b: [], c: ['WAITING'] });
    expect(await call('GetSecretValue', { SecretId: NAME })).toMatchObject({ SecretString: 'a' });
  });

  test('moves from the version that has it, and the former current is the previous one', async () => {
    await put('b', { VersionStages: ['WAITING'] });
    await move('AWSCURRENT', 'b', 'a');
    expect(await stagesOf()).toEqual({ a: ['AWSPREVIOUS'], b: ['WAITING', 'AWSCURRENT'] });
    await restart();
    expect(await call('GetSecretValue', { SecretId: NAME })).toMatchObject({ SecretString: 'b' });
  });

  test('does not move from where the caller wrongly thinks it is, or to nowhere', async () => {
    await put('b', { VersionStages: ['WAITING'] });
    await put('c');
    await expect(move('AWSCURRENT', 'b', 'a')).rejects.toThrow('InvalidParameterException');
    await expect(move('AWSCURRENT', 'b')).rejects.toThrow('InvalidParameterException');
    await expect(move('AWSCURRENT', 'd', 'c')).rejects.toThrow('ResourceNotFoundException');
    expect(await stagesOf()).toEqual({ a: ['AWSPREVIOUS'], b: ['WAITING'], c: ['AWSCURRENT'] });
  });
});

describe('versions of a key', () => {
  test('are all there, however many are added at once', async () => {
    const id = asKeyId('A'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.createKeySecret(id, '1', 'sk-one');
    const versions = ['two', 'three', 'four', 'five'];
    await Promise.all(
      versions.map((version) => writer.addKeyVersion(id, version, `sk-${version}`)),
    );
    const clock = { nowMs: () => 0, sleep: async () => {} };
    const reader = makeSecrets(call, 'hallpass/local', clock);
    expect(await reader.readKey(id, '1')).toBe('sk-one');
    for (const version of versions) {
      expect(await reader.readKey(id, version)).toBe(`sk-${version}`);
    }
  });

  test('are all there when one is added between the reading and the writing of another', async () => {
    const id = asKeyId('C'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.createKeySecret(id, '1', 'sk-one');
    let isFirst = true;
    const slow: AwsCall = async (operation, input) => {
      if (operation === 'PutSecretValue' && isFirst) {
        isFirst = false;
        await writer.addKeyVersion(id, 'fast', 'sk-fast');
      }
      return call(operation, input);
    };
    await makeSecretWriter(slow, 'hallpass/local').addKeyVersion(id, 'slow', 'sk-slow');
    const { SecretString: text } = await call('GetSecretValue', {
      SecretId: `hallpass/local/key/${id}`,
    });
    expect(JSON.parse(String(text))).toEqual({
      versions: { 1: 'sk-one', fast: 'sk-fast', slow: 'sk-slow' },
    });
  });

  test('are the newest 32', async () => {
    const id = asKeyId('B'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.createKeySecret(id, 'v0', 'sk-0');
    for (let count = 1; count <= 32; count += 1) {
      await writer.addKeyVersion(id, `v${count}`, `sk-${count}`);
    }
    const { SecretString: text } = await call('GetSecretValue', {
      SecretId: `hallpass/local/key/${id}`,
    });
    const kept = Object.keys(JSON.parse(String(text)).versions);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([32, 'v1', 'v32']);
  });

  test("of a JWT's secret are all there, however many are put at once, apart from the key's", async () => {
    const id = asKeyId('D'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.createKeySecret(id, '1', 'sk-one');
    const versions = ['one', 'two', 'three', 'four'];
    await Promise.all(
      versions.map((version) => writer.putJwtSecret(id, version, `secret ${version}`)),
    );
    await writer.putJwtSecret(id, 'one', 'secret one');
    const clock = { nowMs: () => 0, sleep: async () => {} };
    const reader = makeSecrets(call, 'hallpass/local', clock);
    for (const version of versions) {
      const secret = await reader.readJwtSecret(id, version);
      expect(Buffer.from(secret).toString()).toBe(`secret ${version}`);
    }
    expect(await reader.readKey(id, '1')).toBe('sk-one');
  });
});
