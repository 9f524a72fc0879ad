import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { drawFamilyId, endFamily, startFamily } from '../../../core/sign-in/family.ts';
import { refreshFamily } from '../../../core/sign-in/refresh.ts';
import {
  ADA_CLAIMS,
  CAPPED,
  makeSignInKit,
  REFUSED,
  type SignInKit,
} from '../../support/sign-in-kit.ts';

const ADA = { user: 'ada@example.edu', keyName: 'course' };
const DAY_MS = 86_400_000;

async function start(kit: SignInKit, providerToken?: string) {
  const familyId = drawFamilyId(kit.ports.random);
  const given = await startFamily(
    { person: ADA, providerToken },
    { familyId, clientId: 'hallpass' },
    kit.ports,
  );
  return { familyId, ...given };
}

const refresh = (kit: SignInKit, token: string, clientId = 'hallpass') =>
  refreshFamily(token, clientId, kit.ports);
const codeOf = (refreshed: Promise<unknown>) =>
  refreshed.then(
    () => 'given',
    (error) => error.code,
  );
const withoutGroup = { email: 'ada@example.edu', email_verified: true, groups: [] };

describe('a refresh token', () => {
  test('gives an access token of an hour with a name of its own, and the next refresh token', async () => {
    const kit = makeSignInKit();
    const first = await start(kit);
    const second = await refresh(kit, first.refreshToken);
    expect(second.access.expiresInSeconds).toBe(3_600);
    expect(second.access.jti).not.toBe(first.access.jti);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await codeOf(refresh(kit, second.refreshToken))).toBe('given');
  });

  // guarantee: sign-in-keeps-no-secret
  test('stays out of the table, together with the provider’s', async () => {
    const kit = makeSignInKit();
    kit.atProvider.refreshToken = 'the-next-secret-of-the-provider';
    const { refreshToken } = await start(kit, 'the-first-secret-of-the-provider');
    const next = await refresh(kit, refreshToken);
    const secretOf = (token: string) => token.split('.')[2] ?? 'none';
    for (const secret of [
      secretOf(refreshToken),
      secretOf(next.refreshToken),
      'the-first-secret-of-the-provider',
      'the-next-secret-of-the-provider',
      next.access.token,
    ]) {
      expect(kit.stored()).not.toContain(secret);
    }
  });

  // guarantee: refresh-reuse-ends-the-family
  test('that is used again after its grace ends the family, and revokes its access tokens', async () => {
    const kit = makeSignInKit();
    const first = await start(kit);
    const second = await refresh(kit, first.refreshToken);
    kit.pass(10_000);
    expect(await codeOf(refresh(kit, first.refreshToken))).toBe('invalid_grant');
    expect(await codeOf(refresh(kit, second.refreshToken))).toBe('invalid_grant');
    expect(kit.revoked).toEqual([
      `ada@example.edu ${first.access.jti}`,
      `ada@example.edu ${second.access.jti}`,
    ]);
  });

  // guarantee: refresh-reuse-ends-the-family
  test('that is two generations old ends the family even within the grace of the next', async () => {
    const kit = makeSignInKit();
    const first = await start(kit);
    const second = await refresh(kit, first.refreshToken);
    const third = await refresh(kit, second.refreshToken);
    expect(await codeOf(refresh(kit, first.refreshToken))).toBe('invalid_grant');
    expect(await codeOf(refresh(kit, third.refreshToken))).toBe('invalid_grant');
  });

  // guarantee: refresh-grace
  test('that two processes use at once gives both the same successor', async () => {
    for (const providerToken of [undefined, 'provider']) {
      const kit = makeSignInKit();
      const { refreshToken } = await start(kit, providerToken);
      const both = await Promise.all([refresh(kit, refreshToken), refresh(kit, refreshToken)]);
      const late = await refresh(kit, refreshToken);
      const successors = [...both, late].map((given) => given.refreshToken);
      expect(new Set(successors).size).toBe(1);
      expect(new Set([...both, late].map(({ access }) => access.jti)).size).toBe(3);
      expect(kit.askedWith.length).toBe(providerToken === undefined ? 0 : 1);
      expect(await codeOf(refresh(kit, successors[0] ?? ''))).toBe('given');
    }
  });

  // guarantee: refresh-grace
  test('asks a slow provider once: the other process waits, and gets the same successor', async () => {
    const kit = makeSignInKit();
    const { refreshToken } = await start(kit, 'provider');
    let answer: (() => void) | undefined;
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let waits = 0;
    const asked: string[] = [];
    const ports = {
      ...kit.ports,
      provider: {
        makeUrl: async () => '',
        redeem: async () => ({ claims: undefined }),
        refresh: async (token: string) => {
          asked.push(token);
          await slow;
          return { claims: undefined };
        },
      },
      clock: {
        ...kit.ports.clock,
        sleep: async (durationMs: number) => {
          kit.pass(durationMs);
          waits += 1;
          if (waits === 3) answer?.();
        },
      },
    };
    const both = await Promise.all(
      [1, 2].map(() => refreshFamily(refreshToken, 'hallpass', ports)),
    );
    expect(asked).toEqual(['provider']);
    expect(waits).toBeGreaterThanOrEqual(3);
    expect(new Set(both.map((given) => given.refreshToken)).size).toBe(1);
  });

  test('is for the client that it was given to, whose mistake ends nothing', async () => {
    const kit = makeSignInKit();
    const { refreshToken } = await start(kit);
    expect(await codeOf(refresh(kit, refreshToken, 'codex'))).toBe('invalid_grant');
    expect(await codeOf(refresh(kit, refreshToken))).toBe('given');
  });

  test.each(['', 'hpr', 'hpr.x.y', 'jwt:a.b.c', 'hpr.AAAAAAAAAAAAAAAAAAAAAA.short'])(
    'is not %j',
    async (text) => {
      expect(await codeOf(refresh(makeSignInKit(), text))).toBe('invalid_grant');
    },
  );

  // guarantee: refresh-ends
  test('ends after three idle days, and after 14 days whatever happens', async () => {
    const idle = makeSignInKit();
    const { refreshToken } = await start(idle);
    idle.pass(3 * DAY_MS);
    expect(await codeOf(refresh(idle, refreshToken))).toBe('invalid_grant');
    const busy = makeSignInKit();
    let { refreshToken: token } = await start(busy);
    for (let day = 1; day < 14; day += 1) {
      busy.pass(DAY_MS);
      token = (await refresh(busy, token)).refreshToken;
    }
    busy.pass(DAY_MS);
    expect(await codeOf(refresh(busy, token))).toBe('invalid_grant');
  });
});

describe('access ends', () => {
  // guarantee: access-ends-at-the-provider
  test.each([
    ['the provider refuses', { fault: REFUSED }],
    ['a required group is gone', { claims: withoutGroup }],
    [
      'the provider names somebody else',
      { claims: { ...withoutGroup, groups: ['staff'], email: 'eve@example.edu' } },
    ],
  ])('at the next refresh when %s', async (_, atProvider) => {
    const kit = makeSignInKit();
    const first = await start(kit, 'provider');
    kit.atProvider = atProvider;
    expect(await codeOf(refresh(kit, first.refreshToken))).toBe('invalid_grant');
    expect(kit.revoked).toEqual([`ada@example.edu ${first.access.jti}`]);
    kit.atProvider = {};
    expect(await codeOf(refresh(kit, first.refreshToken))).toBe('invalid_grant');
  });

  test('at the next refresh when the person is blocked', async () => {
    const kit = makeSignInKit();
    const first = await start(kit);
    kit.blocked.add('ada@example.edu');
    expect(await codeOf(refresh(kit, first.refreshToken))).toBe('invalid_grant');
    expect(kit.revoked).toEqual([`ada@example.edu ${first.access.jti}`]);
  });

  test('at the next refresh when the key is disabled, and when no rule names it any more', async () => {
    const kit = makeSignInKit();
    const { refreshToken } = await start(kit);
    const disabled = makeSignInKit({}, { ...CAPPED, disabled: true });
    expect(
      await codeOf(
        refresh({ ...kit, ports: { ...kit.ports, keys: disabled.ports.keys } }, refreshToken),
      ),
    ).toBe('invalid_grant');
    const settings = makeSignInKit({ key: 'other' }).ports.settings;
    expect(await codeOf(refresh({ ...kit, ports: { ...kit.ports, settings } }, refreshToken))).toBe(
      'invalid_grant',
    );
  });

  test('and narrows: a person of another rule gets the key and models of that rule', async () => {
    const kit = makeSignInKit({
      rules: [{ when: 'role=guest', key: 'course', models: ['demo/*'] }],
    });
    const { refreshToken } = await start(kit, 'provider');
    kit.atProvider = { claims: { ...withoutGroup, groups: ['staff'], role: 'guest' } };
    const { access } = await refresh(kit, refreshToken);
    const payload = JSON.parse(
      Buffer.from(access.token.split('.')[1] ?? '', 'base64url').toString(),
    );
    expect(payload.models).toEqual(['demo/*']);
  });

  test('never widens: what the client asked for stays, and a rule that allows none of it ends access', async () => {
    const rules = [
      { when: 'role=guest', key: 'course', models: ['demo/*', 'openai/gpt-5'] },
      { when: 'role=none', key: 'course', models: ['google/*'] },
    ];
    const kit = makeSignInKit({ rules });
    const asked = ['demo/echo', 'anthropic/*'];
    const familyId = drawFamilyId(kit.ports.random);
    const person = { ...ADA, models: asked, asked };
    const client = { familyId, clientId: 'hallpass' };
    let { refreshToken } = await startFamily({ person, providerToken: 'p' }, client, kit.ports);
    const staff = { ...withoutGroup, groups: ['staff'] };
    const found = [];
    for (const role of ['member', 'guest', 'member']) {
      kit.atProvider = { claims: { ...staff, role } };
      const given = await refresh(kit, refreshToken);
      refreshToken = given.refreshToken;
      const payload = Buffer.from(given.access.token.split('.')[1] ?? '', 'base64url');
      found.push(JSON.parse(payload.toString()).models);
    }
    expect(found).toEqual([asked, ['demo/echo'], asked]);
    kit.atProvider = { claims: { ...staff, role: 'none' } };
    expect(await codeOf(refresh(kit, refreshToken))).toBe('invalid_grant');
  });

  // guarantee: provider-down-is-503
  test('never by an outage: the same token works when the provider is back', async () => {
    const kit = makeSignInKit();
    const { refreshToken } = await start(kit, 'provider');
    kit.atProvider = { fault: new GatewayError('service_unavailable') };
    for (let hour = 0; hour < 3; hour += 1) {
      expect(await codeOf(refresh(kit, refreshToken))).toBe('service_unavailable');
      kit.pass(3_600_000);
    }
    kit.atProvider = {};
    expect(await codeOf(refresh(kit, refreshToken))).toBe('given');
    expect(kit.revoked).toEqual([]);
  });

  test('also for a refresh that runs at that moment: what it was given is revoked', async () => {
    const kit = makeSignInKit();
    const { familyId, refreshToken } = await start(kit);
    const [given] = await Promise.allSettled([
      refresh(kit, refreshToken),
      endFamily(familyId, kit.ports),
    ]);
    if (given.status === 'fulfilled') {
      expect(kit.revoked).toContain(`ada@example.edu ${given.value.access.jti}`);
      expect(await codeOf(refresh(kit, given.value.refreshToken))).toBe('invalid_grant');
    }
    expect(await codeOf(refresh(kit, refreshToken))).toBe('invalid_grant');
  });

  test('for every token that lives, also of a client that refreshed forty times in a few minutes', async () => {
    const kit = makeSignInKit();
    const { familyId, ...first } = await start(kit);
    const given = [first];
    for (let count = 0; count < 40; count += 1) {
      kit.pass(10_000);
      given.push({ ...(await refresh(kit, given.at(-1)?.refreshToken ?? '')) });
    }
    await endFamily(familyId, kit.ports);
    const expected = given.map(({ access }) => `ada@example.edu ${access.jti}`);
    expect(new Set(kit.revoked)).toEqual(new Set(expected));
  });

  test('also for tokens of the key that signed before a rule gave the person another one', async () => {
    const kit = makeSignInKit({ rules: [{ when: 'role=lead', key: 'leads' }] });
    const revoked: string[] = [];
    const ports = {
      ...kit.ports,
      keys: { findByName: async (_: string, name: string) => ({ ...CAPPED, name }) },
      people: {
        ...kit.ports.people,
        revokeToken: async (keyName: string, _: string, jti: string) =>
          void revoked.push(`${keyName} ${jti}`),
      },
    };
    const familyId = drawFamilyId(ports.random);
    const signedIn = { person: ADA, providerToken: 'provider' };
    const first = await startFamily(signedIn, { familyId, clientId: 'hallpass' }, ports);
    kit.atProvider = { claims: { ...ADA_CLAIMS, role: 'lead' } };
    const second = await refreshFamily(first.refreshToken, 'hallpass', ports);
    await endFamily(familyId, ports);
    expect(revoked).toEqual([`course ${first.access.jti}`, `leads ${second.access.jti}`]);
  });

  test('before it begins, for a family that was ended first', async () => {
    const kit = makeSignInKit();
    const familyId = drawFamilyId(kit.ports.random);
    await endFamily(familyId, kit.ports);
    const started = startFamily({ person: ADA }, { familyId, clientId: 'hallpass' }, kit.ports);
    expect(await codeOf(started)).toBe('invalid_grant');
  });
});
