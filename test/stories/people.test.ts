/**
 * The owners' stories through the whole gateway, with the server key alone.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

let gateway: TestGateway;
let changes = 0;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

interface User {
  readonly id: string;
  readonly user: string;
  readonly usage_usd: number;
  readonly limits: readonly { readonly window: string; readonly limit: number }[];
  readonly nearest: { readonly percent: number } | null;
  readonly blocked: string | null;
  readonly credit_usd: number;
  readonly last_seen: string | null;
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly data?: unknown;
    readonly error?: { readonly code?: string; readonly message: string; readonly reason?: string };
  };
}

async function send(
  path: string,
  init: RequestInit & { credential?: string } = {},
): Promise<Answer> {
  const { credential = gateway.key, ...rest } = init;
  const response = await fetch(`${gateway.url}${path}`, {
    ...rest,
    headers: {
      authorization: `Bearer ${credential}`,
      'content-type': 'application/json',
      ...rest.headers,
    },
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const chat = (credential: string, path = '/chat/completions', body: object = {}) =>
  send(path, {
    credential,
    method: 'POST',
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
      ...body,
    }),
  });
/** An idempotency key of its own. */
const nextKey = (): string => {
  changes += 1;
  return `change-${changes}`;
};
const change = async (user: string, fields: object, key = nextKey()) => {
  const answer = await send(`/users/${encodeURIComponent(user)}`, {
    method: 'PATCH',
    body: JSON.stringify(fields),
    headers: { 'idempotency-key': key },
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.error?.message}`);
  return answer.body.data as User;
};
const find = async (user: string) =>
  (await send(`/users/${encodeURIComponent(user)}`)).body.data as User;
const tokenOf = (user: string) => gateway.newToken({ user });
const total = (limit: number) => [{ per: 'user', unit: 'usd', window: 'total', limit }];

describe('a course', () => {
  test('sees who used it, raises one student and lists those near their limit', async () => {
    const ada = tokenOf('ada@course.edu');
    expect((await chat(ada)).status).toBe(200);
    await expect.poll(async () => (await find('ada@course.edu')).user).toBe('ada@course.edu');
    const { usage_usd: spent } = await find('ada@course.edu');
    await change('ada@course.edu', { limits: total(spent) });
    expect((await chat(ada)).body.error?.code).toBe('insufficient_quota');

    const near = (await send('/users?near=80')).body.data as User[];
    expect(near.map(({ id }) => id)).toEqual(['token:ada@course.edu']);

    await change('ada@course.edu', { limits: total(1) });
    expect((await chat(ada)).status).toBe(200);
    expect((await send('/users?near=80')).body.data).toEqual([]);
  });

  test('blocks one student in every format, with the reason, and nobody else', async () => {
    const [bob, cyd] = [tokenOf('bob@course.edu'), tokenOf('cyd@course.edu')];
    expect((await chat(bob)).status).toBe(200);
    await change('bob@course.edu', { blocked: 'left the course' });

    const google = { contents: [{ parts: [{ text: 'hello' }] }] };
    for (const [path, body] of [
      ['/chat/completions', {}],
      ['/messages', {}],
      [
        '/models/demo/echo:generateContent',
        { ...google, max_tokens: undefined, messages: undefined, model: undefined },
      ],
    ] as const) {
      const { status, body: answer } = await chat(bob, path, body);
      expect({ path, status }).toEqual({ path, status: 403 });
      expect(answer.error?.message).toContain('Reason: left the course');
    }
    expect((await chat(cyd)).status).toBe(200);
    await change('bob@course.edu', { blocked: null });
    expect((await chat(bob)).status).toBe(200);
  });
});

describe('a host of prepaid customers', () => {
  test('sells a balance that is spent to its end, then credit once, and the customer goes on with the same token', async () => {
    const customer = tokenOf('customer-1');
    await change('token:customer-1', { limits: total(0.0005) });
    let served = 0;
    const buy = async (): Promise<number> => {
      const { status } = await chat(customer);
      if (status === 200) served += 1;
      return status;
    };
    await expect.poll(buy, { interval: 0 }).toBe(402);
    expect(served).toBeGreaterThan(0);
    const { usage_usd: spent } = await find('token:customer-1');
    expect(spent).toBeLessThanOrEqual(0.0005);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => change('token:customer-1', { credit_usd: 2 }, 'invoice-7')),
    );
    expect(answers.map(({ credit_usd }) => credit_usd)).toEqual(Array(20).fill(2));
    expect((await chat(customer)).status).toBe(200);
    expect((await find('token:customer-1')).limits).toMatchObject([
      { window: 'total', limit: 2.0005 },
    ]);
  });
});

test('a token, and a client key, cannot see or change people', async () => {
  const ada = tokenOf('ada@course.edu');
  for (const [method, path] of [
    ['GET', '/users'],
    ['GET', '/users/ada@course.edu'],
    ['PATCH', '/users/ada@course.edu'],
  ] as const) {
    const { status, body } = await send(path, {
      method,
      credential: ada,
      ...(method === 'PATCH' && { body: '{"credit_usd":1000}' }),
    });
    expect([status, body.error?.code]).toEqual([403, 'route_not_allowed']);
  }
});
