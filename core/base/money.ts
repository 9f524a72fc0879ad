/**
 * Money is integer nano-dollars (1 USD = 1,000,000,000), as bigint. It is rounded up once per request.
 * Invariant: no float ever holds an amount that is added to another.
 */

declare const brand: unique symbol;

/** An amount in nano-dollars. May be negative where it is a difference. */
export type NanoUsd = bigint & { readonly [brand]: 'NanoUsd' };

export const NANO_PER_USD = 1_000_000_000n;
export const asNanoUsd = (amount: bigint): NanoUsd => amount as NanoUsd;
export const ZERO_USD: NanoUsd = asNanoUsd(0n);

/** The most a limit, cap or price may be: a billion dollars, well inside DynamoDB's 38 digits and a double's exact range in nano-dollars of a limit. */
const USD_MAX = 1_000_000_000;

/**
 * Dollars as people and JSON write them, as nano-dollars.
 * @param usd a finite number from 1e-9 to 1e9; digits beyond the ninth decimal are cut off (a cap is never rounded up)
 * @returns undefined when it is out of that range
 */
export function nanoUsdFromUsd(usd: number): NanoUsd | undefined {
  if (!Number.isFinite(usd) || usd < 1e-9 || usd > USD_MAX) return undefined;
  // The shortest decimal that reads back as this double is what its writer meant: 0.29 is 290,000,000.
  const [whole = '0', fraction = ''] = toPlainDecimal(usd).split('.');
  return asNanoUsd(BigInt(whole) * NANO_PER_USD + BigInt(fraction.slice(0, 9).padEnd(9, '0')));
}

/** A finite number from 1e-9 to 1e9 without an exponent. */
function toPlainDecimal(value: number): string {
  const text = String(value);
  const [digits = '', exponent] = text.split('e-');
  if (exponent === undefined) return text;
  const [whole = '', fraction = ''] = digits.split('.');
  return `0.${'0'.repeat(Number(exponent) - 1)}${whole}${fraction}`;
}

/** Nano-dollars as a JSON number of dollars: for display and reports, never to calculate with. */
export const usdFromNano = (amount: NanoUsd): number => Number(toUsdText(amount));

/** Nano-dollars as a plain decimal without trailing zeros: `2`, `0.000015`, `-0.5`. */
export function toUsdText(amount: NanoUsd): string {
  const magnitude = amount < 0n ? -amount : amount;
  const fraction = String(magnitude % NANO_PER_USD)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const sign = amount < 0n ? '-' : '';
  return `${sign}${magnitude / NANO_PER_USD}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Divides rounding up, so that a fraction of a nano-dollar is never given away. For amounts ≥ 0. */
export const ceilDivide = (amount: bigint, divisor: bigint): bigint =>
  (amount + divisor - 1n) / divisor;
