import { describe, expect, test } from 'vitest';
import { findOwnKey, withOwnKey } from '../../../core/proxy/own-key.ts';

const KEY = 'sk-0123456789abc';
const responseOf = (key: string | undefined, headers: Record<string, string> = {}) => {
  async function* body(): AsyncGenerator<Uint8Array> {}
  return withOwnKey({ status: 200, headers, body: body() }, key);
};
const found = (text: string, key: string | undefined) =>
  findOwnKey(Buffer.from(text), responseOf(key));

describe('a provider’s key', () => {
  test.each([
    ['is found in the midst of an answer', `{"a":"${KEY}"}`, KEY, 'upstream_error'],
    ['is not found where a part of it stands', KEY.slice(0, -1), KEY, undefined],
    [
      'of 15 characters is a word, which an answer may say',
      'I am ollama-ollama-',
      'ollama-ollama-',
      undefined,
    ],
    ['that is not there is nowhere', 'undefined', undefined, undefined],
  ])('%s', (_, text, key, code) => {
    expect(found(text, key)?.code).toBe(code);
  });

  test('is named by no error', () => {
    expect(JSON.stringify(found(KEY, KEY))).not.toContain(KEY);
  });

  test('takes the headers along in which it stands, and no other', () => {
    const headers = { 'content-type': `text/plain; a=${KEY}`, 'retry-after': '1' };
    expect(responseOf(KEY, headers).headers).toEqual({ 'retry-after': '1' });
    expect(responseOf(undefined, headers).headers).toEqual(headers);
  });
});
