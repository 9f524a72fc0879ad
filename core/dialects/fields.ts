/**
 * What the field tables of all wire formats share: how a field is looked at, and how a refusal names it.
 * Flow: policy > **fields** > price > reserve. Invariant: a refusal says a field's name and a value's kind, never its
 * content: a text may be a prompt.
 */
import { GatewayError } from '../base/errors.ts';
import { isRecord, type JsonObject } from '../base/json.ts';

/** A field that may not be sent, and what may be (absent: nothing). */

export interface FieldRefusal {
  readonly param: string;
  readonly allowed?: string;
}

/** Answers what is allowed when a value is not. */
export type Check = (value: unknown) => string | undefined;

const free: Check = () => undefined;

/** Fields of which any value goes: they cost nothing beyond the input bytes and the output cap, which count them in. */
export const freeFields = (...names: readonly string[]): readonly (readonly [string, Check])[] =>
  names.map((name) => [name, free]);

export const oneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value) ? undefined : `one of ${allowed.join(', ')}`;

/** `null` is as good as absent. */
export const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** A write to a cache of five minutes is in the price table; one that lasts an hour costs twice the input. */
export const isShortCache = ({ cache_control: cache }: JsonObject): boolean =>
  !isGiven(cache) || (isRecord(cache) && (!isGiven(cache.ttl) || cache.ttl === '5m'));

export const SHORT_CACHE = '{"type": "ephemeral", "ttl": "5m"}';

const FIELD_NAME_CHARS_MAX = 64;

/** A field's name fit to be repeated in a message: what is not a plain name is not repeated. */
export const nameField = (name: string): string =>
  /^[\w.-]+$/.test(name) && name.length <= FIELD_NAME_CHARS_MAX ? name : '(unnamed)';

/**
 * The first member that a table does not allow. `null` is as good as absent.
 * @param path of the record, with its dot; empty for the body itself
 */
export function findUnboundedMember(
  record: JsonObject,
  checks: ReadonlyMap<string, Check>,
  path = '',
): FieldRefusal | undefined {
  for (const [name, value] of Object.entries(record)) {
    if (!isGiven(value)) continue;
    const check = checks.get(name);
    if (check === undefined) return { param: `${path}${nameField(name)}` };
    const allowed = check(value);
    if (allowed !== undefined) return { param: `${path}${name}`, allowed };
  }
  return undefined;
}

/** The refusal of a field, or of its value, that nothing bounds. */
export const notBounded = ({ param, allowed }: FieldRefusal): GatewayError =>
  new GatewayError('invalid_request', {
    message: `"${param}" may not be used with a spending limit${allowed === undefined ? '' : `, allowed is ${allowed}`}`,
    param,
  });

/**
 * The refusal of a field that names something stored at the provider: all users share the gateway's account there, so
 * an id could reach another's data.
 */
export const notOwned = (param: string): GatewayError =>
  new GatewayError('invalid_request', {
    message: `"${param}" names what is stored at the provider, which only a server key may do`,
    param,
  });

/** The refusal of a value that cannot be read. */
export function unreadable(param: string, allowed: string, value: unknown): GatewayError {
  const got = typeof value === 'number' ? value : value === undefined ? 'nothing' : typeof value;
  return new GatewayError('invalid_request', {
    message: `"${param}" must be ${allowed}, got ${got}`,
    param,
  });
}

/** More than any model answers with. */
const CAP_MAX = 10_000_000;

/**
 * A whole number of a body, from 1 up.
 * @throws invalid_request
 */
export function readWhole(param: string, value: unknown, max = CAP_MAX): number | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max)
    return value;
  throw unreadable(param, `a whole number from 1 to ${max}`, value);
}

/**
 * A switch of a body, off unless it is given.
 * @throws invalid_request
 */
export function readFlag(param: string, value: unknown): boolean {
  const flag = value ?? false;
  if (typeof flag === 'boolean') return flag;
  throw unreadable(param, 'true or false', flag);
}
