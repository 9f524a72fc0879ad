import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { requireLiveToken } from '../../../core/access/grant.ts';
import {
  decodeGrant,
  decodeRefusal,
  encodeGrant,
  encodeRefusal,
} from '../../../core/access/grant-codec.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asKeyId, asTokenId } from '../../../core/base/ids.ts';
import { LIMIT_UNITS, LIMIT_WINDOWS, type Limit } from '../../../core/base/limits.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import { NOW_MS } from '../../support/tokens.ts';

const TOKEN: Grant = {
  account: 'acct_test',
  keyId: asKeyId('K1'),
  keyName: 'course',
  keyKind: 'server',
  credential: 'scoped-token',
  former: false,
  identity: { source: 'token', issuer: '', id: 'ada' },
  token: {
    id: asTokenId('T1'),
    jti: 'j1',
    spendingLimitNanoUsd: asNanoUsd(2_000_000_001n),
    models: ['openai/gpt-5'],
    issuedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 1,
    revoked: false,
  },
  models: ['openai/*'],
  limits: [{ per: 'user', unit: 'usd', window: 'week', amount: 5_000_000_000n }],
  maxTokenLifetimeSeconds: 604_800,
  conversation: 'c-1',
};
const TEXT =
  '{"account":"acct_test","keyId":"K1","keyName":"course","keyKind":"server","credential":"scoped-token","former":false,"identity":{"source":"token","issuer":"","id":"ada"},"token":{"id":"T1","jti":"j1","spendingLimitNanoUsd":"2000000001","models":["openai/gpt-5"],"issuedAtMs":1795176000000,"expiresAtMs":1795176000001,"revoked":false},"models":["openai/*"],"limits":["user:usd:week=5"],"maxTokenLifetimeSeconds":604800,"conversation":"c-1"}';

const amounts = fc.bigInt(1n, 1_000_000_000_000_000_000n);
const limits: fc.Arbitrary<Limit> = fc
  .record(
    {
      per: fc.constantFrom('user', 'token'),
      unit: fc.constantFrom(...LIMIT_UNITS),
      window: fc.constantFrom(...LIMIT_WINDOWS),
      amount: fc.bigInt(1n, 9_007_199n).map((amount) => amount * 1_000_000_000n),
    },
    { noNullPrototype: true },
  )
  .map((limit) =>
    limit.unit === 'usd' ? limit : { ...limit, amount: limit.amount / 1_000_000_000n },
  );
const instants = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
const grants: fc.Arbitrary<Grant> = fc.record(
  {
    account: fc.string(),
    keyId: fc.string().map(asKeyId),
    keyName: fc.string({ unit: 'binary' }),
    keyKind: fc.constantFrom('server', 'personal', 'client'),
    credential: fc.constantFrom('key', 'client-access', 'scoped-token'),
    former: fc.boolean(),
    identity: fc.record(
      {
        source: fc.constantFrom('header', 'token', 'jwt', 'personal'),
        issuer: fc.string(),
        id: fc.string({ unit: 'binary' }),
      },
      { noNullPrototype: true },
    ),
    token: fc.record(
      {
        id: fc.string().map(asTokenId),
        jti: fc.string({ unit: 'binary' }),
        spendingLimitNanoUsd: amounts.map(asNanoUsd),
        models: fc.array(fc.string()),
        issuedAtMs: instants,
        expiresAtMs: instants,
        revoked: fc.boolean(),
      },
      { requiredKeys: ['id', 'issuedAtMs', 'expiresAtMs', 'revoked'], noNullPrototype: true },
    ),
    models: fc.array(fc.string()),
    limits: fc.array(limits),
    maxTokenLifetimeSeconds: fc.nat(),
    conversation: fc.string(),
    managed: fc.record(
      {
        keyId: fc.string().map(asKeyId),
        keyName: fc.string(),
        keyKind: fc.constantFrom('server', 'personal', 'client'),
        limits: fc.array(limits),
        user: fc.string(),
      },
      { requiredKeys: ['keyId', 'keyName', 'keyKind', 'limits'], noNullPrototype: true },
    ),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      'account',
      'keyId',
      'keyName',
      'keyKind',
      'credential',
      'former',
      'limits',
      'maxTokenLifetimeSeconds',
    ],
  },
);

describe('a grant', () => {
  test('is one JSON text', () => {
    expect(encodeGrant(TOKEN)).toBe(TEXT);
    expect(decodeGrant(TEXT)).toEqual(TOKEN);
  });

  test('is the same after writing and reading', () => {
    fc.assert(
      fc.property(grants, (grant) => {
        expect(decodeGrant(encodeGrant(grant))).toStrictEqual(grant);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['an unknown field', TEXT.replace('{"account"', '{"admin":true,"account"')],
    ['an unknown field of its token', TEXT.replace('{"id":"T1"', '{"id":"T1","x":1')],
    ['a missing field', TEXT.replace('"former":false,', '')],
    ['another kind', TEXT.replace('"server"', '"root"')],
    ['a limit that cannot be read', TEXT.replace('user:usd:week=5', 'course:usd:week=5')],
    ['an amount with a sign', TEXT.replace('"2000000001"', '"-1"')],
    ['an amount as a number', TEXT.replace('"2000000001"', '2000000001')],
  ])('is an outage if its text is %s', (_, text) => {
    expect(() => decodeGrant(text)).toThrow(
      expect.objectContaining({
        code: 'service_unavailable',
        detail: 'the grant that was passed on cannot be read',
        message: 'The gateway cannot decide now; nothing was spent.',
      }),
    );
  });
});

describe('a refusal', () => {
  test('keeps only what its caller may read', () => {
    const error = new GatewayError('invalid_request', {
      message: 'm',
      param: 'p',
      detail: 'private',
      cause: new Error('private'),
    });
    expect(encodeRefusal(error)).toBe('{"code":"invalid_request","message":"m","param":"p"}');
    expect(decodeRefusal(encodeRefusal(error))).toMatchObject({
      code: 'invalid_request',
      message: 'm',
      facts: { message: 'm', param: 'p' },
    });
  });

  test('has the standard message if it has none of its own', () => {
    const text = encodeRefusal(new GatewayError('identity_required'));
    expect(decodeRefusal(text)).toMatchObject({
      code: 'identity_required',
      message: 'This API key requires identity context.',
    });
  });

  test.each([[''], ['{}'], ['{"code":"toString"}'], ['{"code":"invalid_request","x":1}'], ['[]']])(
    'is an outage when its text is %j',
    (text) => {
      expect(decodeRefusal(text).code).toBe('service_unavailable');
    },
  );
});

describe('requireLiveToken', () => {
  test('accepts a token until its last millisecond, and a key always', () => {
    expect(() => requireLiveToken(TOKEN, NOW_MS)).not.toThrow();
    expect(() => requireLiveToken(TOKEN, NOW_MS + 1)).toThrow(
      expect.objectContaining({ code: 'token_expired' }),
    );
    const { token: _, ...key } = TOKEN;
    expect(() => requireLiveToken(key, NOW_MS + 1)).not.toThrow();
  });
});
