import { describe, expect, test } from 'vitest';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import { type Ask, bodyOf, errorOf, J1, SERVER, TOKEN } from '../../support/account.ts';
import { FORMER_KEY } from '../../support/memory-keys.ts';
import { mint, NOW_MS, NOW_SECONDS } from '../../support/tokens.ts';

const ROUTE = 'DELETE /v1/scoped-jwt';
const DAY_MS = 86_400_000;
/** 2026-12-05T00:00:00Z: twice a week from now, on a whole day. */
const KEPT_UNTIL_MS = 1_796_428_800_000;

const walletOf = (id: string) =>
  walletIdOf({ ...SERVER, identity: { source: 'token', issuer: '', id } });
const [RAW_ADA, FOLDED_ADA] = [walletOf('Ada@X.edu'), walletOf('ada@x.edu')];

async function revoke(query: Ask['query'] = {}, options: Ask = {}) {
  const marked: unknown[] = [];
  const body = await bodyOf(ROUTE, { ...options, query, marked });
  return { body, marked };
}

describe('one token', () => {
  test('is marked by its jti on the wallet that pays for it', async () => {
    const { body, marked } = await revoke({ jwtoken: mint({ claims: { jti: 'j1' } }) });
    expect(marked).toEqual([['token', `K1#t${J1}`, J1, KEPT_UNTIL_MS]]);
    expect(body).toEqual({ revoked: true, jti: 'j1', effective_within_seconds: 0 });
  });

  test("is marked on its user's wallet when it has one", async () => {
    const { marked } = await revoke({ jwtoken: mint({ claims: { jti: 'j1', user: 'ada' } }) });
    expect(marked).toEqual([['token', 'K1#ug1CRPRPoT7skVK4PBEcM9L', J1, KEPT_UNTIL_MS]]);
  });

  test('is marked first on the wallet of the spelling that it names, if that is another', async () => {
    const { marked } = await revoke({
      jwtoken: mint({ claims: { jti: 'j1', user: 'Ada@X.edu' } }),
    });
    expect(marked).toEqual([
      ['token', RAW_ADA, J1, KEPT_UNTIL_MS, true],
      ['token', FOLDED_ADA, J1, KEPT_UNTIL_MS],
    ]);
    const all = await revoke({ user: 'Ada@X.edu' });
    expect(all.marked).toEqual([
      ['notBefore', RAW_ADA, NOW_MS + 5_000, true],
      ['notBefore', FOLDED_ADA, NOW_MS + 5_000],
    ]);
  });

  test('may have expired', async () => {
    const jwtoken = mint({ claims: { jti: 'j1', exp: NOW_SECONDS - 1 } });
    expect((await revoke({ jwtoken })).marked).toHaveLength(1);
  });

  test('keeps its mark for a lifetime after it ends, if that is later', async () => {
    const exp = NOW_SECONDS + 30 * 86_400;
    const { marked } = await revoke({ jwtoken: mint({ claims: { jti: 'j1', exp } }) });
    expect(marked).toEqual([['token', `K1#t${J1}`, J1, NOW_MS + 37 * DAY_MS]]);
  });

  test.each([
    ['signed with another key', { key: FORMER_KEY }],
    ['of another key by its kid', { header: { kid: 'acct_test:b3RoZXI=' } }],
    ['of another account', { claims: { sub: 'acct_other' } }],
  ])('is not revoked %s', async (_, options) => {
    const marked: unknown[] = [];
    const query = { jwtoken: mint(options) };
    expect(await errorOf(ROUTE, { query, marked })).toEqual({
      code: 'invalid_request',
      message: '"jwtoken" must be a scoped token that the key of this request signed',
      param: 'jwtoken',
    });
    expect(marked).toEqual([]);
  });
});

describe('a jti', () => {
  test("is added to the key's list for twice a token lifetime", async () => {
    const { body, marked } = await revoke({ jti: 'j1' });
    const key = { account: 'acct_test', keyId: 'K1', keyName: 'course' };
    const entry = { tokenId: J1, keepUntilMs: KEPT_UNTIL_MS, nowMs: NOW_MS };
    expect(marked).toEqual([['list', key, entry]]);
    expect(body).toEqual({ revoked: true, jti: 'j1', effective_within_seconds: 10 });
  });
});

describe("a user's tokens", () => {
  // guarantee: revoked-with-lead
  test("are revoked up to five seconds from now by a mark on the user's wallet", async () => {
    const { body, marked } = await revoke({ user: 'ada' });
    expect(marked).toEqual([['notBefore', 'K1#ug1CRPRPoT7skVK4PBEcM9L', NOW_MS + 5_000]]);
    expect(body).toEqual({
      revoked: true,
      user: 'ada',
      issued_until: '2026-11-20T12:00:05.000Z',
      effective_within_seconds: 0,
    });
  });
});

describe('who may revoke', () => {
  const only = 'only a server key without a token or JWT may use this route';
  test.each([
    ['a scoped token', TOKEN, only],
    ['a personal key', { ...SERVER, keyKind: 'personal' }, only],
    ['a client key', { ...SERVER, keyKind: 'client' }, only],
    ['client access', { ...SERVER, credential: 'client-access' }, only],
    [
      'a key that was replaced',
      { ...SERVER, former: true },
      'a key that has been replaced revokes no tokens; use the new one',
    ],
  ] as const)('is not %s', async (_, grant, message) => {
    for (const query of [{ jwtoken: mint() }, { jti: 'j1' }, { user: 'ada' }]) {
      const marked: unknown[] = [];
      expect(await errorOf(ROUTE, { grant, query, marked })).toEqual({
        code: 'route_not_allowed',
        message,
      });
      expect(marked).toEqual([]);
    }
  });
});

describe('the question', () => {
  const one = 'there must be exactly one of the parameters jwtoken, jti, user';
  test.each([
    ['no parameter', {}, one],
    ['two', { jti: 'j1', user: 'ada' }, one],
    ['one unknown', { token: 'x' }, one],
    ['one unknown beside', { jti: 'j1', all: 'true' }, one],
    ['an empty jti', { jti: '' }, '"jti" must be 1 to 256 characters without control characters'],
    [
      'a control character',
      { user: 'a\nb' },
      '"user" must be 1 to 256 characters without control characters',
    ],
  ] as const)('is refused with %s', async (_, query, message) => {
    const marked: unknown[] = [];
    expect(await errorOf(ROUTE, { query, marked })).toMatchObject({
      code: 'invalid_request',
      message,
    });
    expect(marked).toEqual([]);
  });
});

describe('a revoked token', () => {
  test("is shown as revoked by GET /v1/scoped-jwt, also from the key's list", async () => {
    const query = { jwtoken: mint({ claims: { jti: 'j1' } }) };
    expect(await bodyOf('GET /v1/scoped-jwt', { query, listed: [J1] })).toMatchObject({
      revoked: true,
    });
    expect(await bodyOf('GET /v1/scoped-jwt', { query, listed: ['other'] })).toMatchObject({
      revoked: false,
    });
  });
});
