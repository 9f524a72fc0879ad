/**
 * Identity through the whole gateway: no caller is taken for another, all unknown callers get one answer, and each user
 * sees only their own usage.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { type Answer, send } from '../support/http-client.ts';
import { signAs } from '../support/jwts.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { type LocalIssuer, mintWith, startIssuer } from '../support/user-jwts.ts';

startAtNoon();

const SECRET = 'a-secret-of-the-issuer-that-is-long-enough.';
const ISSUER = 'https://id.example.edu';

const folder = makeTemporaryFolder();
let gateway: TestGateway;
let issuer: LocalIssuer;

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
  issuer = await startIssuer('RS256');
});

afterAll(async () => {
  await gateway.close();
  await issuer.close();
});

interface Made {
  readonly key: string;
  readonly kid: string;
}

async function make(name: string, ...flags: string[]): Promise<Made> {
  const args = ['keys', 'create', name, ...flags, '--data', folder, '--json'];
  const { status, stdout, stderr } = await runHere(args, { input: SECRET });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout);
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const jwtOf = (sub: string, claims: object = {}, secret = SECRET): string =>
  mintWith({ iss: ISSUER, sub, exp: nowSeconds() + 600, ...claims }, secret);

type Sent = Readonly<Record<string, string>>;

const get = (path: string, credential: string, headers: Sent = {}): Promise<Answer> =>
  send(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${credential}`, ...headers },
  });

const chat = (credential: string, headers: Sent = {}): Promise<Answer> =>
  send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${credential}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  });

const codeOf = ({ status, text }: Answer): string =>
  status === 200 ? 'served' : `${status} ${JSON.parse(text).error.code}`;

/** A scoped token of a key, signed offline. */
function tokenOf({ key, kid }: Made, claims: object): string {
  const sub = kid.slice(0, kid.lastIndexOf(':'));
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = encode({ alg: 'HS256', typ: 'JWT', kid });
  const input = `${head}.${encode({ sub, exp: nowSeconds() + 600, ...claims })}`;
  return `jwt:${input}.${signAs('HS256', input, key).toString('base64url')}`;
}

describe('the demo client key', () => {
  test('serves the holder of a JWT signed with the demo secret', async () => {
    const jwt = jwtOf('ada', {}, gateway.clientJwtSecret);
    expect(codeOf(await chat(`${gateway.clientKey}:${jwt}`))).toBe('served');
    const { data } = JSON.parse((await get('/key', `${gateway.clientKey}:${jwt}`)).text);
    expect(data).toMatchObject({ user: 'ada', label: 'demo-client' });
    expect(codeOf(await chat(gateway.clientKey))).toBe('401 invalid_api_key');
  });
});

describe('an identity', () => {
  let made: Made;
  beforeAll(async () => {
    made = await make('all', '--identity-header', '--jwt-secret', '-', '--issuer', ISSUER);
  });

  test('with one name by header, token and JWT is three users with a wallet each', async () => {
    const header = { 'x-user-email': 'ada' };
    expect(codeOf(await chat(made.key, header))).toBe('served');
    expect(codeOf(await chat(tokenOf(made, { user: 'ada' })))).toBe('served');
    expect(codeOf(await chat(`${made.key}:${jwtOf('ada')}`))).toBe('served');

    const { data } = JSON.parse((await get('/usage?group_by=user', made.key)).text);
    const users = data.map((line: Record<string, unknown>) => [
      line.user,
      line.user_source,
      line.requests,
    ]);
    expect(users.sort()).toEqual([
      ['ada', 'header', 1],
      ['ada', 'jwt', 1],
      ['ada', 'token', 1],
    ]);
    expect(new Set(data.map(({ wallet }: { wallet: string }) => wallet)).size).toBe(3);
  });

  // guarantee: user-header-needs-server-key
  test('cannot be claimed beside a token or a JWT', async () => {
    const claim = { 'x-user-email': 'mallory' };
    expect(codeOf(await chat(tokenOf(made, { user: 'grace' }), claim))).toBe('served');
    expect(codeOf(await chat(`${made.key}:${jwtOf('grace')}`, claim))).toBe('served');
    const { text } = await get('/usage?group_by=user', made.key);
    expect(text).not.toContain('mallory');
    const own = await get('/key', `${made.key}:${jwtOf('grace')}`, claim);
    expect(JSON.parse(own.text).data.user).toBe('grace');
  });

  test('sent twice is refused', async () => {
    const headers = [
      'authorization',
      `Bearer ${made.key}`,
      'x-user-email',
      'a',
      'x-user-email',
      'b',
    ];
    const answer = await send(`${gateway.url}/key`, { headers });
    expect(codeOf(answer)).toBe('400 invalid_request');
  });

  test('that is enforced but missing is refused with the documented message', async () => {
    const { key } = await make('enforced', '--enforce-identity', '--jwt-secret', '-');
    const answer = await chat(key);
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text).error).toMatchObject({
      code: 'identity_required',
      message: 'This API key requires identity context.',
    });
    expect(codeOf(await chat(`${key}:${jwtOf('ada')}`))).toBe('served');
  });
});

describe('a user of client access', () => {
  let made: Made;
  let other: Made;
  const as = (user: string, { key } = made): string => `${key}:${jwtOf(user)}`;
  beforeAll(async () => {
    const secret = ['--client-access', '--jwt-secret', '-'];
    other = await make(
      'other-page',
      ...secret,
      ...(['--limit', 'user:usd:day=2', '--limit', 'key:usd:day=90'] as const),
    );
    made = await make(
      'page',
      ...secret,
      '--limit',
      'user:requests:day=2',
      '--limit',
      'key:requests:day=90',
    );
  });

  test('has the limits of a user to themselves', async () => {
    const found = [];
    for (const user of ['ada', 'ada', 'ada', 'grace', 'grace', 'grace']) {
      found.push(`${user} ${codeOf(await chat(as(user)))}`);
    }
    expect(found).toEqual([
      'ada served',
      'ada served',
      'ada 429 rate_limit_exceeded',
      'grace served',
      'grace served',
      'grace 429 rate_limit_exceeded',
    ]);
  });

  test('of another issuer is another user', async () => {
    const other = `${made.key}:${jwtOf('ada', { iss: 'https://other.example' })}`;
    expect(codeOf(await chat(other))).toBe('served');
  });

  // guarantee: own-usage-only
  test('sees their own usage and nothing of the key', async () => {
    for (const user of ['ada', 'ada', 'grace']) await chat(as(user, other));
    const usage = JSON.parse((await get('/usage?group_by=user', as('ada', other))).text);
    expect(usage.data).toMatchObject([{ user: 'ada', user_source: 'jwt', requests: 2 }]);
    expect(usage.total.requests).toBe(2);
    const { data } = JSON.parse((await get('/key', as('ada', other))).text);
    expect(data.limits.map(({ per }: { per: string }) => per)).toEqual(['user']);
  });

  // guarantee: client-key-needs-jwt
  test('may not issue, inspect or revoke tokens', async () => {
    const url = `${gateway.url}/scoped-jwt`;
    const headers = { authorization: `Bearer ${as('ada', other)}` };
    for (const [method, query] of [
      ['POST', ''],
      ['GET', '?jwtoken=x'],
      ['DELETE', '?user=grace'],
    ] as const) {
      const answer = await send(`${url}${query}`, { method, headers });
      expect([method, codeOf(answer)]).toEqual([method, '403 route_not_allowed']);
    }
  });
});

test('a user named by a header has the limits of a user to themselves', async () => {
  const { key } = await make('lab', '--identity-header', '--limit', 'user:requests:day=1');
  const found = [];
  for (const user of ['ada', 'ada', 'grace']) {
    found.push(codeOf(await chat(key, { 'x-user-email': user })));
  }
  found.push(codeOf(await chat(key)), codeOf(await chat(key)));
  expect(found).toEqual([
    'served',
    '429 rate_limit_exceeded',
    'served',
    // The key itself is no user.
    'served',
    'served',
  ]);
});

// guarantee: issuer-down-is-503
test('an issuer that is down answers 503: users are neither refused nor admitted', async () => {
  const { jwksUrl } = issuer;
  const source = ['--client-access', '--jwks-url', `${jwksUrl}/not-there`, '--any-audience'];
  const { key } = await make('down', ...source);
  const credential = `${key}:${issuer.sign({ sub: 'ada', exp: nowSeconds() + 600 })}`;
  expect(codeOf(await chat(credential))).toBe('503 service_unavailable');
  const explained = await runHere(['explain', credential, '--data', folder]);
  expect(explained.stdout.split('\n').at(-2)).toMatch(
    /^failed {2}jwt signature: .*no keys of an issuer are in memory: an issuer's key set cannot be fetched: it answered 404/,
  );
});

test('a key may be used only by pages of its origins', async () => {
  const { key } = await make('origins', '--origin', 'https://app.example.edu', '--origin', 'null');
  const from = async (origin: string) => codeOf(await get('/key', key, { origin }));
  expect(await from('https://app.example.edu')).toBe('served');
  expect(await from('null')).toBe('served');
  expect(await from('https://evil.example')).toBe('403 origin_not_allowed');
});

describe('an unknown caller', () => {
  /** All of an answer but its request id and its date. */
  function bytesOf({ status, headers, text }: Answer): string {
    const { date: _, 'x-request-id': id = '', ...rest } = headers;
    return JSON.stringify([status, rest, text.replaceAll(String(id), '<id>')]);
  }

  // guarantee: unknown-key-equal-bodies
  test('gets the same answer byte for byte, whatever is wrong with the credential', async () => {
    const server = await make('server', '--jwt-secret', '-');
    const client = await make('client', '--client-access', '--jwt-secret', '-');
    const jwks = await make(
      ...(['jwks', '--client-access', '--jwks-url', issuer.jwksUrl] as const),
      ...['--issuer', ISSUER, '--audience', 'app'],
    );
    const plain = await make('plain');
    const gone = await make('gone', '--jwt-secret', '-');
    await runHere(['keys', 'disable', 'gone', '--data', folder]);
    const claims = { iss: ISSUER, aud: 'app', sub: 'ada', exp: nowSeconds() + 600 };
    expect(codeOf(await get('/key', `${jwks.key}:${issuer.sign(claims)}`))).toBe('served');
    const [head = '', body = ''] = issuer.sign(claims).split('.');
    const wrong = 'another-secret-that-is-as-long-as-it-must-be';
    const credentials = {
      'a key of nobody': 'sk-hp-CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkDKzd3e',
      'a key without its checksum': `${server.key.slice(0, -1)}x`,
      'no key at all': 'hello',
      'a disabled key': gone.key,
      'a disabled key with a JWT': `${gone.key}:${jwtOf('ada')}`,
      'a client key alone': client.key,
      'a client key as signer': tokenOf(client, {}),
      'a key without a verifier': `${plain.key}:${jwtOf('ada')}`,
      'a JWT of another secret': `${client.key}:${jwtOf('ada', {}, wrong)}`,
      'an expired JWT of another secret': `${server.key}:${jwtOf('ada', { exp: 1 }, wrong)}`,
      'a JWT without a signature': `${jwks.key}:${head}.${body}.`,
      'a JWT of an unknown kid': `${jwks.key}:${issuer.sign(claims, 'unknown')}`,
      'a JWT whose signature is of other claims': `${jwks.key}:${head}.${body}.${issuer.sign({}).split('.')[2]}`,
      'a token of an unknown key': tokenOf(
        { ...server, kid: `${server.kid.split(':')[0]}:eA==` },
        {},
      ),
      'a token of another signature': tokenOf({ ...server, key: plain.key }, {}),
    };
    const answers = new Map<string, string[]>();
    for (const [name, credential] of Object.entries(credentials)) {
      const bytes = bytesOf(await chat(credential));
      answers.set(bytes, [...(answers.get(bytes) ?? []), name]);
    }
    expect([...answers.values()]).toEqual([Object.keys(credentials)]);
    expect([...answers.keys()][0]).toMatch(/^\[401,.*invalid_api_key/);
  });
});

// guarantee: no-crossed-users
test('200 requests of two users on one key, 16 at once, leave rows that each name their own user', async () => {
  const { key } = await make('shared', '--client-access', '--jwt-secret', '-');
  const users = ['ada', 'grace'] as const;
  const jwts = { ada: jwtOf('ada'), grace: jwtOf('grace') };
  const waiting = Array.from({ length: 200 }, (_, index) => index);
  const work = async (): Promise<void> => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const user = users[index % 2] ?? 'ada';
      const conversation = { 'x-conversation-id': `${user}.${index}` };
      expect(codeOf(await chat(`${key}:${jwts[user]}`, conversation))).toBe('served');
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));

  const rows: string[] = [];
  let from: unknown;
  do {
    const page = await gateway.tables.call('Scan', {
      TableName: gateway.environment.usageTable,
      ...(from !== undefined && { ExclusiveStartKey: from }),
    });
    for (const item of page.Items as readonly Record<string, { S?: string }>[]) {
      const conversation = item.conversation?.S ?? '';
      if (/^(ada|grace)\.\d+$/.test(conversation)) {
        rows.push(`${conversation.split('.')[0]} ${item.identitySource?.S} ${item.identityId?.S}`);
      }
    }
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  expect(rows.filter((row) => row === 'ada jwt ada')).toHaveLength(100);
  expect(rows.filter((row) => row === 'grace jwt grace')).toHaveLength(100);
  expect(rows).toHaveLength(200);
});
