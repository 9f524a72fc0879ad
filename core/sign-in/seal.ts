/**
 * Texts that only the holder of a secret can read or make. Flow: secret > **seal** > table or page.
 * Invariant: what the table or a browser keeps of a grant is a hash, or sealed under a secret that is not there.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { decodeBase64Url } from '../jwt/compact-jws.ts';
import type { SignInRandom } from './ports.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

/** Draws 256 random bits, as 43 characters. */
export const drawSecret = (random: Pick<SignInRandom, 'bytes'>): string =>
  Buffer.from(random.bytes(32)).toString('base64url');

/** Returns true for a text that `drawSecret` may have made. */
export const isSecret = (text: string): boolean => decodeBase64Url(text)?.length === 32;

/** Derives another secret for one use; the same for the same use. */
export const deriveSecret = (secret: string, use: string): string =>
  createHmac('sha256', secret).update(use).digest('base64url');

/** Seals a text under a secret (AES-256-GCM). */
export function seal(secret: string, text: string, random: Pick<SignInRandom, 'bytes'>): string {
  const iv = random.bytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(secret), iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, sealed, cipher.getAuthTag()]).toString('base64url');
}

/** Opens a sealed text; undefined for another secret, and for a text that was changed. */
export function unseal(secret: string, sealed: string): string | undefined {
  const bytes = decodeBase64Url(sealed);
  if (bytes === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, keyOf(secret), bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined; // It was sealed under another secret, or changed.
  }
}

const keyOf = (secret: string): Buffer => createHmac('sha256', secret).update('seal').digest();

/** Before the 32 bytes of a private key of X25519 (RFC 8410, 7). */
const PRIVATE_KEY = Buffer.from('302e020100300506032b656e04220420', 'hex');

const toPrivateKey = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PRIVATE_KEY, seed]), format: 'der', type: 'pkcs8' });
const toPublicText = (key: KeyObject): string =>
  createPublicKey(key).export({ format: 'jwk' }).x ?? '';
const fromPublicText = (x: string): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
const seedOf = (secret: string): Buffer => createHmac('sha256', secret).update('receiver').digest();

/** Makes the public half of a secret: texts can be sealed for its holder without knowing it (X25519). */
export const makeReceiver = (secret: string): string => toPublicText(toPrivateKey(seedOf(secret)));

/** Seals a text for the holder of a secret. */
export function sealFor(
  receiver: string,
  text: string,
  random: Pick<SignInRandom, 'bytes'>,
): string {
  const privateKey = toPrivateKey(random.bytes(32));
  const shared = diffieHellman({ privateKey, publicKey: fromPublicText(receiver) });
  return `${toPublicText(privateKey)}.${seal(shared.toString('base64url'), text, random)}`;
}

/** Opens what was sealed for a secret; undefined for another secret. */
export function unsealFor(secret: string, sealed: string): string | undefined {
  const [sender = '', text = ''] = sealed.split('.');
  const privateKey = toPrivateKey(seedOf(secret));
  const shared = diffieHellman({ privateKey, publicKey: fromPublicText(sender) });
  return unseal(shared.toString('base64url'), text);
}
