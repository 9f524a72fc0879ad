/**
 * The answers of `GET /v1/key` and `GET /v1/users`, as the pages and commands read them. Amounts in `usd` are dollars.
 * Types only, so that code for browsers may import them.
 */
import type { CounterKind } from '../base/limits.ts';

/** A limit with the field names of a refusal. */
export interface LimitInfo extends CounterKind {
  readonly limit: number;
  /** Includes `reserved`. */
  readonly used: number;
  readonly reserved: number;
  readonly remaining: number;
  /** Settled spend in whole percent of the limit, as alerts judge it. */
  readonly percent: number;
  readonly resets_at: string | null;
}

/** The rights of a credential and its spend. */
export interface KeyInfo {
  readonly label: string;
  /** The USD limit with the least left. */
  readonly limit: number | null;
  readonly limit_remaining: number | null;
  readonly limit_reset: string | null;
  /** Settled. */
  readonly usage: number;
  /** Held by requests in flight. */
  readonly reserved: number;
  /** The most by which settled spend is above one of the USD limits. */
  readonly overrun: number;
  readonly expires_at: string | null;
  readonly models: readonly string[] | null;
  readonly user: string | null;
  /** The reason of the person's block, which may be empty. */
  readonly blocked: string | null;
  readonly limits: readonly LimitInfo[];
}

/** A user as `GET /v1/users` shows them. */
export interface UserView {
  readonly id: string;
  readonly user: string;
  readonly email: string | null;
  readonly source: string | null;
  readonly usage_usd: number;
  readonly reserved_usd: number;
  readonly limits: readonly UserLimit[];
  readonly nearest: Nearest | null;
  /** A day in UTC. */
  readonly last_seen: string | null;
  readonly minutes_refused: number;
  /** The reason of the block. */
  readonly blocked: string | null;
  readonly note: string | null;
  readonly credit_usd: number;
}

export interface UserLimit extends LimitInfo {
  /** The person's own, in place of their tier's or key's. */
  readonly own: boolean;
  readonly until: string | null;
}

export interface Nearest extends CounterKind {
  /** Percent of the limit, settled and held together; more than 100 after an overrun. */
  readonly percent: number;
}
