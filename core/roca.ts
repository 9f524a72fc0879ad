/**
 * Knows RSA moduli of the generator that makes its primes from powers of 65537 (CVE-2017-15361, "ROCA"): they can be
 * factored. Flow: **key material** > key record. https://crocs.fi.muni.cz/public/papers/rsa_ccs17
 */

/** The first odd primes. A modulus of another generator passes as one of those about once in 2^27. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR = 65_537;

/** Of each prime, the remainders that powers of 65537 leave. */
const POWERS: readonly (readonly [bigint, ReadonlySet<number>])[] = PRIMES.map((prime) => {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power);
  return [BigInt(prime), powers];
});

/** Whether a modulus is, by every one of these primes, a power of 65537. */
export const hasRocaFingerprint = (modulus: bigint): boolean =>
  POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)));
