import { describe, expect, test } from 'vitest';
import { makeTicket } from '../../../core/sign-in/browser.ts';
import { pollDevice, startDevice } from '../../../core/sign-in/device.ts';
import { confirmDevice, submitDevice } from '../../../core/sign-in/device-page.ts';
import { makeSignInKit, type SignInKit } from '../../support/sign-in-kit.ts';

const BROWSER = 'B'.repeat(42).concat('A');
const ADA = { person: { user: 'ada@example.edu', keyName: 'course' } };

const post = (path: string, form: Readonly<Record<string, string>>) => ({
  method: 'POST',
  path,
  query: new URLSearchParams(),
  headers: new Map([
    ['content-type', ['application/x-www-form-urlencoded']],
    ['cookie', [`__Host-hallpass=${BROWSER}`]],
  ]),
  body: new URLSearchParams(form).toString(),
  sourceIp: '203.0.113.7',
});

async function begin(kit: SignInKit) {
  const { body } = await startDevice(post('/oauth/device_authorization', {}), kit.ports);
  const [id = ''] = [...kit.store.grants.keys()].filter((each) => each.startsWith('device#'));
  return { deviceId: id, deviceCode: String(body.device_code), userCode: String(body.user_code) };
}

/** The ticket of the buttons, as the page after the login has it. */
async function confirm(kit: SignInKit, deviceId: string): Promise<string> {
  const page = await confirmDevice(BROWSER, ADA, deviceId, kit.ports);
  const html = page.kind === 'page' ? page.html : '';
  return /name="ticket" value="([\w-]+)"/.exec(html)?.[1] ?? '';
}

const decide = (kit: SignInKit, ticket: string, decision = 'allow') =>
  codeOf(submitDevice(post('/device', { ticket, decision }), kit.ports));
const poll = (kit: SignInKit, deviceCode: string) =>
  codeOf(pollDevice(new Map([['device_code', deviceCode]]), kit.ports));
const codeOf = (done: Promise<unknown>) =>
  done.then(
    () => 'done',
    (error) => error.code,
  );

describe('a decision about a device', () => {
  test('that comes after its ten minutes gives nothing', async () => {
    const kit = makeSignInKit();
    const { deviceId, deviceCode } = await begin(kit);
    kit.pass(599_999);
    const ticket = await confirm(kit, deviceId);
    kit.pass(1);
    expect(await decide(kit, ticket)).toBe('access_denied');
    expect(await poll(kit, deviceCode)).toBe('expired_token');
  });

  test('in the last moment can still be fetched for a minute', async () => {
    const kit = makeSignInKit();
    const { deviceId, deviceCode } = await begin(kit);
    const ticket = await confirm(kit, deviceId);
    kit.pass(599_999);
    expect(await decide(kit, ticket)).toBe('done');
    kit.pass(59_999);
    expect(await poll(kit, deviceCode)).toBe('done');
  });

  // guarantee: device-decided-once
  test('counts once, of five at the same moment, while the device polls', async () => {
    const kit = makeSignInKit();
    const { deviceId, deviceCode } = await begin(kit);
    const tickets = [];
    for (let index = 0; index < 5; index += 1) tickets.push(await confirm(kit, deviceId));
    const [polled, ...outcomes] = await Promise.all([
      poll(kit, deviceCode),
      ...tickets.map((ticket, index) => decide(kit, ticket, index % 2 === 0 ? 'allow' : 'decline')),
    ]);
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    kit.pass(30_000);
    const last = outcomes.indexOf('done') % 2 === 0 ? 'done' : 'access_denied';
    if (polled === 'authorization_pending') expect(await poll(kit, deviceCode)).toBe(last);
  });

  test('takes no ticket of another page, and the same ticket once', async () => {
    const kit = makeSignInKit();
    const { deviceId } = await begin(kit);
    const other = makeTicket(BROWSER, 'asked', { deviceId }, kit.ports);
    expect(await decide(kit, other)).toBe('access_denied');
    const ticket = await confirm(kit, deviceId);
    expect(await decide(kit, ticket, 'decline')).toBe('done');
    expect(await decide(kit, ticket)).toBe('access_denied');
  });
});

describe('a code that a person types', () => {
  const type = (kit: SignInKit, userCode: string, browser = BROWSER, sourceIp = '203.0.113.7') => {
    const ticket = makeTicket(browser, 'code', { kind: 'code' }, kit.ports);
    const request = post('/device', { ticket, user_code: userCode });
    const headers = new Map(request.headers).set('cookie', [`__Host-hallpass=${browser}`]);
    return codeOf(submitDevice({ ...request, headers, sourceIp }, kit.ports));
  };

  // guarantee: device-guesses-bounded
  test('may be wrong ten times for a browser, whatever its address, of a thousand at once', async () => {
    const kit = makeSignInKit();
    const { userCode } = await begin(kit);
    let lookups = 0;
    const { find } = kit.store;
    kit.store.find = (id, nowMs) => {
      if (id.startsWith('user#')) lookups += 1;
      return find(id, nowMs);
    };
    const guesses = Array.from({ length: 1_000 }, (_, index) =>
      type(kit, 'BBBB-BBBB', BROWSER, `198.51.100.${index % 250}`),
    );
    expect(new Set(await Promise.all(guesses))).toEqual(new Set(['access_denied']));
    expect(lookups).toBe(10);
    expect(await type(kit, userCode)).toBe('access_denied');
    kit.pass(600_000);
    const next = await begin(kit);
    expect(await type(kit, next.userCode)).toBe('done');
  });

  test('is not counted when it is right: a classroom behind one address gets in', async () => {
    const kit = makeSignInKit();
    const { userCode } = await begin(kit);
    for (let student = 0; student < 50; student += 1) {
      const browser = Buffer.alloc(32, student + 1).toString('base64url');
      expect(await type(kit, userCode, browser)).toBe('done');
    }
  });
});
