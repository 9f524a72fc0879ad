/**
 * A person's own record: limits, credit and a block that hold for one payer alone.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: `rev` is random, changes with each change and is never removed, so a reserve that was judged by another
 * record than the current one fails.
 */
import { parseBase36 } from '../base/base36.ts';
import type { WalletId } from '../base/ids.ts';
import { LIMIT_UNITS, LIMIT_WINDOWS, type Limit } from '../base/limits.ts';
import type { Random } from '../base/ports.ts';

/** A `user` limit of one person, in place of their tier's or key's of the same unit and window. */
export interface OwnLimit extends Limit {
  readonly per: 'user';
  /** The limit holds before this instant, a whole second; absent: always. */
  readonly untilMs?: number;
}

/** The part of a record that each reserve sees: it is in the wallet. */
export interface Person {
  readonly rev: string;
  readonly limits: readonly OwnLimit[];
  /** Added to the `user:usd:total` limit in force; may be below zero. */
  readonly creditNanoUsd: bigint;
  readonly isBlocked: boolean;
}

/** The part of a record that only reports and refusals need. It is in an item beside the wallet. */
export interface PersonNote {
  readonly name?: string;
  readonly email?: string;
  readonly source?: string;
  /** Why the person is blocked. */
  readonly reason?: string;
  readonly note?: string;
  /** Minutes in which a request of this person was refused for a limit. */
  readonly minutesRefused?: number;
  /** Changes made in the last day, by idempotency key. */
  readonly changes: ReadonlyMap<string, MadeChange>;
}

/** The names of a person. */
export type PersonNames = Pick<PersonNote, 'email'> & Required<Pick<PersonNote, 'name' | 'source'>>;

/** A change that was made once and is not made again. */
export interface MadeChange {
  readonly madeAtMs: number;
  /** A digest of the change. Another change under the same key has another one. */
  readonly digest: string;
}

/** The texts of a note that a change may set. */
export type NoteTexts = Pick<PersonNote, 'name' | 'email' | 'source' | 'reason' | 'note'>;

/** A change of a record, made once under its idempotency key. */
export interface PersonChange {
  readonly walletId: WalletId;
  /** The book that the wallet is listed in. */
  readonly listedUnder: string;
  /** The `rev` of the record that was changed; undefined: there was none. */
  readonly seenRev: string | undefined;
  /** The record after the change, under a new `rev`. */
  readonly person: Person;
  /** Texts to set in the note; null removes one. */
  readonly texts: { readonly [Name in keyof NoteTexts]?: string | null };
  readonly idempotencyKey: string;
  readonly digest: string;
  readonly nowMs: number;
  /** Idempotency keys that are older than a day, removed in passing. */
  readonly forget: readonly string[];
}

/** The most bytes of own limits in a wallet: about five limits with an end. */
export const OWN_LIMITS_BYTES_MAX = 96;

/** Own limits as a text: a letter each for unit and window, the amount, and `@` with the end in seconds, in base 36. */
export const encodeOwnLimits = (limits: readonly OwnLimit[]): string =>
  limits.map(encodeOwnLimit).join(',');

function encodeOwnLimit({ unit, window, amount, untilMs }: OwnLimit): string {
  const end = untilMs === undefined ? '' : `@${Math.floor(untilMs / 1_000).toString(36)}`;
  return `${LIMIT_UNITS.indexOf(unit)}${LIMIT_WINDOWS.indexOf(window)}${amount.toString(36)}${end}`;
}

const OWN_LIMIT_PATTERN = /^([0-2])([0-5])([0-9a-z]+)(?:@([0-9a-z]+))?$/;

/**
 * The inverse of `encodeOwnLimits`.
 * @throws TypeError when the text is not such limits: nothing else writes this attribute
 */
export function decodeOwnLimits(text: string): readonly OwnLimit[] {
  if (text === '') return [];
  return text.split(',').map((part) => {
    const [, unitAt = '', windowAt = '', digits = '', end] = OWN_LIMIT_PATTERN.exec(part) ?? [];
    const unit = LIMIT_UNITS[Number(unitAt)];
    const window = LIMIT_WINDOWS[Number(windowAt)];
    if (unitAt === '' || unit === undefined || window === undefined) {
      throw new TypeError('own limits of a person cannot be read');
    }
    return {
      per: 'user',
      unit,
      window,
      amount: parseBase36(digits),
      ...(end === undefined ? {} : { untilMs: Number.parseInt(end, 36) * 1_000 }),
    };
  });
}

const REV_CHARS = 8;

/** The first 8 digits of a UUID, which are 32 random bits: it only has to differ between the records of one person. */
export const makeRev = (random: Random): string =>
  random.uuid().replaceAll('-', '').slice(0, REV_CHARS);
