/**
 * A hold as the bytes of its attribute in a wallet, and back.
 * Invariant: decode(encode(hold)) is the hold, in a wallet that has the mark of the hold's token.
 */

import {
  asKeyId,
  asRequestId,
  asTokenId,
  asWalletId,
  type RequestId,
  type TokenId,
  type WalletId,
} from '../base/ids.ts';
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

/** A request's id as the 22 characters of base64url in a hold's name. One that is no UUID stays as it is. */
export const encodeRequestId = (id: RequestId): string =>
  UUID.test(id) ? Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url') : id;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The inverse of `encodeRequestId`. */
export const decodeRequestId = (text: string): RequestId =>
  asRequestId(/^[\w-]{22}$/.test(text) ? toUuid(Buffer.from(text, 'base64url')) : text);

const toUuid = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** The characters of a token's id in a hold. The mark of the token in the same wallet has all of them. */
const TOKEN_CHARS = 6;

/** The beginning of the part that names the key of a hold in a personal wallet. */
const KEY_PART = '~k=';

/**
 * A hold as the bytes of its attribute: five numbers (attempt, time, lease as counted from then, nano-dollars, tokens),
 * and the text `token|counter kinds`. A hold in the key's wallet, where tokens have no marks, has the whole token, and
 * goes on with `|` and the payer's wallet id without the key id. Parts that begin with `~` come last: `~k=<key id>`,
 * and those of later versions, which are passed over. With its name a hold is some 50 bytes, so that a wallet with 14
 * requests in flight costs one write unit.
 * @throws TypeError for an amount or an instant that is not a whole number from zero: it could never be read again
 */
export function encodeHold(hold: Hold): Buffer {
  const { reservedAtMs, leaseEndsAtMs, amounts, tokenId = '', payerId, keyId } = hold;
  const numbers = [
    toNatural(hold.attempt),
    toNatural(reservedAtMs),
    toUnsigned(toNatural(leaseEndsAtMs) - BigInt(reservedAtMs)),
    toNatural(amounts.usd),
    toNatural(amounts.tokens),
  ];
  const parts = [
    payerId === undefined ? tokenId.slice(0, TOKEN_CHARS) : tokenId,
    encodeCounted(hold.counted),
    ...(payerId === undefined ? [] : [payerId.slice(payerId.indexOf('#') + 1)]),
  ];
  const key = keyId === undefined ? '' : `${KEY_PART}${keyId}`;
  const text = `${parts.join('|')}${key}${hold.unread ?? ''}`;
  return Buffer.concat([Buffer.from(numbers.flatMap(toBase128)), Buffer.from(text)]);
}

/** True if both are one hold to the letter. */
export const isSameHold = (a: Hold, b: Hold): boolean => encodeHold(a).equals(encodeHold(b));

function toNatural(number: number | bigint): bigint {
  const natural = BigInt(number);
  if (natural < 0n) throw new TypeError('a hold cannot be negative');
  return natural;
}

const toUnsigned = (number: bigint): bigint => (number < 0n ? -number * 2n - 1n : number * 2n);

const toSigned = (number: bigint): bigint =>
  number % 2n === 0n ? number / 2n : -(number + 1n) / 2n;

/** A number as LEB128: seven bits a byte, the lowest first. The highest bit says that more follow. */
function toBase128(number: bigint): readonly number[] {
  const bytes: number[] = [];
  let rest = number;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest % 128n) + 128);
  bytes.push(Number(rest));
  return bytes;
}

/** Reads numbers as `toBase128` writes them. Returns also the place after the last one. */
function readBase128(bytes: Buffer, count: number): { numbers: readonly bigint[]; end: number } {
  const numbers: bigint[] = [];
  let [number, shift, end] = [0n, 0n, 0];
  while (numbers.length < count) {
    const byte = bytes[end];
    if (byte === undefined) throw new TypeError(UNREADABLE);
    end += 1;
    number += BigInt(byte % 128) << shift;
    shift += 7n;
    if (byte >= 128) continue;
    numbers.push(number);
    [number, shift] = [0n, 0n];
  }
  return { numbers, end };
}

const UNREADABLE = 'a hold of the wallet cannot be read';

/**
 * The inverse of `encodeHold`.
 * @param tokens those that have a mark in the wallet. A beginning that no mark has, or more than one, stays as it is in
 *   the hold, so that nothing is given back to a counter that may be another token's
 * @throws TypeError when the bytes are not a hold: nothing else writes these attributes
 */
export function decodeHold(
  { walletId, requestId }: Pick<Hold, 'walletId' | 'requestId'>,
  bytes: Buffer,
  tokens: Iterable<TokenId>,
): Hold {
  const { numbers, end } = readBase128(bytes, 5);
  const [attempt = 0n, at = 0n, lease = 0n, usd = 0n, tokenCount = 0n] = numbers;
  if (attempt === 0n) throw new TypeError(UNREADABLE);
  const text = decodeHoldText(walletId, bytes.toString('utf8', end));
  const { tokenId } = text;
  const marked = tokenId === undefined ? [] : [...tokens].filter((id) => id.startsWith(tokenId));
  return {
    ...{ walletId, requestId, attempt: Number(attempt), reservedAtMs: Number(at) },
    leaseEndsAtMs: Number(at + toSigned(lease)),
    amounts: { usd: asNanoUsd(usd), tokens: tokenCount },
    ...text,
    ...(marked.length === 1 && { tokenId: marked[0] }),
  };
}

const TEXT_PATTERN = /^([^|]*)\|([0-9a-zA-R]*)(?:\|([^|~]+))?(?:~k=([^|~]+))?((?:~[^~]*)*)$/;

/** Reads the text of a hold, which begins with its token. @throws TypeError when it cannot be read */
export function decodeHoldText(
  walletId: WalletId,
  text: string,
): Pick<Hold, 'tokenId' | 'counted' | 'payerId' | 'keyId' | 'unread'> {
  const found = TEXT_PATTERN.exec(text);
  if (found === null) throw new TypeError(UNREADABLE);
  const [, token = '', letters = '', payer, key, unread = ''] = found;
  return {
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
