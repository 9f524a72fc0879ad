/**
 * Limits as text, as the command line and the configuration write them.
 */
import { type GatewayError, invalidRequest } from './errors.ts';
import { LIMIT_PERS, LIMIT_UNITS, LIMIT_WINDOWS, type Limit, type LimitUnit } from './limits.ts';
import { asNanoUsd, nanoUsdFromUsd, toUsdText } from './money.ts';

const isOneOf = <T extends string>(allowed: readonly T[], text: string | undefined): text is T =>
  allowed.some((value) => value === text);

/**
 * Parses `user:requests:minute=20`, `user:usd:week=5`, `token:usd:total=2`.
 * @throws invalid_request with the text and what is allowed
 */
export function parseLimit(text: string): Limit {
  const [name = '', value = '', ...rest] = text.split('=');
  const [per, unit, window, ...more] = name.split(':');
  if (!isOneOf(LIMIT_PERS, per)) throw notAllowed('per', per, LIMIT_PERS, text);
  if (!isOneOf(LIMIT_UNITS, unit)) throw notAllowed('unit', unit, LIMIT_UNITS, text);
  if (!isOneOf(LIMIT_WINDOWS, window)) throw notAllowed('window', window, LIMIT_WINDOWS, text);
  const amount = parseAmount(unit, value);
  if (rest.length > 0 || more.length > 0 || amount === undefined) {
    throw invalidRequest(
      `limit "${text}": its value must be ${unit === 'usd' ? 'dollars from 0.000000001 to 1000000000' : 'a whole number from 1 to 9007199254740991'}, got "${value}"`,
    );
  }
  return { per, unit, window, amount };
}

const notAllowed = (
  what: string,
  got: string | undefined,
  allowed: readonly string[],
  text: string,
): GatewayError =>
  invalidRequest(
    `limit "${text}": "${what}" must be one of ${allowed.join(', ')}, got "${got ?? ''}"`,
  );

function parseAmount(unit: LimitUnit, value: string): bigint | undefined {
  if (unit === 'usd')
    return /^\d+(\.\d+)?$/.test(value) ? nanoUsdFromUsd(Number(value)) : undefined;
  if (!/^[1-9]\d{0,15}$/.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) return undefined;
  return BigInt(value);
}

const SPANS: Readonly<Record<Limit['window'], string>> = {
  minute: 'a minute',
  hour: 'an hour',
  day: 'a day',
  week: 'a week',
  month: 'a month',
  total: 'in all',
};

/** Says a limit in words: `$10 a week`, `20 requests a minute`. */
export const sayLimit = ({ unit, window, amount }: Limit): string =>
  `${unit === 'usd' ? `$${toUsdText(asNanoUsd(amount))}` : `${amount} ${unit}`} ${SPANS[window]}`;

/** Formats a limit as `parseLimit` reads it. */
export const formatLimit = ({ per, unit, window, amount }: Limit): string =>
  `${per}:${unit}:${window}=${unit === 'usd' ? toUsdText(asNanoUsd(amount)) : amount}`;
