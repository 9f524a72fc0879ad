import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hmacSha256, makeHmacKey } from '../../core/hmac-sha256.ts';

const toHex = (digest: string): string => Buffer.from(digest, 'base64url').toString('hex');
const of = (key: Uint8Array, message: Uint8Array): string =>
  toHex(hmacSha256(makeHmacKey(key), Buffer.from(message).toString('latin1')));
const bytes = (hex: string, count = 1): Buffer => Buffer.from(hex.repeat(count), 'hex');

describe('HMAC-SHA-256', () => {
  test.each([
    [
      '4.2, a key of 20 bytes',
      bytes('0b', 20),
      Buffer.from('Hi There'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      '4.3, a key shorter than the hash',
      Buffer.from('Jefe'),
      Buffer.from('what do ya want for nothing?'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      '4.4, more than one block in all',
      bytes('aa', 20),
      bytes('dd', 50),
      '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    ],
    [
      '4.5, another key and message',
      bytes('0102030405060708090a0b0c0d0e0f10111213141516171819'),
      bytes('cd', 50),
      '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
    ],
    [
      '4.7, a key longer than a block',
      bytes('aa', 131),
      Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      '4.8, a key and a message longer than a block',
      bytes('aa', 131),
      Buffer.from(
        'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
      ),
      '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
    ],
  ])('gives what RFC 4231 says in %s', (_, key, message, digest) => {
    expect(of(key, message)).toBe(digest);
  });

  test('gives the first half of what RFC 4231 says in 4.6, where the result is cut', () => {
    const digest = of(bytes('0c', 20), Buffer.from('Test With Truncation'));
    expect(digest.slice(0, 32)).toBe('a3b6167473100ee06e0c796c2955552b');
  });

  test('gives what createHmac does, for any key and message', () => {
    const key = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 63, maxLength: 65 }),
    );
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 9_000 }), (secret, message) => {
        const digest = createHmac('sha256', secret).update(message).digest('hex');
        expect(of(secret, message)).toBe(digest);
      }),
      { numRuns: 500 },
    );
  });

  test('leaves a key as it was, whatever it signs', () => {
    const key = makeHmacKey(bytes('0b', 20));
    const digest = () => toHex(hmacSha256(key, 'Hi There')).slice(0, 8);
    expect([digest(), digest()]).toEqual(['b0344c61', 'b0344c61']);
    hmacSha256(key, 'another');
    expect(digest()).toBe('b0344c61');
  });
});
