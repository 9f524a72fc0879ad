/**
 * Money: integer nano-dollars (1 USD = 1,000,000,000) as bigint, rounded up once per request.
 * Invariant: amounts are never added as floating-point numbers.
 */

declare const brand: unique symbol;

/** An amount in nano-dollars. A difference may be negative. */
export type NanoUsd = bigint & { readonly [brand]: 'NanoUsd' };

const NANO_PER_USD = 1_000_000_000n;
export const asNanoUsd = (amount: bigint): NanoUsd => amount as NanoUsd;
export const ZERO_USD: NanoUsd = asNanoUsd(0n);

/** The largest limit, cap or price: a billion dollars, well inside DynamoDB's 38 digits. */
const USD_MAX = 1_000_000_000;

/**
 * Converts dollars to nano-dollars. Digits after the ninth decimal are cut off, so that a cap is never rounded up.
 * @param usd a finite number from 1e-9 to 1e9
 * @returns undefined outside that range
 */
export function nanoUsdFromUsd(usd: number): NanoUsd | undefined {
  if (!Number.isFinite(usd) || usd < 1e-9 || usd > USD_MAX) return undefined;
  // The shortest decimal of a double is the number that was written: 0.29 is 290,000,000.
  const [whole = '0', fraction = ''] = toPlainDecimal(usd).split('.');
  return asNanoUsd(BigInt(whole) * NANO_PER_USD + BigInt(fraction.slice(0, 9).padEnd(9, '0')));
}

/** Writes a finite number from 1e-9 to 1e9 without an exponent. */
function toPlainDecimal(value: number): string {
  const text = String(value);
  const [digits = '', exponent] = text.split('e-');
  if (exponent === undefined) return text;
  const [whole = '', fraction = ''] = digits.split('.');
  return `0.${'0'.repeat(Number(exponent) - 1)}${whole}${fraction}`;
}

/** Converts nano-dollars to dollars, for display and reports. Never calculate with the result. */
export const usdFromNano = (amount: NanoUsd): number => Number(toUsdText(amount));

/** Formats nano-dollars as dollars, a plain decimal without trailing zeros: `2`, `0.000015`, `-0.5`. */
export const toUsdText = (amount: NanoUsd): string => toDecimal(amount, 9);

/** Writes a whole number of the smallest parts as a plain decimal without trailing zeros. */
export function toDecimal(amount: bigint, fractionDigits: number): string {
  const digits = String(amount < 0n ? -amount : amount).padStart(fractionDigits + 1, '0');
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, '');
  const whole = `${amount < 0n ? '-' : ''}${digits.slice(0, -fractionDigits)}`;
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** Divides and rounds up, so that a fraction of a nano-dollar is always charged. For amounts ≥ 0. */
export const ceilDivide = (amount: bigint, divisor: bigint): bigint =>
  (amount + divisor - 1n) / divisor;
