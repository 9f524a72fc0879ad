import { describe, expect, test } from 'vitest';
import { findKeyLeak, guardKey } from '../../../core/proxy/key-leak.ts';

const KEY = 'sk-0123456789abc';
const responseOf = (key: string | undefined, headers: Record<string, string> = {}) => {
  async function* body(): AsyncGenerator<Uint8Array> {}
  return guardKey({ status: 200, headers, body: body() }, key);
};
const found = (text: string, key: string | undefined) =>
  findKeyLeak(Buffer.from(text), responseOf(key));

describe('a provider’s key', () => {
  test.each([
    ['is found inside an answer', `{"a":"${KEY}"}`, KEY, 'upstream_error'],
    ['is not found where only a part of it is', KEY.slice(0, -1), KEY, undefined],
    [
      'of 15 characters is a plain word, which an answer may contain',
      'I am ollama-ollama-',
      'ollama-ollama-',
      undefined,
    ],
    ['that does not exist is never found', 'undefined', undefined, undefined],
  ])('%s', (_, text, key, code) => {
    expect(found(text, key)?.code).toBe(code);
  });

  test('is in no error', () => {
    expect(JSON.stringify(found(KEY, KEY))).not.toContain(KEY);
  });

  test('removes the headers that contain it, and no others', () => {
    const headers = { 'content-type': `text/plain; a=${KEY}`, 'retry-after': '1' };
    expect(responseOf(KEY, headers).headers).toEqual({ 'retry-after': '1' });
    expect(responseOf(undefined, headers).headers).toEqual(headers);
  });
});
