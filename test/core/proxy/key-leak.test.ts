import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findKeyLeak, guardKey, makeLeakGuard } from '../../../core/proxy/key-leak.ts';

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

/** Returns what is sent of an event that comes in pieces; undefined: the key was found. */
function sendPieces(pieces: readonly string[], isWhole: boolean, key: string | undefined) {
  const guard = makeLeakGuard(responseOf(key));
  const sent: string[] = [];
  let code: unknown;
  try {
    for (const [index, piece] of pieces.entries()) {
      const isMidEvent = !isWhole || index < pieces.length - 1;
      sent.push(guard.passPiece(Buffer.from(piece), isMidEvent).toString());
    }
  } catch (error) {
    code = (error as { code?: unknown }).code;
  }
  sent.push(guard.held().toString());
  return { sent, text: sent.join(''), code, hasFoundKey: guard.hasFoundKey() };
}

describe('an event in pieces', () => {
  test('is sent but for its last 15 bytes, in which a key of 16 may begin', () => {
    const pieces = ['a'.repeat(20), 'b', 'c'.repeat(30)];
    expect(sendPieces(pieces, false, KEY).sent).toEqual([
      'aaaaa',
      'a',
      'aaaaaaaaaaaaaabccccccccccccccc',
      'ccccccccccccccc',
    ]);
    expect(sendPieces(pieces, true, KEY).sent.at(-1)).toBe('');
  });

  test.each([
    ['without a key', undefined],
    ['with a key of 15 characters', KEY.slice(1)],
  ])('is sent at once %s', (_, key) => {
    expect(sendPieces([KEY, KEY], false, key).sent).toEqual([KEY, KEY, '']);
  });

  test('has its key found at every cut, and nothing of the key is sent', () => {
    for (const isWhole of [true, false]) {
      for (let cut = 1; cut < KEY.length; cut += 1) {
        const pieces = [`data: ${KEY.slice(0, cut)}`, `${KEY.slice(cut)}, more`];
        const { text, code, hasFoundKey } = sendPieces(pieces, isWhole, KEY);
        expect([code, hasFoundKey], `cut at ${cut}`).toEqual(['upstream_error', true]);
        expect('data: '.startsWith(text), `cut at ${cut}`).toBe(true);
      }
    }
  });

  test('is sent whole, or without its key, however it is cut', () => {
    const word = fc.constantFrom(KEY, KEY.slice(0, -1), KEY.slice(1), KEY.slice(0, 8), 's', 'x y');
    const cuts = fc.array(fc.nat({ max: 20 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(word), cuts, fc.boolean(), (words, sizes, isWhole) => {
        const event = words.join('');
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < event.length; turn += 1) {
          const size = 1 + (sizes[turn % sizes.length] ?? 0);
          pieces.push(event.slice(at, at + size));
          at += size;
        }
        const { text, code } = sendPieces(pieces, isWhole, KEY);
        const keyAt = event.indexOf(KEY);
        expect(code).toBe(keyAt < 0 ? undefined : 'upstream_error');
        if (keyAt < 0) expect(text).toBe(event);
        else expect(event.slice(0, keyAt).startsWith(text)).toBe(true);
      }),
    );
  });
});
