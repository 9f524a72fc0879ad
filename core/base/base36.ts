/**
 * Whole numbers as digits of base 36, in the texts of wallets.
 */

/** Returns the number that the digits write, exact to its last digit. */
export const parseBase36 = (digits: string): bigint =>
  [...digits].reduce((value, digit) => value * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
