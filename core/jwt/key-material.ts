/**
 * Key material that verifies JWTs: public keys and shared secrets, and the algorithms that each allows.
 * Flow: **key material** > key record > verify. Invariant: the algorithms follow from the material alone. Weak keys and
 * private keys are refused when a key is made and again when it is used.
 */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { invalidRequest } from '../base/errors.ts';
import {
  HMAC_ALGORITHMS,
  type HmacAlgorithm,
  type JwtAlgorithm,
  RSA_ALGORITHMS,
  type VerifierKey,
} from './verifier.ts';

/** HMAC with SHA-2, and the size of its hash, which is the least size of a secret (RFC 7518, 3.2). */
export const HMAC_HASHES = {
  HS256: { hash: 'SHA-256', bytes: 32 },
  HS384: { hash: 'SHA-384', bytes: 48 },
  HS512: { hash: 'SHA-512', bytes: 64 },
} as const satisfies Record<HmacAlgorithm, object>;

const CURVES: Readonly<Record<string, JwtAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};
const PUBLIC: readonly JwtAlgorithm[] = [...RSA_ALGORITHMS, ...Object.values(CURVES), 'EdDSA'];

/** True for an algorithm that uses a shared secret. */
export const isHmac = (algorithm: JwtAlgorithm): algorithm is HmacAlgorithm =>
  HMAC_ALGORITHMS.some((each) => each === algorithm);

/** Returns the algorithms that a kind of key material can serve. A secret and a public key have none in common. */
export const algorithmsOfKind = (kind: VerifierKey['kind']): readonly JwtAlgorithm[] =>
  kind === 'secret' ? HMAC_ALGORITHMS : PUBLIC;

/** RFC 7518, 3.3. Keys larger than the maximum only cost time. */
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
const RSA_EXPONENT_MAX = 0xffff_ffffn;

/**
 * Returns the algorithms that a public key can serve: those of its family or of its curve.
 * @throws invalid_request for a weak key, and for one of another type
 */
export function algorithmsOfKey(key: KeyObject): readonly JwtAlgorithm[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === 'rsa') {
    requireStrongRsa(key, details.modulusLength ?? 0, details.publicExponent ?? 0n);
    return RSA_ALGORITHMS;
  }
  if (type === 'ed25519') return ['EdDSA'];
  const algorithm = type === 'ec' ? CURVES[details.namedCurve ?? ''] : undefined;
  if (algorithm !== undefined) return [algorithm];
  throw invalidRequest('the public key must be of RSA, P-256, P-384, P-521 or Ed25519');
}

function requireStrongRsa(key: KeyObject, bits: number, exponent: bigint): void {
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    throw invalidRequest(
      `the RSA key must have ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits, got ${bits}`,
    );
  }
  if (exponent < 3n || exponent % 2n === 0n || exponent > RSA_EXPONENT_MAX) {
    throw invalidRequest('the exponent of the RSA key must be odd, from 3 to 4294967295');
  }
  const modulus = Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url');
  if (hasRocaFingerprint(BigInt(`0x${modulus.toString('hex')}`))) {
    throw invalidRequest(
      'the RSA key was made by a generator whose keys can be factored (CVE-2017-15361)',
    );
  }
}

/** One key or one certificate; a chain of certificates would be longer. */
const PEM_CHARS_MAX = 8192;
const PEM_BLOCK = /^-----BEGIN ([A-Z0-9 ]+)-----\s[\sA-Za-z0-9+/=]+-----END \1-----$/;

/** A public key, and the algorithms it can serve. */
export interface PublicKey {
  readonly publicKey: KeyObject;
  readonly algorithms: readonly JwtAlgorithm[];
}

/**
 * Reads one public key (RFC 7468, 13) or one X.509 certificate, as Firebase publishes them. Does NOT check the dates or
 * the signer of a certificate: the owner who puts it into a key's record vouches for it.
 * @throws invalid_request for private keys, weak keys, other types, several keys, and any other text
 */
export function readPublicKeyPem(pem: string): PublicKey {
  if (pem.includes('PRIVATE KEY-----')) {
    throw invalidRequest(
      'that is a private key, which must stay with its issuer: give its public key',
    );
  }
  if (pem.length > PEM_CHARS_MAX)
    throw invalidRequest('the PEM text must be of 8192 characters at most');
  const text = pem.trim();
  const label = PEM_BLOCK.exec(text)?.[1];
  if (label !== 'PUBLIC KEY' && label !== 'CERTIFICATE') {
    throw invalidRequest(
      'the PEM text must hold one PUBLIC KEY or one CERTIFICATE, and nothing else',
    );
  }
  const publicKey = parseOrRefuse(text, label);
  return { publicKey, algorithms: algorithmsOfKey(publicKey) };
}

function parseOrRefuse(text: string, label: 'PUBLIC KEY' | 'CERTIFICATE'): KeyObject {
  try {
    return label === 'CERTIFICATE' ? new X509Certificate(text).publicKey : createPublicKey(text);
  } catch {
    // OpenSSL's message names its own source lines, which help nobody.
    throw invalidRequest(`the ${label} in the PEM text cannot be read`);
  }
}

/** Texts that people give as a shared secret by mistake, by how they begin. */
const NO_SECRETS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN /, 'a PEM text, which is no shared secret'],
  [/^\s*\{[\s\S]*"kty"/, 'a JWK, which is no shared secret'],
  [/^sk-hp-/, 'a key of Hallpass, which signs scoped tokens'],
];

/**
 * Refuses a shared secret that may not serve these algorithms. One shorter than the hash is easier to guess than the hash.
 * @param secret the UTF-8 bytes of its text
 * @throws invalid_request, which shows the secret's length and nothing of its content
 */
export function requireSecretFor(secret: Uint8Array, algorithms: readonly JwtAlgorithm[]): void {
  const text = Buffer.from(secret).toString();
  for (const [pattern, what] of NO_SECRETS) {
    if (pattern.test(text)) throw invalidRequest(`the shared secret is ${what}`);
  }
  for (const algorithm of algorithms) {
    if (!isHmac(algorithm)) throw invalidRequest(`a shared secret cannot serve ${algorithm}`);
    const { bytes } = HMAC_HASHES[algorithm];
    if (secret.length < bytes) {
      throw invalidRequest(
        `the shared secret must have at least ${bytes} bytes for ${algorithm}, got ${secret.length}`,
      );
    }
  }
}

/** The first odd primes. About one in 2^27 moduli of other generators is refused by mistake. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR = 65_537;

/** For each prime, the remainders of the powers of 65537. */
const POWERS: readonly (readonly [bigint, ReadonlySet<number>])[] = PRIMES.map((prime) => {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power);
  return [BigInt(prime), powers];
});

/** True if the modulus is a power of 65537 modulo each of these primes, as ROCA keys are (CVE-2017-15361). */
export const hasRocaFingerprint = (modulus: bigint): boolean =>
  POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)));
