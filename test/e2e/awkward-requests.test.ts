/**
 * Malformed and hostile requests through the whole gateway: each gets a clear refusal in the shape its SDK reads,
 * nothing is charged, and no secret is logged.
 */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeFunctions } from '../../local/functions.ts';
import { type FakeProvider, startFakeProvider } from '../support/fake-provider.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const CANARY = 'canary-5ec2e7';
const CHAT = '/chat/completions';
const chat = (more: object = {}): string =>
  JSON.stringify({
    model: 'openai/gpt-4o-mini',
    messages: [{ role: 'user', content: CANARY }],
    max_tokens: 16,
    ...more,
  });

let provider: FakeProvider;
let gateway: TestGateway;
let written = '';

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
  }
  for (const name of ['log', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, name).mockImplementation((...parts) => {
      written += `${parts.join(' ')}\n`;
    });
  }
  provider = await startFakeProvider();
  gateway = await startTestGateway({
    providerUrls: { openai: provider.url },
    makeFunctions: (settings) => makeFunctions(settings),
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway.close();
  await provider.close();
});

const bearer = (credential: string): Record<string, string> => ({
  authorization: `Bearer ${credential}`,
  'content-type': 'application/json',
});

interface Refused {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly text: string;
}

async function refusalOf(
  path: string,
  headers: Readonly<Record<string, string>> | readonly string[],
  body?: string | Buffer,
): Promise<Refused> {
  const method = body === undefined ? 'GET' : 'POST';
  const answer = await send(`${gateway.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  expect(answer.headers['access-control-allow-origin']).toBe('*');
  expect(answer.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
  expect(answer.text).not.toContain(CANARY);
  const { error } = JSON.parse(answer.text);
  return { status: answer.status, code: error.code, message: error.message, text: answer.text };
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a body', () => {
  // guarantee: no-price-no-request, body-too-large
  test.each([
    ['unreadable JSON', `{"model": ${CANARY}`, 400, 'invalid_request'],
    ['no body at all', '', 400, 'invalid_request'],
    ['a list', '[]', 400, 'invalid_request'],
    ['no model', JSON.stringify({ messages: [] }), 400, 'invalid_request'],
    ['a model that is no text', chat({ model: 7 }), 400, 'invalid_request'],
    ['an unknown provider', chat({ model: 'nobody/model' }), 404, 'model_not_found'],
    [
      'a model without a known price',
      chat({ model: 'openai/gpt-unheard-of' }),
      422,
      'model_price_unknown',
    ],
    [
      'a field that a capped credential may not use',
      chat({ web_search_options: {} }),
      400,
      'invalid_request',
    ],
    ['an unknown field under a spending limit', chat({ surprise: 1 }), 400, 'invalid_request'],
    ['an output cap below one', chat({ max_tokens: 0 }), 400, 'invalid_request'],
    ['7 MB', Buffer.alloc(7 * 1024 * 1024, 'x'), 413, 'request_too_large'],
  ])('with %s is refused', async (_what, body, status, code) => {
    const credential = gateway.sign({ spending_limit: 1 });

    expect(await refusalOf(CHAT, bearer(credential), body)).toMatchObject({ status, code });
  });

  // guarantee: checked-body-only
  test('with doubled members is sent on as it was checked, each member once', async () => {
    provider.reply({ status: 500, steps: [] });
    const twice = `{"model":"openai/gpt-4o","model":"openai/gpt-4o-mini","max_tokens":9000,"max_tokens":16,"messages":[]}`;

    await refusalOf(CHAT, bearer(gateway.sign({ models: ['openai/gpt-4o-mini'] })), twice);

    const sent = provider.requests.at(-1)?.body ?? '';
    expect(sent.match(/"model"/g)).toHaveLength(1);
    expect(sent.match(/"max_(completion_)?tokens"/g)).toHaveLength(1);
    expect(JSON.parse(sent)).toMatchObject({ model: 'gpt-4o-mini' });
    expect(sent).not.toContain('9000');
  });
});

describe('a credential', () => {
  test('is required, and a refusal without one says nothing about the routes', async () => {
    const none = await refusalOf(CHAT, {}, chat());
    const route = await refusalOf('/nowhere', {});

    expect(none).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(route).toMatchObject({ status: 401, code: 'invalid_api_key' });
  });

  // guarantee: one-credential
  test('is refused when two differ or one header comes twice', async () => {
    const other = gateway.sign({ jti: 'other' });
    const two = { ...bearer(gateway.token), 'x-api-key': other };
    const doubled = [
      'authorization',
      `Bearer ${gateway.token}`,
      'authorization',
      `Bearer ${other}`,
    ];

    expect(await refusalOf(CHAT, two, chat())).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      message: 'The request carries two different credentials.',
    });
    expect(await refusalOf(CHAT, doubled, chat())).toMatchObject({
      status: 401,
      message: 'One of the headers for a credential was sent twice.',
    });
  });

  test('is refused with one text, whatever is wrong with it', async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: gateway.account, exp: now + 600 };
    const forge = (header: object, key: string): string => {
      const input = `${part(header)}.${part(claims)}`;
      return `jwt:${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
    };
    const good = gateway.token;
    const last = good.at(-1) ?? '';
    // 43 characters hold 258 bits for 256: the last one has spellings that decode to the same bytes.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [1, 2, 3].map(
      (bits) => good.slice(0, -1) + alphabet[alphabet.indexOf(last) + bits],
    );
    const { kid, key } = gateway;
    const texts = await Promise.all(
      [
        `sk-hp-${CANARY}`,
        key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A'),
        `${key}:${CANARY}`,
        forge({ alg: 'HS256', kid }, `${key}x`),
        forge({ alg: 'HS256', kid: 'acct_other:ZGVtbw==' }, key),
        forge({ alg: 'HS256', kid: `${gateway.account}:bm9ib2R5` }, key),
        forge({ alg: 'HS256', kid: '../../etc/passwd' }, key),
        forge({ alg: 'none', kid }, key),
        forge({ alg: 'nOnE', kid }, key),
        forge({ alg: 'HS512', kid }, key),
        `jwt:${part({ alg: 'none', kid })}.${part(claims)}.`,
        `${good} ${CANARY}`,
        ...spellings,
      ].map(async (credential) => (await refusalOf(CHAT, bearer(credential), chat())).text),
    );

    const bodies = new Set(texts.map((text) => text.replace(/"request_id":"[^"]+"/, '')));
    expect([...bodies]).toEqual([
      '{"type":"error","error":{"type":"authentication_error","code":"invalid_api_key","message":"The API key is missing or not valid.","param":null},}',
    ]);
  });

  test.each([
    ['is over', { exp: 1_700_000_000, iat: 1_699_999_000 }, 'token_expired'],
    ['is not active yet', { nbf: 4_000_000_000 }, 'token_not_active'],
    ['lives too long', { exp: 4_000_000_000 }, 'token_lifetime_too_long'],
    ['has an expiry beyond all time', { exp: 1e300 }, 'token_lifetime_too_long'],
    ['is of another account', { sub: 'acct_other' }, 'token_claim_invalid'],
    ['allows no model', { models: [] }, 'token_claim_invalid'],
    ['has a limit of nothing', { spending_limit: 0 }, 'token_claim_invalid'],
  ])('that was signed and %s is told so', async (_what, claims, code) => {
    const refused = await refusalOf(CHAT, bearer(gateway.sign(claims)), chat());

    expect(refused).toMatchObject({ status: 401, code });
  });
});

describe('a route', () => {
  test('that does not exist answers 404 in the caller’s dialect', async () => {
    const openai = await refusalOf('/nowhere', bearer(gateway.token));
    const anthropic = await refusalOf('/messages/nowhere', bearer(gateway.token), '{}');

    expect(openai).toMatchObject({ status: 404, code: 'not_found' });
    expect(JSON.parse(anthropic.text)).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    });
  });

  test('never repeats a malformed credential', async () => {
    const odd = { authorization: `${CANARY}, Credential=${CANARY}/20261120` };

    expect(await refusalOf('/nowhere', odd)).toMatchObject({ status: 401 });
  });
});

describe('headers of 11 kB', () => {
  test('are refused before any function runs', async () => {
    const headers = { ...bearer(gateway.token), 'x-long': 'x'.repeat(11_000) };

    expect(await refusalOf(CHAT, headers, chat())).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });
});

describe('all of that', () => {
  // guarantee: no-secret-in-output
  test('costs nothing, but for what a provider that failed may bill, and leaves no secret in the logs', async () => {
    const rows = await gateway.tables.scan('usage');
    const charged = rows.filter((row) => JSON.stringify(row.costNanoUsd) !== '{"N":"0"}');

    expect(charged.map(({ status, httpStatus }) => [status, httpStatus])).toEqual([
      [{ S: 'estimated' }, { N: '500' }],
    ]);
    expect(written).toContain('"event":"refused"');
    expect(written).not.toContain(CANARY);
    expect(written).not.toContain(gateway.key.slice(6));
    expect(written).not.toContain(gateway.token.slice(4, 60));
  });
});
