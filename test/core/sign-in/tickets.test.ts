/**
 * Each ticket counts once, whatever the provider says: the provider of these tests takes any code again and again.
 */
import { describe, expect, test } from 'vitest';
import type { SignInAnswer } from '../../../core/sign-in/answer.ts';
import { signIn } from '../../../core/sign-in.ts';
import { makeSignInKit, type SignInKit } from '../../support/sign-in-kit.ts';

const AUTHORIZE = {
  response_type: 'code',
  client_id: 'hallpass',
  redirect_uri: 'http://127.0.0.1:8400/callback',
  code_challenge: 'A'.repeat(43),
  code_challenge_method: 'S256',
  state: 's',
};

interface Sent {
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly cookie?: string;
}

const send = (kit: SignInKit, route: string, { query = {}, form, cookie = '' }: Sent = {}) => {
  const [method = '', path = ''] = route.split(' ');
  const request = {
    method,
    path,
    query: new URLSearchParams(query),
    headers: new Map([
      ['content-type', ['application/x-www-form-urlencoded']],
      ['cookie', [cookie]],
    ]),
    body: form && new URLSearchParams(form).toString(),
    sourceIp: '203.0.113.7',
  };
  return signIn(request, kit.ports);
};

const cookieOf = (answer: SignInAnswer): string =>
  'cookie' in answer ? (answer.cookie?.split(';')[0] ?? '') : '';
const htmlOf = (answer: SignInAnswer): string => (answer.kind === 'page' ? answer.html : '');
const stateIn = (answer: SignInAnswer): string =>
  answer.kind === 'redirect' ? (new URL(answer.location).searchParams.get('state') ?? '') : '';

/** Goes as far as the callback. */
async function begin(kit: SignInKit, route: string, sent?: Sent) {
  const started = await send(kit, route, sent);
  const cookie = cookieOf(started);
  const query = { state: stateIn(started), code: 'any' };
  return { cookie, query };
}

describe('a ticket', () => {
  // guarantee: login-once
  test('of a login is used once, of five at the same moment, and not after ten minutes', async () => {
    const kit = makeSignInKit();
    const { cookie, query } = await begin(kit, 'GET /oauth/login');
    expect(kit.store.grants.size).toBe(0);
    const ended = await Promise.all(
      Array.from({ length: 5 }, () => send(kit, 'GET /oauth/callback', { query, cookie })),
    );
    expect(ended.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403, 403]);
    const late = await begin(kit, 'GET /oauth/login');
    kit.pass(600_000);
    expect((await send(kit, 'GET /oauth/callback', late)).status).toBe(403);
  });

  // guarantee: confirmed-in-its-browser
  test('of a button is used once, of five at the same moment', async () => {
    const kit = makeSignInKit();
    const { cookie, query } = await begin(kit, 'GET /oauth/authorize', { query: AUTHORIZE });
    const page = htmlOf(await send(kit, 'GET /oauth/callback', { query, cookie }));
    const ticket = /name="ticket" value="([\w-]+)"/.exec(page)?.[1] ?? '';
    const form = { ticket, decision: 'allow' };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => send(kit, 'POST /oauth/authorize', { form, cookie })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 403, 403, 403, 403]);
    const codes = [...kit.store.grants.keys()].filter((id) => id.startsWith('code#'));
    expect(codes).toHaveLength(1);
  });

  test('opens with its own cookie alone, and in no other place', async () => {
    const kit = makeSignInKit();
    const mine = await begin(kit, 'GET /oauth/login');
    const other = await begin(kit, 'GET /oauth/login');
    const { query } = mine;
    for (const cookie of ['', other.cookie, `${mine.cookie}; ${other.cookie}`]) {
      expect((await send(kit, 'GET /oauth/callback', { query, cookie })).status).toBe(403);
    }
    const form = { ticket: query.state, decision: 'allow' };
    const { cookie } = mine;
    for (const route of ['POST /oauth/authorize', 'POST /device']) {
      expect((await send(kit, route, { form, cookie })).status).toBe(403);
    }
    expect((await send(kit, 'GET /oauth/callback', { query, cookie })).status).toBe(200);
  });

  test('of a second tab leaves the first one as it is', async () => {
    const kit = makeSignInKit();
    const first = await begin(kit, 'GET /oauth/login');
    const second = await begin(kit, 'GET /oauth/login', { cookie: first.cookie });
    expect(second.cookie).toBe(first.cookie);
    for (const tab of [first, second]) {
      expect((await send(kit, 'GET /oauth/callback', tab)).status).toBe(200);
    }
  });
});
