/**
 * The key string `sk-hp-…`: making, recognising and hashing it. Flow: **credential** > key record.
 * Invariant: a record holds only the SHA-256 of the string; the string itself is only in the key's secret.
 */
import { asKeyHash, type KeyHash, sha256 } from '../base/ids.ts';

const PREFIX = 'sk-hp-';
const RANDOM_BYTES = 32;
const CHECKSUM_CHARS = 6;

/** 43 characters of base64url hold 256 bits. A key has no colon, because a colon separates a key from a JWT. */
const KEY_SHAPE = /^sk-hp-[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}$/;

/**
 * Makes a key string: `sk-hp-`, 256 random bits and a checksum of 36 bits, 55 characters in all.
 * @param randomBytes exactly 32, from a cryptographic source
 * @throws TypeError for another number of bytes
 */
export function makeApiKey(randomBytes: Uint8Array): string {
  if (randomBytes.length !== RANDOM_BYTES) {
    throw new TypeError(`"randomBytes" must be ${RANDOM_BYTES} bytes, got ${randomBytes.length}`);
  }
  const body = `${PREFIX}${Buffer.from(randomBytes).toString('base64url')}`;
  return `${body}${checksumOf(body)}`;
}

const checksumOf = (body: string): string => sha256(body).slice(0, CHECKSUM_CHARS);

/**
 * True for a text that could be one of our keys. It saves the table a read for typing errors and for other services'
 * keys. It protects nothing, because anyone can compute the checksum.
 */
export const isWellFormed = (key: string): boolean =>
  KEY_SHAPE.test(key) && checksumOf(key.slice(0, -CHECKSUM_CHARS)) === key.slice(-CHECKSUM_CHARS);

/** The hash by which a key is looked up. It needs no salt, because nobody can try 2^256 keys. */
export const hashOfKey = (key: string): KeyHash => asKeyHash(sha256(key));
