/**
 * The device grant through the whole gateway: a machine without a browser, a person with one, a real OpenID provider; and
 * those who guess codes, or lure a person into approving.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/http-client.ts';
import {
  ADA,
  CLIENT_ID,
  type LocalProvider,
  startLocalProvider,
} from '../support/local-provider.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor, ticketIn, type Visited, type WebVisitor } from '../support/web-visitor.ts';

let provider: LocalProvider;
let gateway: SignInGateway;

beforeAll(async () => {
  provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
  gateway = await startSignInGateway({
    issuer: provider.issuer,
    clientId: CLIENT_ID,
    key: 'staff',
  });
});

afterEach(() => {
  provider.claims = ADA;
});

afterAll(async () => {
  await gateway.close();
  await provider.close();
});

const loginIn = ({ text, url }: Visited): string =>
  new URL(/href="(oauth\/login[^"]+)"/.exec(text)?.[1] ?? '', url).href;
const page = () => `${gateway.root}/device`;

const begin = async () => {
  const { body } = await gateway.post('/oauth/device_authorization', { client_id: 'hallpass' });
  return { deviceCode: String(body.device_code), userCode: String(body.user_code) };
};
const poll = (deviceCode: string) =>
  gateway.post('/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: deviceCode,
    client_id: 'hallpass',
  });

/** Types a code; the page that follows. */
async function type(visitor: WebVisitor, userCode: string): Promise<Visited> {
  const form = await visitor.visit(page());
  return visitor.submit(page(), { ticket: ticketIn(form), user_code: userCode });
}

/** Goes as far as the page with the buttons. */
async function signInFor(visitor: WebVisitor, userCode: string): Promise<Visited> {
  return visitor.visit(loginIn(await type(visitor, userCode)));
}

const decide = (visitor: WebVisitor, confirm: Visited, decision: string) =>
  visitor.submit(page(), { ticket: ticketIn(confirm), decision });

describe('a device without a browser', () => {
  test('gets a token after its person typed the code, signed in and clicked', async () => {
    const { deviceCode, userCode } = await begin();
    expect(await poll(deviceCode)).toMatchObject({
      status: 400,
      body: { error: 'authorization_pending' },
    });
    const visitor = makeVisitor();
    const asked = await type(visitor, userCode.toLowerCase());
    for (const text of ['the command &quot;hallpass&quot;', '127.0.0.1', 'UTC']) {
      expect(asked.text).toContain(text);
    }
    const confirm = await visitor.visit(loginIn(asked));
    for (const text of [
      'ada@example.edu',
      'on another machine',
      '127.0.0.1',
      'Decline',
      'Give access',
    ]) {
      expect(confirm.text).toContain(text);
    }
    const done = await decide(visitor, confirm, 'allow');
    expect(done.text).toContain('Your device has access');
    const { status, body } = await poll(deviceCode);
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^jwt:/),
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: 'inference',
      email: 'ada@example.edu',
    });
    expect((await gateway.aboutKey(String(body.access_token))).user).toBe('ada@example.edu');
    expect((await poll(deviceCode)).body.error).toBe('expired_token');
  });

  test('gets nothing when its person declines', async () => {
    const { deviceCode, userCode } = await begin();
    const visitor = makeVisitor();
    await decide(visitor, await signInFor(visitor, userCode), 'decline');
    expect((await poll(deviceCode)).body.error).toBe('access_denied');
  });
});

describe('an attack', () => {
  // guarantee: device-confirmed-by-a-click
  test('by a link approves nothing: no page does so without a code, a login and a click', async () => {
    const { deviceCode, userCode } = await begin();
    const visitor = makeVisitor();
    const linked = await visitor.visit(`${page()}?user_code=${userCode}`);
    expect(linked.text).not.toContain(userCode.replace('-', ''));
    await signInFor(visitor, userCode);
    expect((await poll(deviceCode)).body.error).toBe('authorization_pending');
  });

  test('by a form of another page sends no code and no decision', async () => {
    const { userCode } = await begin();
    const visitor = makeVisitor();
    const ticket = ticketIn(await visitor.visit(page()));
    const [jar] = [...visitor.cookies.values()];
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      cookie: `__Host-hallpass=${jar?.get('__Host-hallpass')}`,
      'sec-fetch-site': 'cross-site',
    };
    const body = new URLSearchParams({ ticket, user_code: userCode }).toString();
    expect((await send(page(), { method: 'POST', headers, body })).status).toBe(403);
    const other = makeVisitor();
    await other.visit(page());
    expect((await other.submit(page(), { ticket, user_code: userCode })).status).toBe(403);
  });

  // guarantee: device-decided-once
  test('of two people who decide about one device, the first decides', async () => {
    const { deviceCode, userCode } = await begin();
    const [one, two] = [makeVisitor(), makeVisitor()];
    const [first, second] = [await signInFor(one, userCode), await signInFor(two, userCode)];
    const answers = await Promise.all([
      decide(one, first, 'allow'),
      decide(two, second, 'decline'),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403]);
    const expected = answers[0].status === 200 ? 200 : 400;
    expect((await poll(deviceCode)).status).toBe(expected);
  });

  /**
   * Ten guesses in ten minutes, at 200 codes at most that live at once (100 in each of two windows), hit with
   * 10 * 200 / 20^8 = 7.8e-8. The throttle of the route, 20 a second, bounds all addresses together to 9.4e-5 in ten
   * minutes. A hit shows who asks; it gives the guesser nothing but the chance to approve with an account of their own.
   */
  // guarantee: device-guesses-bounded
  test('by guessing has ten tries in ten minutes, whatever browser it takes, and then not even the right one', async () => {
    const { userCode } = await begin();
    const statuses = [];
    for (let guess = 0; guess < 10; guess += 1) {
      statuses.push((await type(makeVisitor(), 'BBBB-BBBB')).text.includes('not in force'));
    }
    expect(statuses).toEqual(Array.from({ length: 10 }, () => true));
    const late = await type(makeVisitor(), userCode);
    expect(late.status).toBe(403);
    expect(late.text).toContain('too many wrong codes');
    expect((10 * 200) / 20 ** 8).toBeLessThan(7.9e-8);
    expect((20 * 600 * 200) / 20 ** 8).toBeLessThan(9.4e-5);
  });
});
