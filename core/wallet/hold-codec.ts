/**
 * A hold as the text of its attribute in a wallet, and back.
 * Invariant: decode(encode(hold)) is the hold, and the text begins with the attempt.
 */

import { parseBase36 } from '../base/base36.ts';
import { asKeyId, asTokenId, asWalletId, type RequestId, type WalletId } from '../base/ids.ts';
import { type CounterKind, LIMIT_UNITS, LIMIT_WINDOWS } from '../base/limits.ts';
import { asNanoUsd } from '../base/money.ts';
import type { Hold } from './hold.ts';

const COUNTER_PERS = ['user', 'token', 'key'] as const;

/** Every kind of counter (54). Its place in this list is its letter in a hold, so the order never changes. */
const COUNTER_KINDS: readonly CounterKind[] = COUNTER_PERS.flatMap((per) =>
  LIMIT_UNITS.flatMap((unit) => LIMIT_WINDOWS.map((window) => ({ per, unit, window }))),
);

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR';

const letterOf = ({ per, unit, window }: CounterKind): string =>
  LETTERS.charAt(
    COUNTER_KINDS.findIndex(
      (kind) => kind.per === per && kind.unit === unit && kind.window === window,
    ),
  );

/** Kinds of counters as a text of one letter each. */
export const encodeCounted = (counted: readonly CounterKind[]): string =>
  counted.map(letterOf).join('');

/** The inverse of `encodeCounted`. */
export const decodeCounted = (letters: string): readonly CounterKind[] =>
  [...letters].flatMap((letter) => COUNTER_KINDS[LETTERS.indexOf(letter)] ?? []);

/** The beginning of the part that names the key of a hold in a personal wallet. */
const KEY_PART = '~k=';

/**
 * A hold as the text of its attribute: `attempt|reserved at|lease end|usd|tokens|token id|counter kinds`, with all
 * numbers but the attempt in base 36. A hold in the key's wallet goes on with `|` and the payer's wallet id without the
 * key id. Parts that begin with `~` come last: `~k=<key id>`, and those of later versions, which are passed over. The text is short, so that a wallet with a few requests in flight costs one write unit.
 * @throws TypeError for an amount or an instant that is not a whole number from zero: it could never be read again
 */
export function encodeHold(hold: Hold): string {
  const { attempt, reservedAtMs, leaseEndsAtMs, amounts, tokenId, counted, payerId, keyId } = hold;
  const numbers = [BigInt(reservedAtMs), BigInt(leaseEndsAtMs), amounts.usd, amounts.tokens];
  if (numbers.some((number) => number < 0n)) throw new TypeError('a hold cannot be negative');
  const parts = [
    attempt,
    ...numbers.map((number) => number.toString(36)),
    tokenId ?? '',
    encodeCounted(counted),
    ...(payerId === undefined ? [] : [payerId.slice(payerId.indexOf('#') + 1)]),
  ];
  const key = keyId === undefined ? '' : `${KEY_PART}${keyId}`;
  return `${parts.join('|')}${key}${hold.unread ?? ''}`;
}

/** True if both are one hold to the letter. */
export const isSameHold = (a: Hold, b: Hold): boolean => encodeHold(a) === encodeHold(b);

const HOLD_PATTERN =
  /^([1-9]\d*)\|([0-9a-z]+)\|([0-9a-z]+)\|([0-9a-z]+)\|([0-9a-z]+)\|([^|]*)\|([0-9a-zA-R]*)(?:\|([^|~]+))?(?:~k=([^|~]+))?((?:~[^~]*)*)$/;

/**
 * The inverse of `encodeHold`.
 * @throws TypeError when the text is not a hold: nothing else writes these attributes
 */
export function decodeHold(walletId: WalletId, requestId: RequestId, text: string): Hold {
  const [
    ,
    attempt = '',
    at = '',
    lease = '',
    usd = '',
    tokens = '',
    token = '',
    letters = '',
    payer,
    key,
    unread = '',
  ] = HOLD_PATTERN.exec(text) ?? [];
  if (attempt === '') throw new TypeError('a hold of the wallet cannot be read');
  return {
    walletId,
    requestId,
    attempt: Number(attempt),
    reservedAtMs: Number.parseInt(at, 36),
    leaseEndsAtMs: Number.parseInt(lease, 36),
    amounts: { usd: asNanoUsd(parseBase36(usd)), tokens: parseBase36(tokens) },
    ...(token === '' ? {} : { tokenId: asTokenId(token) }),
    counted: decodeCounted(letters),
    ...(payer === undefined ? {} : { payerId: besideOf(walletId, payer) }),
    ...(key === undefined ? {} : { keyId: asKeyId(key) }),
    ...(unread === '' ? {} : { unread }),
  };
}

/** Another wallet of the same key. */
const besideOf = (walletId: WalletId, payer: string): WalletId =>
  asWalletId(`${walletId.slice(0, walletId.indexOf('#'))}#${payer}`);
