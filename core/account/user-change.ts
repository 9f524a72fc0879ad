/**
 * The body of `PATCH /v1/users/{user}`. Flow: request > **change** > record of a person.
 * Invariant: an unknown field is refused, so that a misspelt limit is not ignored.
 */
import { parseDate, parseInstant } from '../base/duration.ts';
import { invalidField, invalidRequest } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import { isRecord, type JsonObject, parseStrictObject } from '../base/json.ts';
import { DAY_MS, LIMIT_UNITS, LIMIT_WINDOWS } from '../base/limits.ts';
import { nanoUsdFromUsd } from '../base/money.ts';
import type { OwnLimit } from '../wallet/person.ts';

export interface UserChange {
  /** Replaces the whole list. */
  readonly limits?: readonly OwnLimit[];
  readonly creditNanoUsd?: bigint;
  /** The reason; null ends the block. */
  readonly blocked?: string | null;
  readonly note?: string | null;
  /** A digest of the change. Another change under the same idempotency key has another one. */
  readonly digest: string;
}

const FIELDS = ['limits', 'credit_usd', 'blocked', 'note'] as const;
const REASON_CHARS_MAX = 200;
const NOTE_CHARS_MAX = 500;
const CREDIT_MAX_USD = 1_000_000;

/** @throws invalid_request with the field */
export function parseUserChange(body = ''): UserChange {
  const fields = parseStrictObject(body);
  if (fields === undefined) {
    throw invalidRequest('the body must be one JSON object in which no field is repeated');
  }
  requireKnown(fields, FIELDS, '');
  if (Object.keys(fields).length === 0)
    throw invalidRequest(`the body must have one of ${FIELDS.join(', ')}`);
  const { limits, credit_usd: credit, blocked, note } = fields;
  return {
    ...(limits !== undefined && { limits: parseLimits(limits) }),
    ...(credit !== undefined && { creditNanoUsd: parseCredit(credit) }),
    ...(blocked !== undefined && { blocked: parseText('blocked', blocked, 1, REASON_CHARS_MAX) }),
    ...(note !== undefined && { note: parseText('note', note, 0, NOTE_CHARS_MAX) || null }),
    digest: sha256(JSON.stringify(FIELDS.map((name) => fields[name] ?? [name in fields]))),
  };
}

function requireKnown(fields: JsonObject, known: readonly string[], where: string): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalidRequest(`a field${where} is unknown, allowed are ${known.join(', ')}`);
}

function parseText(
  field: string,
  value: unknown,
  charsMin: number,
  charsMax: number,
): string | null {
  if (value === null) return null;
  const isText = typeof value === 'string' && value.isWellFormed() && !/\p{Cc}/u.test(value);
  if (isText && value.length >= charsMin && value.length <= charsMax) return value;
  throw invalidField(
    field,
    `must be null or ${charsMin} to ${charsMax} characters without control characters`,
  );
}

function parseCredit(value: unknown): bigint {
  const usd = typeof value === 'number' && Math.abs(value) <= CREDIT_MAX_USD ? value : 0;
  const amount = nanoUsdFromUsd(Math.abs(usd));
  if (amount !== undefined && amount > 0n) return usd < 0 ? -amount : amount;
  throw invalidField(
    'credit_usd',
    'must be a number of dollars from -1000000 to 1000000, and not 0',
  );
}

const LIMIT_FIELDS = ['per', 'unit', 'window', 'limit', 'until'] as const;

function parseLimits(value: unknown): readonly OwnLimit[] {
  if (!Array.isArray(value) || !value.every(isRecord)) {
    throw invalidField('limits', 'must be a list of objects');
  }
  const limits = value.map(parseLimit);
  const kinds = new Set(limits.map(({ unit, window }) => `${unit}:${window}`));
  if (kinds.size === limits.length) return limits;
  throw invalidField('limits', 'must not have two limits of one unit and window');
}

function parseLimit(fields: JsonObject): OwnLimit {
  requireKnown(fields, LIMIT_FIELDS, ' of a limit');
  const unit = LIMIT_UNITS.find((each) => each === fields.unit);
  const window = LIMIT_WINDOWS.find((each) => each === fields.window);
  if (fields.per !== 'user' || unit === undefined || window === undefined) {
    throw invalidRequest(
      `a limit must have "per": "user", a "unit" of ${LIMIT_UNITS.join(', ')} and a "window" of ${LIMIT_WINDOWS.join(', ')}`,
      'limits',
    );
  }
  const amount = amountOf(unit, fields.limit);
  if (amount === undefined) {
    throw invalidRequest(
      '"limit" must be 0, or dollars or a whole number as the unit needs',
      'limits',
    );
  }
  const { until } = fields;
  return {
    per: 'user',
    unit,
    window,
    amount,
    ...(until != null && { untilMs: parseUntil(until) }),
  };
}

function amountOf(unit: OwnLimit['unit'], value: unknown): bigint | undefined {
  if (value === 0) return 0n;
  if (typeof value !== 'number') return undefined;
  if (unit === 'usd') return nanoUsdFromUsd(value);
  return Number.isSafeInteger(value) && value > 0 ? BigInt(value) : undefined;
}

/** Reads an end: an instant, unix seconds, or a date, which ends with its day in UTC. Rounded up to a whole second. */
export function parseUntil(value: unknown): number {
  const atMs = typeof value === 'number' ? value * 1_000 : untilOf(String(value));
  const seconds = Math.ceil((atMs ?? Number.NaN) / 1_000);
  if (seconds >= 0 && seconds <= UNTIL_MAX_SECONDS) return seconds * 1_000;
  throw invalidRequest(
    '"until" must be an instant such as 2026-12-01T12:00Z, a date or unix seconds',
    'limits',
  );
}

function untilOf(text: string): number | undefined {
  const dayMs = parseDate(text);
  return dayMs === undefined ? parseInstant(text) : dayMs + DAY_MS;
}

/** 9999-12-31T23:59:59Z */
const UNTIL_MAX_SECONDS = 253_402_300_799;
