import { describe, expect, it } from 'vitest';
import { asTokenId } from '../../core/ids.ts';
import {
  formatKeyRecord,
  isModelPattern,
  isName,
  type KeyRecord,
  parseKeyRecord,
} from '../../core/key-record.ts';
import { parseLimit } from '../../core/limits.ts';
import { SERVER_RECORD } from '../support/memory-keys.ts';

const FULL: KeyRecord = {
  ...SERVER_RECORD,
  kind: 'personal',
  user: 'ada',
  former: { version: '1', untilMs: 1795176000000 },
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
  former: { version: '1', untilMs: 1795176000000 },
  disabled: false,
  user: 'ada',
  models: ['openai/gpt-5', 'google/*'],
  limits: ['user:usd:week=5', 'token:requests:minute=20'],
  maxTokenLifetimeSeconds: 604_800,
  revoked: ['BBBBBBBBBBBBBBBBBBBBBB'],
  createdAtMs: 1795000000000,
};

describe('a key record', () => {
  it('is plain JSON and back', () => {
    expect(formatKeyRecord(FULL)).toEqual(PLAIN);
    expect(parseKeyRecord(PLAIN)).toEqual(FULL);
    expect(parseKeyRecord(formatKeyRecord(SERVER_RECORD))).toEqual(SERVER_RECORD);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { verifier: {} }, 'verifier'],
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
    ['a limit that cannot be read', { limits: ['user:usd:week=CANARY'] }, 'limits'],
    ['a limit per something else', { limits: ['course:usd:week=5'] }, 'limits'],
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

it.each([[null], ['CANARY'], [[]]])('is an outage when it is no object: %j', (value) => {
  expect(() => parseKeyRecord(value)).toThrow(
    expect.objectContaining({ code: 'service_unavailable' }),
  );
});

describe('isModelPattern', () => {
  it.each([
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
  it.each([
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
