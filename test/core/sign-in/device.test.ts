import { describe, expect, test } from 'vitest';
import {
  type Device,
  drawUserCode,
  parseUserCode,
  pollDevice,
  startDevice,
} from '../../../core/sign-in/device.ts';
import { refreshFamily } from '../../../core/sign-in/refresh.ts';
import { sealFor } from '../../../core/sign-in/seal.ts';
import { makeSignInKit, type SignInKit } from '../../support/sign-in-kit.ts';

const ADA = { user: 'ada@example.edu', keyName: 'course' };
const FORM = new Map([['content-type', ['application/x-www-form-urlencoded']]]);

async function start(kit: SignInKit, sourceIp = '203.0.113.7', body = 'client_id=hallpass') {
  const request = {
    method: 'POST',
    path: '/oauth/device_authorization',
    query: new URLSearchParams(),
    headers: FORM,
    body,
    sourceIp,
  };
  const answer = await startDevice(request, kit.ports);
  return answer.body as { device_code: string; user_code: string; interval: number };
}

const poll = (kit: SignInKit, deviceCode: string) =>
  pollDevice(new Map([['device_code', deviceCode]]), kit.ports);
const codeOf = (polled: Promise<unknown>) =>
  polled.then(
    () => 'given',
    (error) => error.code,
  );

/** Writes a decision as the page does. */
async function decide(kit: SignInKit, change: Partial<Device>) {
  const [seen] = [...kit.store.grants.values()].filter(({ id }) => id.startsWith('device#'));
  if (seen === undefined) throw new Error('there is no device');
  const device: Device = JSON.parse(seen.data);
  const data = JSON.stringify({ ...device, ...change });
  return kit.store.replace(seen, { ...seen, data });
}

describe('a device', () => {
  test('gets a code of its own, and a short one for its person', async () => {
    const kit = makeSignInKit();
    const { device_code, user_code, ...rest } = await start(kit);
    expect(device_code).toMatch(/^[\w-]{43}$/);
    expect(user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(rest).toEqual({
      verification_uri: 'https://llm.example.edu/device',
      expires_in: 600,
      interval: 5,
    });
    expect(kit.stored()).not.toContain(device_code);
    expect(kit.stored()).not.toContain(user_code.replace('-', ''));
  });

  test('sends the short code in a URL only where that is configured', async () => {
    const kit = makeSignInKit({ deviceUriComplete: true });
    const body = await start(kit);
    expect(body).toMatchObject({
      verification_uri_complete: `https://llm.example.edu/device?user_code=${body.user_code}`,
    });
  });

  test('waits, and longer each time that it asks too soon', async () => {
    const kit = makeSignInKit();
    const { device_code: code } = await start(kit);
    const outcomes = [];
    for (const waitMs of [0, 5_000, 4_999, 5_000, 14_999, 20_000]) {
      kit.pass(waitMs);
      outcomes.push(await codeOf(poll(kit, code)));
    }
    expect(outcomes).toEqual([
      'authorization_pending',
      'authorization_pending',
      'slow_down',
      'slow_down',
      'slow_down',
      'authorization_pending',
    ]);
  });

  // guarantee: device-once
  test('gets its token once, of an hour and without a refresh token', async () => {
    const kit = makeSignInKit({ tokenLifetime: '4h' });
    const { device_code: code } = await start(kit);
    await decide(kit, { step: 'approved', person: ADA });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => poll(kit, code)));
    const given = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(given).toHaveLength(1);
    expect(given[0]?.access.expiresInSeconds).toBe(3_600);
    expect(given[0]).not.toHaveProperty('refreshToken');
    expect(await codeOf(poll(kit, code))).toBe('expired_token');
  });

  test('gets a refresh token where that is configured, and the provider is asked at each refresh', async () => {
    const kit = makeSignInKit({ deviceRefresh: true });
    const { device_code: code } = await start(kit);
    const [item] = [...kit.store.grants.values()].filter(({ id }) => id.startsWith('device#'));
    const { receiver } = JSON.parse(item?.data ?? '{}');
    const sealedProvider = sealFor(receiver, 'the-secret-of-the-provider', kit.ports.random);
    await decide(kit, { step: 'approved', person: ADA, sealedProvider });
    expect(kit.stored()).not.toContain('the-secret-of-the-provider');
    const { refreshToken = '' } = await poll(kit, code);
    await refreshFamily(refreshToken, undefined, kit.ports);
    expect(kit.askedWith).toEqual(['the-secret-of-the-provider']);
  });

  test('learns that its person declined, and that time is up', async () => {
    const declined = makeSignInKit();
    const first = await start(declined);
    await decide(declined, { step: 'denied' });
    expect(await codeOf(poll(declined, first.device_code))).toBe('access_denied');
    const late = makeSignInKit();
    const second = await start(late);
    late.pass(600_000);
    expect(await codeOf(poll(late, second.device_code))).toBe('expired_token');
    expect(await codeOf(poll(late, 'A'.repeat(43)))).toBe('expired_token');
  });

  // guarantee: grant-as-seen
  test('that polls while its person decides loses neither the decision nor its turn', async () => {
    const kit = makeSignInKit();
    const { device_code: code } = await start(kit);
    const [polled, decided] = await Promise.all([
      codeOf(poll(kit, code)),
      decide(kit, { step: 'approved', person: ADA }),
    ]);
    expect([polled, decided]).toContain(decided ? 'given' : 'authorization_pending');
  });

  // guarantee: device-grants-bounded
  test('is one of 60 of its address, and one of 100, in ten minutes', async () => {
    const kit = makeSignInKit();
    const from = (sourceIp: string) => codeOf(start(kit, sourceIp));
    for (let index = 0; index < 60; index += 1) expect(await from('203.0.113.7')).toBe('given');
    expect(await from('203.0.113.7')).toBe('temporarily_unavailable');
    for (let index = 0; index < 40; index += 1)
      expect(await from(`198.51.100.${index}`)).toBe('given');
    expect(await from('192.0.2.1')).toBe('temporarily_unavailable');
    kit.pass(600_000);
    expect(await from('192.0.2.1')).toBe('given');
  });

  test.each([
    ['an unknown client', 'client_id=other', 'invalid_client'],
    ['a client twice', 'client_id=hallpass&client_id=hallpass', 'invalid_request'],
    ['a body of 16 kB', `client_id=hallpass&x=${'x'.repeat(16_384)}`, 'invalid_request'],
    ['an unknown scope', 'scope=everything', 'invalid_scope'],
  ])('is refused with %s, before anything is written', async (_, body, code) => {
    const kit = makeSignInKit();
    expect(await codeOf(start(kit, '203.0.113.7', body))).toBe(code);
    expect(kit.store.grants.size).toBe(0);
  });
});

describe('a short code', () => {
  test('is one of 25.6 billion, each letter as likely as the others', () => {
    // All fair bytes once, eight a draw, and bytes that are not fair around them.
    let next = 0;
    const bytes = () => {
      next += 8;
      const fair = Array.from({ length: 8 }, (_, index) => next - 8 + index);
      return Buffer.from([240, 255, ...fair, 250]);
    };
    const letters = Array.from({ length: 30 }, () => drawUserCode({ bytes })).join('');
    expect(20 ** 8).toBe(25_600_000_000);
    for (const letter of 'BCDFGHJKLMNPQRSTVWXZ') {
      expect([letter, letters.split(letter).length - 1]).toEqual([letter, 12]);
    }
  });

  test.each([
    ['BCDF-GHJK', 'BCDFGHJK'],
    ['bcdf ghjk', 'BCDFGHJK'],
    ['BCDFGHJ', undefined],
    ['BCDF-GHJA', undefined],
    ['BCDFGHJKL', undefined],
    ['', undefined],
  ])('is read from %j as %j', (text, code) => {
    expect(parseUserCode(text)).toBe(code);
  });
});
