import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FunctionSettings } from '../../adapters/aws/environment.ts';
import { callSecretsManager } from '../../adapters/aws/https-call.ts';
import { makeSignInSecretWriter } from '../../adapters/aws/sign-in-secret.ts';
import type { LogEntry } from '../../core/base/ports.ts';
import { defineConfig } from '../../core/config.ts';
import { makeSignInHandler } from '../../lambdas/sign-in.ts';
import {
  CONTEXT,
  startFunctionSettings,
  type TestFunctions,
  unreachable,
} from '../support/function-settings.ts';
import { ACCOUNT, KEY } from '../support/memory-keys.ts';

const CANARY = 'canary-of-a-secret';
const FORM = { 'content-type': ['application/x-www-form-urlencoded'] };
const REFRESH = `hpr.${'A'.repeat(22)}.${'A'.repeat(43)}`;

let functions: TestFunctions;
let settings: FunctionSettings;
const lines: LogEntry[] = [];
const log = { write: (entry: LogEntry) => void lines.push(entry) };

beforeAll(async () => {
  functions = await startFunctionSettings();
  const { environment } = functions.settings;
  const call = callSecretsManager(environment, 10_000);
  await makeSignInSecretWriter(call, environment.secretPrefix).putKey('course', KEY);
  const config = defineConfig({
    account: ACCOUNT,
    providers: { anthropic: {}, groq: {} },
    signIn: {
      publicUrl: 'https://llm.example.edu/prod',
      issuer: 'https://idp.example.edu',
      clientId: 'hallpass',
      key: 'course',
      exchange: [{ name: 'deploy', preset: 'github-actions:octo/app#1' }],
    },
  });
  settings = { environment, config };
});

afterAll(() => functions.close());

interface Asked extends Partial<APIGatewayProxyEvent> {
  readonly form?: Readonly<Record<string, string>>;
}

async function ask(path: string, { form, ...event }: Asked = {}, at = settings) {
  const asked = {
    httpMethod: form === undefined ? 'GET' : 'POST',
    path,
    resource: path,
    multiValueHeaders: form === undefined ? {} : FORM,
    multiValueQueryStringParameters: null,
    body: form === undefined ? null : new URLSearchParams(form).toString(),
    isBase64Encoded: false,
    requestContext: { identity: { sourceIp: '203.0.113.7' } },
    ...event,
  } as unknown as APIGatewayProxyEvent;
  const handler = makeSignInHandler(at, log);
  return (await handler(asked, CONTEXT)) as APIGatewayProxyResult;
}

const errorOf = ({ body }: APIGatewayProxyResult): string => JSON.parse(body).error;

describe('the sign-in function', () => {
  test('builds every URL from the configuration, never from the Host header', async () => {
    const { body, headers } = await ask('/.well-known/oauth-authorization-server', {
      multiValueHeaders: { Host: ['evil.example.com'], 'X-Forwarded-Host': ['evil.example.com'] },
    });
    expect(body).not.toContain('evil');
    expect(JSON.parse(body)).toMatchObject({
      issuer: 'https://llm.example.edu/prod',
      token_endpoint: 'https://llm.example.edu/prod/oauth/token',
      device_authorization_endpoint: 'https://llm.example.edu/prod/oauth/device_authorization',
    });
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*' });
  });

  test('tells OpenCode the command that prints a token, and the providers that it may use', async () => {
    const { body, headers } = await ask('/.well-known/opencode');
    expect(JSON.parse(body)).toEqual({
      auth: {
        command: ['hallpass', 'token', '--url', 'https://llm.example.edu/prod'],
        env: 'HALLPASS_TOKEN',
      },
      config: {
        provider: {
          anthropic: {
            options: {
              baseURL: 'https://llm.example.edu/prod/v1',
              apiKey: '{env:HALLPASS_TOKEN}',
            },
          },
        },
      },
    });
    expect(headers).toMatchObject({ 'cache-control': 'public, max-age=300' });
  });

  test.each([
    ['JSON', { multiValueHeaders: { 'content-type': ['application/json'] } }],
    ['a body of more than 16 kB', { body: `grant_type=${'x'.repeat(16_385)}` }],
    ['a parameter twice', { body: 'grant_type=refresh_token&grant_type=refresh_token' }],
    ['no grant type', { body: 'code=x' }],
  ])('refuses %s in the words of OAuth', async (_, event) => {
    const answer = await ask('/oauth/token', { form: {}, ...event });
    expect(answer.statusCode).toBe(400);
    expect(errorOf(answer)).toBe('invalid_request');
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
  });

  test('reads a body that API Gateway hands over in base64', async () => {
    const body = Buffer.from('grant_type=password').toString('base64');
    const answer = await ask('/oauth/token', { form: {}, body, isBase64Encoded: true });
    expect(errorOf(answer)).toBe('unsupported_grant_type');
  });

  // guarantee: sign-in-outage-is-503
  test.each([
    ['a refresh', '/oauth/token', { grant_type: 'refresh_token', refresh_token: REFRESH }],
    ['a device that begins', '/oauth/device_authorization', { client_id: 'hallpass' }],
    ['a revocation', '/oauth/revoke', { token: REFRESH }],
  ])('answers 503 to %s while the table is down, and refuses nobody', async (_, path, form) => {
    lines.length = 0;
    const answer = await ask(path, { form }, unreachable(settings));
    expect(answer.statusCode).toBe(503);
    expect(errorOf(answer)).toBe('temporarily_unavailable');
    expect(answer.headers).toMatchObject({ 'retry-after': '1' });
    expect(lines).toMatchObject([
      { level: 'error', event: 'sign-in refused', detail: expect.stringContaining('dynamodb') },
    ]);
  });

  // guarantee: no-secret-in-output
  test('writes no token, code, cookie or form into its log or its answers', async () => {
    lines.length = 0;
    const cookie = { ...FORM, cookie: [`__Host-hallpass=${CANARY}`] };
    const query = { code: [CANARY], state: [CANARY], user_code: [CANARY], ticket: [CANARY] };
    const answers = [
      await ask('/oauth/callback', {
        multiValueHeaders: cookie,
        multiValueQueryStringParameters: query,
      }),
      await ask('/device', { multiValueQueryStringParameters: query }),
      await ask('/device', { form: { user_code: CANARY, ticket: CANARY } }),
      await ask('/oauth/revoke', { form: { token: CANARY } }),
      ...(await Promise.all(
        [
          { grant_type: CANARY },
          { grant_type: 'refresh_token', refresh_token: CANARY },
          {
            grant_type: 'authorization_code',
            code: CANARY,
            client_id: CANARY,
            redirect_uri: CANARY,
            code_verifier: CANARY,
          },
          { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: CANARY },
          {
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
            subject_token: CANARY,
            subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
            rule: CANARY,
          },
        ].map((form) => ask('/oauth/token', { form })),
      )),
    ];
    const log = JSON.stringify(lines);
    expect(lines.length).toBeGreaterThan(5);
    expect(log).not.toContain(CANARY);
    expect(JSON.stringify(answers)).not.toContain(CANARY);
  });
});

test('a function without a public URL, or without sign-in, does not start', () => {
  const { environment } = settings;
  const start = (signIn: object) => () =>
    makeSignInHandler({ environment, config: defineConfig({ providers: {}, ...signIn }) }, log);
  expect(start({})).toThrow('no "signIn"');
  expect(start({ signIn: { key: 'course' } })).toThrow('publicUrl');
});
