import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { makeCode, redeemCode } from '../../../core/sign-in/code.ts';
import { refreshFamily } from '../../../core/sign-in/refresh.ts';
import { makeSignInKit, type SignInKit } from '../../support/sign-in-kit.ts';

const VERIFIER = 'a-verifier-of-43-characters-or-more-as-it-must-be';
const REQUEST = {
  clientId: 'hallpass',
  redirectUri: 'http://127.0.0.1:8400/callback',
  codeChallenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  state: 's',
};
const ADA = { user: 'ada@example.edu', keyName: 'course' };

const make = (kit: SignInKit) =>
  makeCode({ person: ADA, providerToken: 'the-secret-of-the-provider' }, REQUEST, kit.ports);

const redeem = (kit: SignInKit, code: string, other: Readonly<Record<string, string>> = {}) =>
  redeemCode(
    new Map(
      Object.entries({
        code,
        client_id: REQUEST.clientId,
        redirect_uri: REQUEST.redirectUri,
        code_verifier: VERIFIER,
        ...other,
      }),
    ),
    kit.ports,
  );
const codeOf = (redeemed: Promise<unknown>) =>
  redeemed.then(
    () => 'given',
    (error) => error.code,
  );

describe('an authorization code', () => {
  test('gives tokens once, for its client, redirect and verifier', async () => {
    const kit = makeSignInKit();
    const code = await make(kit);
    for (const other of [
      { client_id: 'codex' },
      { redirect_uri: 'http://127.0.0.1:8401/callback' },
      { code_verifier: `${VERIFIER}x` },
    ]) {
      expect(await codeOf(redeem(kit, code, other))).toBe('invalid_grant');
    }
    expect(await codeOf(redeem(kit, code))).toBe('given');
  });

  // guarantee: code-once
  test('that is used twice ends what its first use gave', async () => {
    const kit = makeSignInKit();
    const code = await make(kit);
    const { access, refreshToken } = await redeem(kit, code);
    kit.pass(3_600_000);
    expect(await codeOf(redeem(kit, code))).toBe('invalid_grant');
    expect(kit.revoked).toEqual([`ada@example.edu ${access.jti}`]);
    expect(await codeOf(refreshFamily(refreshToken, undefined, kit.ports))).toBe('invalid_grant');
  });

  // guarantee: code-once
  test('that is used twice at the same moment gives nothing that lasts', async () => {
    const kit = makeSignInKit();
    const code = await make(kit);
    const outcomes = await Promise.allSettled([redeem(kit, code), redeem(kit, code)]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') continue;
      const { access, refreshToken } = outcome.value;
      expect(kit.revoked).toContain(`ada@example.edu ${access.jti}`);
      expect(await codeOf(refreshFamily(refreshToken, undefined, kit.ports))).toBe('invalid_grant');
    }
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
  });

  test('lives 60 seconds', async () => {
    const kit = makeSignInKit();
    const code = await make(kit);
    const late = await make(kit);
    kit.pass(59_999);
    expect(await codeOf(redeem(kit, code))).toBe('given');
    kit.pass(1);
    expect(await codeOf(redeem(kit, late))).toBe('invalid_grant');
  });

  // guarantee: sign-in-keeps-no-secret
  test('stays out of the table, together with the provider’s refresh token', async () => {
    const kit = makeSignInKit();
    const code = await make(kit);
    expect(kit.stored()).not.toContain(code);
    expect(kit.stored()).not.toContain('the-secret-of-the-provider');
    const { refreshToken } = await redeem(kit, code);
    await refreshFamily(refreshToken, undefined, kit.ports);
    expect(kit.askedWith).toEqual(['the-secret-of-the-provider']);
  });
});
