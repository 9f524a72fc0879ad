/**
 * The refusals of a request that cannot be read, bounded or passed on. Flow: policy > **parse** > bound > reserve.
 * Invariant: a refusal repeats the path of a field and the kind of a value, never a text: a text may be a prompt.
 */
import { type GatewayError, invalidField } from '../base/errors.ts';

/** More than any provider's field has. */
export const FIELD_NAME_CHARS_MAX = 64;

/** A field's name, if it is a plain one. Other names may hold a text, so they are not repeated. */
export const nameField = (name: string): string =>
  /^[\w.-]+$/.test(name) && name.length <= FIELD_NAME_CHARS_MAX ? name : '(unnamed)';

/** The kind of a value in plain words; a number is no text, and is repeated. */
function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'object') return 'an object';
  return String(value);
}

/** Refuses a value that cannot be read. */
export const unreadable = (param: string, allowed: string, value: unknown): GatewayError =>
  invalidField(param, `must be ${allowed}, got ${kindOf(value)}`);

/** Refuses a field that could be read in two ways. */
export const ambiguous = (param: string, why: string): GatewayError => invalidField(param, why);

/** Refuses a field that nothing bounds while a limit in USD or tokens applies. */
export const notBounded = (param: string, allowed?: string): GatewayError =>
  invalidField(
    param,
    `is not bounded by a spending limit; ${
      allowed === undefined
        ? 'remove it or use a key without one'
        : `allowed is ${allowed}, or a key without one`
    }`,
  );

/**
 * Refuses a field that names data stored at the provider. All users share the gateway's account there, so an id could
 * reach another user's data.
 */
export const notOwned = (param: string): GatewayError =>
  invalidField(param, 'may name data stored at the provider, which only a server key may do');

/** Refuses a budget of thinking that the affordable output cap does not hold. */
export const thinkingTooLarge = (cap: number): GatewayError =>
  invalidField(
    'thinking.budget_tokens',
    `must be under the output cap that the budget affords, ${cap.toLocaleString('en-US')}`,
  );

/** Refuses `background: true`: the gateway could neither bill nor stop the request. */
export const notInBackground = (): GatewayError =>
  invalidField('background', 'must be false: a request in the background cannot be billed');
