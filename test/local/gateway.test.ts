import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { config } from '#config';
import { defineConfig } from '../../core/config.ts';
import { type LocalGateway, startLocalGateway } from '../../local/gateway.ts';
import { runHere } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';

let folder: string;
let data: string;
const running: LocalGateway[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-gateway-'));
  data = join(folder, 'data');
});

afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.close(1_000);
  await rm(folder, { recursive: true, force: true });
});

async function start(more: object = {}): Promise<LocalGateway> {
  const gateway = await startLocalGateway({
    config,
    data,
    port: 0,
    host: '127.0.0.1',
    providerUrls: {},
    variables: {},
    ...more,
  });
  running.push(gateway);
  return gateway;
}

async function restart(more: object = {}): Promise<LocalGateway> {
  await running.pop()?.close(1_000);
  return start(more);
}

/** The text of all files below the folder. */
async function allText(): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1'));
  return (await Promise.all(texts)).join('\n');
}

const statusOf = async ({ url }: LocalGateway, credential: string): Promise<number> =>
  (await send(`${url}/models`, { headers: { authorization: `Bearer ${credential}` } })).status;

test('uses the configured account, else one of the folder', async () => {
  const first = await start();
  expect(first.account).toMatch(/^acct_[A-Za-z0-9]{16}$/);
  expect((await restart()).account).toBe(first.account);
  const named = await restart({ config: defineConfig({ account: 'acme:eu', providers: {} }) });
  expect(named.account).toBe('acme:eu');
  expect(named.kid).toBe('acme:eu:ZGVtbw==');
  expect(await statusOf(named, named.token)).toBe(200);
  // The key of the former account is another account's now.
  expect(await statusOf(named, first.key)).toBe(401);
});

test('gives every folder its own deployment and key', async () => {
  const first = await start();
  const second = await start({ data: join(folder, 'other') });
  expect(second.account).not.toBe(first.account);
  expect(second.key).not.toBe(first.key);
  expect(await statusOf(second, first.key)).toBe(401);
});

test('makes other demo keys for those that were disabled or rotated', async () => {
  const first = await start();
  for (const args of [
    ['disable', 'demo'],
    ['rotate', 'demo-client', '--now'],
  ]) {
    expect(await runHere(['keys', ...args, '--data', data])).toMatchObject({ status: 0 });
  }
  const second = await restart();
  expect(second.kid).toBe(`${second.account}:${btoa('demo-2')}`);
  const answer = await send(`${second.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${second.token}`, 'content-type': 'application/json' },
    body: '{"model":"demo/echo","messages":[{"role":"user","content":"Hello"}]}',
  });
  expect(answer.status).toBe(200);
  expect(second.clientKey).toMatch(/^sk-hp-/);
  expect(second.clientKey).not.toBe(first.clientKey);
  expect(second.clientJwtSecret).not.toBe(first.clientJwtSecret);
});

test('lists the providers with a key, and writes none of these keys', async () => {
  const gateway = await start({
    variables: { OPENAI_API_KEY: 'provider-secret-1', GEMINI_API_KEY: 'provider-secret-2', X: 'y' },
  });
  expect(gateway.providersWithKeys).toEqual(['openai', 'google']);
  expect(await allText()).not.toContain('provider-secret');
  expect(JSON.stringify(gateway.variables)).not.toContain('provider-secret');
});

test('lists the providers that it can sign for, and writes no credentials', async () => {
  const byRole = {
    config: defineConfig({
      providers: { openai: {}, bedrock: { region: 'us-east-1', auth: 'aws-role' } },
    }),
  };
  const credentials = {
    AWS_ACCESS_KEY_ID: 'key-id-canary',
    AWS_SECRET_ACCESS_KEY: 'secret-canary',
    AWS_SESSION_TOKEN: 'session-canary',
  };
  const gateway = await start({ ...byRole, variables: credentials });
  expect(gateway.providersWithKeys).toEqual(['bedrock']);
  expect(JSON.stringify(gateway.variables)).not.toContain('canary');
  expect(await allText()).not.toContain('canary');

  const { AWS_SECRET_ACCESS_KEY: _, ...half } = credentials;
  expect((await restart({ ...byRole, variables: half })).providersWithKeys).toEqual([]);
});

test('refuses a second gateway on the same folder, and the first one continues', async () => {
  const first = await start();
  const failure = await start().catch((error: unknown) => error);
  expect(failure).toMatchObject({ cause: { code: 'LEVEL_LOCKED' } });
  expect(await statusOf(first, first.key)).toBe(200);
});

test('stops its other parts if it cannot listen', async () => {
  const first = await start({ data: join(folder, 'other') });
  const port = Number(new URL(first.url).port);
  await expect(start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  // The folder is free again.
  expect(await statusOf(await start(), first.key)).toBe(401);
});

test('refuses a folder with a damaged deployment file, and makes no new one', async () => {
  await start();
  await running.pop()?.close(1_000);
  await writeFile(join(data, 'deployment.json'), '{"deployment":"');
  await expect(start()).rejects.toThrow(/deployment\.json is damaged$/);
});

test('refuses calls to its tables and secrets without its access key id', async () => {
  const { variables } = await start();
  for (const [name, target] of [
    ['AWS_ENDPOINT_URL_DYNAMODB', 'DynamoDB_20120810.ListTables'],
    ['AWS_ENDPOINT_URL_SECRETS_MANAGER', 'secretsmanager.ListSecrets'],
  ] as const) {
    const answer = await send(variables[name] ?? '', {
      method: 'POST',
      headers: {
        'x-amz-target': target,
        'content-type': 'application/x-amz-json-1.0',
        authorization:
          'AWS4-HMAC-SHA256 Credential=guess/20261120/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
      },
      body: '{}',
    });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('UnrecognizedClientException');
  }
});
