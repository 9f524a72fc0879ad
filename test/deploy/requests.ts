/**
 * Requests of every kind at a deployed stack, each with what it must answer.
 */
import { createHmac } from 'node:crypto';
import type { Stack } from './aws.ts';
import { UPSTREAM_MODEL } from './configs.ts';
import { expectThat, hallpass, type Life } from './tools.ts';

/** The first call of a function waits for its start. */
const CALL_MS_MAX = 120_000;
const JWT_SECRET = 'a-secret-of-the-issuer-that-is-long-enough.';
const ECHO = 'demo/echo';
/** More than any test of a limit needs. */
const ASKS_MAX = 20;

/** A request and what its answer must be. */
interface Case {
  readonly path: string;
  readonly credential?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** @default 200 */
  readonly status?: number;
  /** A part of the body. */
  readonly holds?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** Sends one request. @param root the URL of the stage */
export async function send(root: string, { path, credential, method, ...rest }: Case) {
  const { body, headers } = rest;
  try {
    const answer = await fetch(`${root}${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        // The emulator does not decode the base64 of a compressed page.
        'accept-encoding': 'identity',
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  } catch (cause) {
    throw new Error(`${path} got no answer: ${Object(cause).message}`, { cause });
  }
}

/** Sends requests in their order, and names all whose answer is another one. */
export async function expectAnswers(root: string, cases: readonly Case[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  const wrong: string[] = [];
  for (const each of cases) {
    const { method = each.body === undefined ? 'GET' : 'POST', path, status = 200, holds } = each;
    const answer = await send(root, each);
    answers.push(answer);
    if (answer.status === status && answer.text.includes(holds ?? '')) continue;
    const wanted = `${status}${holds === undefined ? '' : ` with "${holds}"`}`;
    const got = `${answer.status} ${answer.text.slice(0, 400)}`;
    wrong.push(`${method} ${path} must answer ${wanted}, got ${got}`);
  }
  expectThat(wrong.length === 0, wrong.join('\n'));
  return answers;
}

const chat = (more: object = {}) => ({
  model: ECHO,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
});

export const askChat = (credential: string, more: object = {}): Case => ({
  path: '/v1/chat/completions',
  credential,
  body: chat(more),
});

export const askUpstream = (credential: string): Case =>
  askChat(credential, { model: UPSTREAM_MODEL, max_tokens: 100 });

const inHeader = (name: string, credential: string) => ({ headers: { [name]: credential } });

/** A server key in each dialect, whole and streamed, and on the routes of its owner. */
export const serverKeyCases = (key: string): readonly Case[] => [
  { ...askChat(key), holds: 'echo: hello' },
  { ...askChat(key, { stream: true }), holds: 'data: [DONE]' },
  {
    path: '/v1/responses',
    credential: key,
    body: { model: ECHO, input: 'hello' },
    holds: 'echo: hello',
  },
  {
    path: '/v1/responses',
    credential: key,
    body: { model: ECHO, input: 'hello', stream: true },
    holds: 'response.completed',
  },
  {
    path: '/v1/messages',
    ...inHeader('x-api-key', key),
    body: chat({ max_tokens: 50 }),
    holds: 'echo: hello',
  },
  {
    path: '/v1/messages',
    ...inHeader('x-api-key', key),
    body: chat({ max_tokens: 50, stream: true }),
    holds: 'message_stop',
  },
  {
    path: '/v1/messages/count_tokens',
    ...inHeader('x-api-key', key),
    body: chat(),
    holds: 'input_tokens',
  },
  {
    path: `/v1beta/models/${ECHO}:generateContent`,
    ...inHeader('x-goog-api-key', key),
    body: { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] },
    holds: 'echo: hello',
  },
  {
    path: `/v1beta/models/${ECHO}:streamGenerateContent?alt=sse`,
    ...inHeader('x-goog-api-key', key),
    body: { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] },
    holds: 'usageMetadata',
  },
  {
    path: '/v1/embeddings',
    ...inHeader('api-key', key),
    body: { model: ECHO, input: 'hello' },
    holds: 'embedding',
  },
  { path: '/v1/models', credential: key, holds: ECHO },
  { path: `/v1/models/${ECHO}`, credential: key, holds: ECHO },
  { path: '/v1/key', credential: key, holds: '"usage"' },
  { path: '/v1/usage?group_by=model', credential: key, holds: ECHO },
  { path: '/v1/users', credential: key, holds: '"data"' },
];

/** The emulator does not fill in what the authorizer says, so the code is not looked at. */
const UNKNOWN = { status: 401, holds: '"error"' };

/** Open pages, preflights, and refusals by API Gateway, the authorizer and the functions. */
const openAndRefusedCases = (key: string, clientKey: string): readonly Case[] => [
  { path: '/me', holds: '<!doctype html>' },
  { path: '/console', holds: '<!doctype html>' },
  { path: '/SKILL.md', holds: 'Hallpass' },
  { path: '/llms.txt', holds: 'Hallpass' },
  { path: '/v1/chat/completions', method: 'OPTIONS', status: 204 },
  { path: '/v1/key', ...UNKNOWN },
  { path: '/v1/key', credential: 'sk-hp-unknown', ...UNKNOWN },
  { path: '/v1/key', credential: clientKey, ...UNKNOWN },
  {
    path: '/v1/key',
    credential: key,
    ...inHeader('x-api-key', 'sk-hp-another'),
    ...UNKNOWN,
  },
  { path: '/v1/nothing', credential: key, status: 404, holds: 'not_found' },
  { ...askChat(key, { model: 'nobody/nothing' }), status: 404, holds: 'model_not_found' },
  {
    path: '/v1/chat/completions',
    credential: key,
    body: '{"model":',
    status: 400,
    holds: 'invalid_request',
  },
];

export interface Keys {
  readonly server: string;
  readonly kid: string;
  readonly account: string;
  readonly personal: string;
  readonly client: string;
}

/** Makes a key of each kind, as an operator does. */
export async function makeKeys(life: Life, stack: string): Promise<Keys> {
  const make = (name: string, flags: readonly string[] = [], input = '') =>
    hallpass(life, ['keys', 'create', name, ...flags, '--stack', stack], { input });
  const [server, personal, client] = await Promise.all([
    make('course'),
    make('ann', ['--user', 'ann@example.edu', '--limit', 'user:requests:day=3']),
    make('app', ['--client-access', '--jwt-secret', '-', '--limit', 'user:usd:day=1'], JWT_SECRET),
  ]);
  const { key, kid, account } = server;
  return { server: key, kid, account, personal: personal.key, client: client.key };
}

/** A JWT of a user, as an identity provider signs it. */
function signJwt(claims: object, secret = JWT_SECRET): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** Requests of every kind, at a stack that works. */
export async function serves({ root }: Stack, keys: Keys): Promise<void> {
  const { server, personal, client } = keys;
  await expectAnswers(root, serverKeyCases(server));
  const refused = await expectAnswers(root, openAndRefusedCases(server, client));
  const page = refused[0]?.headers.get('content-security-policy') ?? '';
  expectThat(page.startsWith("default-src 'none'"), `the policy of /me is "${page}"`);
  const stranger = refused[6]?.headers.get('access-control-allow-origin');
  expectThat(stranger === '*', 'a refusal has no CORS header');

  const exp = Math.floor(Date.now() / 1_000) + 600;
  const bea = `${client}:${signJwt({ sub: 'bea', exp })}`;
  await expectAnswers(root, [
    { ...askChat(bea), holds: 'echo: hello' },
    { ...askChat(bea, { stream: true }), holds: 'data: [DONE]' },
    { path: '/v1/key', credential: bea, holds: 'bea' },
    {
      ...askChat(`${client}:${signJwt({ sub: 'bea', exp }, 'x'.repeat(40))}`),
      ...UNKNOWN,
    },
    { path: '/v1/users', credential: bea, status: 403, holds: 'route_not_allowed' },
  ]);
  await expectAnswers(root, [
    { ...askChat(personal), holds: 'echo: hello' },
    { ...askChat(personal, { stream: true }), holds: 'data: [DONE]' },
    { path: '/v1/key', credential: personal, holds: 'ann@example.edu' },
    { ...askChat(personal), status: 429, holds: 'rate_limit_exceeded' },
  ]);
}

/** Scoped tokens from the gateway and the command line: their models, their money, their end. */
export async function tokensAreHeld(
  life: Life,
  { root }: Stack,
  { server, kid }: Keys,
): Promise<void> {
  const issued = await send(root, {
    path: '/v1/scoped-jwt',
    credential: server,
    body: { models: [ECHO], spending_limit: 0.0005, user: 'cy@example.edu', expires_delta: 3600 },
  });
  const { token } = JSON.parse(issued.text);
  await expectAnswers(root, [
    { ...askChat(token, { max_tokens: 16 }), holds: 'echo: hello' },
    { path: '/v1/key', credential: token, holds: 'cy@example.edu' },
    { ...askUpstream(token), status: 403, holds: 'model_not_allowed' },
    {
      path: '/v1/scoped-jwt',
      credential: token,
      body: {},
      status: 403,
      holds: 'route_not_allowed',
    },
    { ...askChat(token, { max_tokens: 8_000 }), holds: 'echo: hello' },
  ]);
  await expectSpent(root, token);

  const flags = ['--expires', '1h', '--user', 'dee@example.edu', '--jti', 'dee-1'];
  const offline = await hallpass(life, ['tokens', 'issue', ...flags], {
    variables: { HALLPASS_KEY: server, HALLPASS_KEY_ID: kid },
  });
  await expectAnswers(root, [{ ...askChat(offline.token, { stream: true }), holds: '[DONE]' }]);
  await expectAnswers(root, [
    {
      path: '/v1/users/dee@example.edu',
      method: 'PATCH',
      credential: server,
      body: { blocked: 'left the course' },
    },
    { ...askChat(offline.token), status: 403, holds: 'left the course' },
    {
      path: '/v1/users/dee@example.edu',
      method: 'PATCH',
      credential: server,
      body: { blocked: null },
    },
    { ...askChat(offline.token), holds: 'echo: hello' },
    { path: `/v1/scoped-jwt?jwtoken=${offline.token}`, method: 'DELETE', credential: server },
    { ...askChat(offline.token), status: 401, holds: 'token_revoked' },
  ]);
}

/** Issues a token of half a thousandth of a dollar, and spends it. */
export async function spendSmallToken({ root }: Stack, { server }: Keys): Promise<void> {
  const body = { spending_limit: 0.0005, user: 'gus@example.edu', expires_delta: 3600 };
  const { text } = await send(root, { path: '/v1/scoped-jwt', credential: server, body });
  await expectSpent(root, JSON.parse(text).token);
}

/** Spends a small limit to its end, and sees that it held. */
async function expectSpent(root: string, token: string): Promise<void> {
  const words = { messages: [{ role: 'user', content: 'word '.repeat(20) }], max_tokens: 20 };
  for (let asks = 0; asks < ASKS_MAX; asks += 1) {
    const { status, text } = await send(root, askChat(token, words));
    if (status === 200) continue;
    expectThat(status === 402, `a token that is spent must answer 402, got ${status} ${text}`);
    const about = JSON.parse((await send(root, { path: '/v1/key', credential: token })).text);
    const { usage, limit } = about.data;
    expectThat(usage > 0 && usage <= limit, `${usage} USD of ${limit} were spent`);
    return;
  }
  throw new Error(`a token of 0.0005 USD served ${ASKS_MAX} requests`);
}
