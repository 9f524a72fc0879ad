/**
 * The item of a wallet: its attributes, and how it is read. Attributes are flat, so that a wallet needs no creation and
 * a new window starts at zero by itself. ARCHITECTURE.md lists them: bytes, who writes them, when they go.
 */

import {
  asRequestId,
  asTokenId,
  asWalletId,
  type RequestId,
  type TokenId,
  type WalletId,
} from '../../core/base/ids.ts';
import { parseCounterName } from '../../core/wallet/counter-name.ts';
import { decodeFormerHold } from '../../core/wallet/former-hold.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import {
  decodeHold,
  decodeRequestId,
  encodeHold,
  encodeRequestId,
} from '../../core/wallet/hold-codec.ts';
import {
  decodePrompt,
  MEMORY_SLOTS,
  type Memory,
  type RememberedPrompt,
} from '../../core/wallet/memory.ts';
import { decodeOwnLimits, type Person } from '../../core/wallet/person.ts';
import type { Slice, Wallet } from '../../core/wallet/ports.ts';
import { TABLES } from '../table-schema.ts';
import {
  type AttributeValue,
  bytesOf,
  type Item,
  integerOf,
  readNumber,
  sizeOfAttribute,
  textOf,
  toBytes,
  toText,
} from './values.ts';

const { partitionKey } = TABLES.wallets;
const { sortKey: dueAt } = TABLES.wallets.index;
export const IN_FLIGHT = 'inFlight';
export const NOT_BEFORE = 'notBefore';
/** The prefix of a hold's name, and that of a hold which version 0.1 wrote. */
const HOLD = '~';
const FORMER_HOLD = 'h:';
export const REVOKED = 'revoked:';
export const KEEP_UNTIL = 'x:';
/** The prefixes of a slice's name: the rest, the sums that came in and went out, the limit at the last draw. */
export const SLICE = { left: 'left:', in: 'in:', out: 'out:', cap: 'cap:' } as const;
export const DRAWS = 'draws';
/** The number of times that tokens left the wallet. */
export const SPILLS = 'spills';
export const SALT = 'ms';
export const PROMPT = 'm';
/** The instant at which the counts that the wallet's requests claimed so far are over, in ms. */
export const COUNTED = 'counted';
export const MOVED_TO = 'movedTo';
/** A person's own record, and the day of their last request. */
export const PERSON = { rev: 'rev', limits: 'own', credit: 'credit', blocked: 'blocked' } as const;
export const SEEN_DAY = 'seen';

/** Everything that is remembered of prompts. */
export const memoryAttributes = (): readonly string[] => [
  SALT,
  ...Array.from({ length: MEMORY_SLOTS }, (_, slot) => `${PROMPT}${slot}`),
];

export type HoldAttribute = readonly [name: string, value: AttributeValue];

/** The attribute of a hold, with its value. */
export const holdAttribute = (hold: Hold): HoldAttribute =>
  hold.formerText === undefined
    ? [HOLD + encodeRequestId(hold.requestId), toBytes(encodeHold(hold))]
    : [FORMER_HOLD + hold.requestId, toText(hold.formerText)];

/** All attributes of a slice. */
export const sliceAttributes = (name: string): readonly string[] =>
  Object.values(SLICE).map((prefix) => prefix + name);

/** Reads a wallet. Its holds are read at their first use, which throws a TypeError if one cannot be read. */
export function parseWallet(item: Item): Wallet {
  const id = asWalletId(textOf(item[partitionKey]) ?? '');
  const counters = new Map<string, bigint>();
  const slices = new Map<string, Slice>();
  const revokedTokens = new Set<TokenId>();
  const tokenKeepUntilMs = new Map<TokenId, number>();
  let holds: Wallet['holds'] | undefined;
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) {
    bytes += sizeOfAttribute(name, value);
    if (isHold(name)) continue;
    if (name.startsWith(REVOKED)) revokedTokens.add(asTokenId(name.slice(REVOKED.length)));
    else if (name.startsWith(KEEP_UNTIL)) {
      tokenKeepUntilMs.set(
        asTokenId(name.slice(KEEP_UNTIL.length)),
        Number(integerOf(value) ?? 0n),
      );
    } else if (name.startsWith(SLICE.left)) {
      const slice = name.slice(SLICE.left.length);
      slices.set(slice, readSlice(item, slice));
    } else if (parseCounterName(name)) counters.set(name, integerOf(value) ?? 0n);
  }
  const notBeforeMs = readNumber(item, NOT_BEFORE);
  const dueAtMs = readNumber(item, dueAt);
  const spills = readNumber(item, SPILLS);
  const memory = readMemory(item);
  const person = readPerson(item);
  const seenDay = textOf(item[SEEN_DAY]);
  const movedTo = textOf(item[MOVED_TO]);
  return {
    id,
    counters,
    get holds() {
      holds ??= readHolds(id, item, tokenKeepUntilMs);
      return holds;
    },
    slices,
    draws: readNumber(item, DRAWS) ?? 0,
    inFlight: readNumber(item, IN_FLIGHT) ?? 0,
    revokedTokens,
    tokenKeepUntilMs,
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(dueAtMs === undefined ? {} : { dueAtMs }),
    bytes,
    ...(spills === undefined ? {} : { spills }),
    ...(memory && { memory }),
    ...(person && { person }),
    ...(seenDay === undefined ? {} : { seenDay }),
    ...(movedTo === undefined ? {} : { movedTo: asWalletId(movedTo) }),
  };
}

const isHold = (name: string): boolean => name.startsWith(HOLD) || name.startsWith(FORMER_HOLD);

/** @param tokens what has a mark in the wallet */
function readHolds(
  walletId: WalletId,
  item: Item,
  tokens: ReadonlyMap<TokenId, unknown>,
): Wallet['holds'] {
  const holds = new Map<RequestId, Hold>();
  for (const [name, value] of Object.entries(item)) {
    if (name.startsWith(HOLD)) {
      const requestId = decodeRequestId(name.slice(HOLD.length));
      const bytes = bytesOf(value) ?? Buffer.alloc(0);
      holds.set(requestId, decodeHold({ walletId, requestId }, bytes, tokens.keys()));
    } else if (name.startsWith(FORMER_HOLD)) {
      const requestId = asRequestId(name.slice(FORMER_HOLD.length));
      holds.set(requestId, decodeFormerHold({ walletId, requestId }, textOf(value) ?? ''));
    }
  }
  return holds;
}

function readMemory(item: Item): Memory | undefined {
  const salt = bytesOf(item[SALT])?.toString('hex');
  if (salt === undefined) return undefined;
  const prompts = new Map<number, RememberedPrompt>();
  for (let slot = 0; slot < MEMORY_SLOTS; slot += 1) {
    const bytes = bytesOf(item[`${PROMPT}${slot}`]);
    const prompt = bytes && decodePrompt(bytes);
    if (prompt !== undefined) prompts.set(slot, prompt);
  }
  return { salt, prompts };
}

function readPerson(item: Item): Person | undefined {
  const rev = textOf(item[PERSON.rev]);
  if (rev === undefined) return undefined;
  return {
    rev,
    limits: decodeOwnLimits(textOf(item[PERSON.limits]) ?? ''),
    creditNanoUsd: integerOf(item[PERSON.credit]) ?? 0n,
    isBlocked: item[PERSON.blocked] !== undefined,
  };
}

const readSlice = (item: Item, name: string): Slice => ({
  left: integerOf(item[SLICE.left + name]) ?? 0n,
  drawnIn: integerOf(item[SLICE.in + name]) ?? 0n,
  recalledOut: integerOf(item[SLICE.out + name]) ?? 0n,
  limit: integerOf(item[SLICE.cap + name]) ?? 0n,
});
