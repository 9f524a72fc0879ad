/**
 * The key string `sk-hp-…`: how it is made, known by sight, and looked up. Flow: **credential** > key record.
 * Invariant: only its SHA-256 is ever stored beside a record; the string itself is in its secret alone.
 */
import { asKeyHash, type KeyHash, sha256 } from '../base/ids.ts';

const PREFIX = 'sk-hp-';
const RANDOM_BYTES = 32;
const CHECKSUM_CHARS = 6;

/** 43 characters of base64url are 256 bits; no colon, which parts a key from a JWT. */
const KEY_SHAPE = /^sk-hp-[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}$/;

/**
 * A key string: `sk-hp-`, 256 random bits and a checksum of 36 bits, 55 characters in all.
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
 * Whether a text could be one of our keys. Spares the table a read for typing errors and other services' keys;
 * it is no protection, since anyone can work the checksum out.
 */
export const isWellFormed = (key: string): boolean =>
  KEY_SHAPE.test(key) && checksumOf(key.slice(0, -CHECKSUM_CHARS)) === key.slice(-CHECKSUM_CHARS);

/** What a key is looked up by. A plain hash will do: nobody can try 2^256 keys. */
export const hashOfKey = (key: string): KeyHash => asKeyHash(sha256(key));
