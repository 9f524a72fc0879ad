import { describe, expect, test } from 'vitest';
import { asTokenId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { isDomain, isModelPattern, isName, isOrigin } from '../../../core/base/names.ts';
import {
  contradictionIn,
  formatKeyRecord,
  isIdentityHeader,
  type KeyRecord,
  parseKeyRecord,
} from '../../../core/keys/key-record.ts';
import { SERVER_RECORD } from '../../support/memory-keys.ts';

const FULL: KeyRecord = {
  ...SERVER_RECORD,
  kind: 'personal',
  user: 'ada',
  former: { version: '1', untilMs: 1795176000000, rotatedAtMs: 1795172400000 },
  models: ['openai/gpt-5', 'google/*'],
  limits: [parseLimit('user:usd:week=5'), parseLimit('token:requests:minute=20')],
  revoked: [asTokenId('BBBBBBBBBBBBBBBBBBBBBB')],
};
const PLAIN = {
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  account: 'acct_test',
  name: 'course',
  kind: 'personal',
  version: '2',
  keyHash: '1_ADfUE61d6-HGep8DtZYG7KaCWhbyWBnUiPcwuWs9A',
  former: { version: '1', untilMs: 1795176000000, rotatedAtMs: 1795172400000 },
  disabled: false,
  user: 'ada',
  models: ['openai/gpt-5', 'google/*'],
  limits: ['user:usd:week=5', 'token:requests:minute=20'],
  maxTokenLifetimeSeconds: 604_800,
  revoked: ['BBBBBBBBBBBBBBBBBBBBBB'],
  createdAtMs: 1795000000000,
};

describe('a key record', () => {
  test('is plain JSON and back', () => {
    expect(formatKeyRecord(FULL)).toEqual(PLAIN);
    expect(parseKeyRecord(PLAIN)).toEqual(FULL);
    expect(parseKeyRecord(formatKeyRecord(SERVER_RECORD))).toEqual(SERVER_RECORD);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { verify: {} }, 'verify'],
    ['an unknown field within', { former: { version: '1', untilMs: 1, x: 1 } }, 'former.x'],
    ['no id', { id: undefined }, 'id'],
    ['a short id', { id: 'AA' }, 'id'],
    ['an account with a space', { account: 'a b' }, 'account'],
    ['an empty name', { name: '' }, 'name'],
    ['another kind', { kind: 'admin' }, 'kind'],
    ['an empty version', { version: '' }, 'version'],
    ['a key in place of its hash', { keyHash: 'sk-hp-CANARY' }, 'keyHash'],
    ['a text for a truth', { disabled: 'false' }, 'disabled'],
    ['an instant that is no whole number', { createdAtMs: 1.5 }, 'createdAtMs'],
    ['an empty list of models', { models: [] }, 'models'],
    ['a pattern of models', { models: ['openai/gpt-*'] }, 'models'],
    ['a limit that cannot be read', { limits: ['user:usd:week=CANARY'] }, 'limits.0'],
    ['a limit per something else', { limits: ['course:usd:week=5'] }, 'limits.0'],
    ['17 limits', { limits: Array(17).fill('user:usd:week=5') }, 'limits'],
    ['a lifetime under a minute', { maxTokenLifetimeSeconds: 59 }, 'maxTokenLifetimeSeconds'],
    ['a revoked token by its jti', { revoked: ['CANARY'] }, 'revoked.0'],
    ['a personal key without a user', { user: undefined }, 'user'],
    ['a server key with a user', { kind: 'server' }, 'user'],
  ])('is an outage with %s', (_, fields, field) => {
    expect(() => parseKeyRecord(JSON.parse(JSON.stringify({ ...PLAIN, ...fields })))).toThrow(
      expect.objectContaining({
        code: 'service_unavailable',
        detail: `key record: cannot be read at "${field}"`,
        message: 'The gateway cannot decide now; nothing was spent.',
      }),
    );
  });
});

test.each([[null], ['CANARY'], [[]]])('is an outage if it is not an object: %j', (value) => {
  expect(() => parseKeyRecord(value)).toThrow(
    expect.objectContaining({ code: 'service_unavailable' }),
  );
});

describe('isModelPattern', () => {
  test.each([
    ['openai/gpt-5', true],
    ['openrouter/meta-llama/llama-3:free', true],
    ['gpt-5', true],
    ['openai/*', true],
    ['*', false],
    ['openai/gpt-*', false],
    ['*/gpt', false],
    ['OpenAI/*', false],
    ['a b', false],
    ['', false],
    ['m'.repeat(201), false],
  ])('of %j is %s', (text, expected) => {
    expect(isModelPattern(text)).toBe(expected);
  });
});

describe('isName', () => {
  test.each([
    ['ada@example.edu', true],
    ['Ада Лавлейс 👩‍💻', true],
    ['', false],
    ['12345678901', false],
    ['a\u0000b', false],
    ['a\u0085b', false],
    ['a\u007f', false],
    ['\udc00', false],
  ])('of %j is %s', (text, expected) => {
    expect(isName(text, text.startsWith('1') ? 10 : 30)).toBe(expected);
  });
});

/** Everything about identity that a server key can have. */
const IDENTIFIED: KeyRecord = {
  ...SERVER_RECORD,
  verifier: {
    key: { kind: 'jwks', url: 'https://id.example/jwks' },
    algorithms: ['RS256', 'ES256'],
    issuers: ['https://id.example'],
    audiences: ['app'],
    audienceClaim: 'client_id',
    authorizedParties: ['https://app.example'],
    required: [{ claim: 'tier', values: ['pro', 3, true] }],
    requireExp: true,
    clockToleranceSeconds: 60,
  },
  identity: {
    identityHeader: true,
    userHeader: 'x-openwebui-user-email',
    enforceIdentity: true,
    enforceConversation: true,
    allowedDomains: ['school.edu'],
    trustEmail: true,
  },
  allowedOrigins: ['https://app.example', 'null'],
};

describe('a key record with identity', () => {
  const plain = formatKeyRecord(IDENTIFIED);
  const { verifier } = plain;

  test('is plain JSON and back', () => {
    expect(parseKeyRecord(JSON.parse(JSON.stringify(plain)))).toEqual(IDENTIFIED);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['a verifier without a key', { verifier: { ...verifier, key: undefined } }, 'verifier.key'],
    ['an unknown field', { verifier: { ...verifier, none: true } }, 'verifier.none'],
    ['no algorithm', { verifier: { ...verifier, algorithms: [] } }, 'verifier.algorithms'],
    ['none', { verifier: { ...verifier, algorithms: ['none'] } }, 'verifier.algorithms.0'],
    [
      'an algorithm of another kind',
      { verifier: { ...verifier, algorithms: ['HS256'] } },
      'verifier',
    ],
    [
      'a secret in place of its version',
      {
        verifier: { ...verifier, algorithms: ['HS256'], key: { kind: 'secret', secret: 'CANARY' } },
      },
      'verifier.key.version, verifier.key.secret',
    ],
    [
      'a tolerance over a minute',
      { verifier: { ...verifier, clockToleranceSeconds: 61 } },
      'verifier.clockToleranceSeconds',
    ],
    ['an unknown control', { identity: { trust: true } }, 'identity.trust'],
    [
      'a domain in capitals',
      { identity: { allowedDomains: ['A.edu'] } },
      'identity.allowedDomains.0',
    ],
    ['no domain', { identity: { allowedDomains: [] } }, 'identity.allowedDomains'],
    ['a header that is taken', { identity: { userHeader: 'cookie' } }, 'identity.userHeader'],
    ['an origin with a path', { allowedOrigins: ['https://a.example/'] }, 'allowedOrigins.0'],
    ['a client key that reads a header', { kind: 'client' }, 'identity'],
    ['a client key without a verifier', { kind: 'client', verifier: undefined }, 'verifier'],
    ['a personal key with a verifier', { kind: 'personal', user: 'ada' }, 'verifier'],
  ])('is an outage with %s', (_, fields, field) => {
    expect(() => parseKeyRecord(JSON.parse(JSON.stringify({ ...plain, ...fields })))).toThrow(
      expect.objectContaining({
        code: 'service_unavailable',
        detail: `key record: cannot be read at "${field}"`,
      }),
    );
  });

  test('may have the identity rules that fit its kind', () => {
    const identity = { enforceIdentity: true, allowedDomains: ['school.edu'], trustEmail: true };
    expect(contradictionIn({ ...IDENTIFIED, kind: 'client', identity })).toBeUndefined();
  });
});

describe('isDomain', () => {
  test.each([
    ['school.edu', true],
    ['a.b-c.xn--p1ai', true],
    ['School.edu', false],
    ['@school.edu', false],
    ['school.edu.', false],
    ['edu', false],
    ['-a.edu', false],
    ['sch\u00f6ol.edu', false],
    [`${'a'.repeat(250)}.edu`, false],
    ['', false],
  ])('of %j is %s', (text, expected) => {
    expect(isDomain(text)).toBe(expected);
  });
});

describe('isOrigin', () => {
  test.each([
    ['https://app.example.edu', true],
    ['http://localhost:3000', true],
    ['null', true],
    ['chrome-extension://abcdefghijklmnop', true],
    ['capacitor://localhost', true],
    ['https://app.example.edu/', false],
    ['https://app.example.edu:443', false],
    ['https://*.example.edu', false],
    ['app.example.edu', false],
    ['*', false],
    ['https://', false],
    ['https://[', false],
    ['https://user@app.example.edu', false],
  ])('of %j is %s', (text, expected) => {
    expect(isOrigin(text)).toBe(expected);
  });
});

describe('isIdentityHeader', () => {
  test.each([
    ['x-user-email', true],
    ['x-openwebui-user-email', true],
    ['X-User-Email', false],
    ['authorization', false],
    ['x-api-key', false],
    ['x-goog-api-key', false],
    ['api-key', false],
    ['origin', false],
    ['x-forwarded-for', false],
    ['x-amzn-trace-id', false],
    ['x-conversation-id', false],
    ['a b', false],
    ['', false],
  ])('of %j is %s', (text, expected) => {
    expect(isIdentityHeader(text)).toBe(expected);
  });
});
