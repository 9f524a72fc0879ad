/**
 * What a reserve knows while it tries: the wallets a request is held in, and what is decided of each.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: a request is held in its payer's wallet, and beside it in the key's when rates of the whole key apply.
 */
import type { Grant } from '../access/grant.ts';
import type { KeyId } from '../base/ids.ts';
import type { LimitPer } from '../base/limits.ts';
import type { NanoUsd } from '../base/money.ts';
import type { Amounts, AppliedLimit, Hold, LimitState } from './hold.ts';
import {
  countersOf,
  isKeyRate,
  keyCountersOf,
  keyWalletIdOf,
  limitsOf,
  walletIdOf,
} from './payer.ts';
import type { Wallet } from './ports.ts';
import type { ReserveAsk } from './reserve.ts';
import type { SettlePorts } from './settle.ts';
import { isKeyBudget } from './slices.ts';
import { decideRefusal, limitStatesOf, type OpenHold, type Refusal, staleOf } from './wallet.ts';

/** Requests of one payer at once. A wallet item with so many holds is some 12 kB. */
const IN_FLIGHT_MAX = 128;

/** Requests of everyone at once in a key's wallet: as many as one account's functions run by default. */
const KEY_IN_FLIGHT_MAX = 1_000;

/** A wallet that a request is held in, and the limits that are counted there. */

export interface Place {
  readonly limits: readonly AppliedLimit[];
  /** Budgets of the whole key that the payer spends of by slices. */
  readonly budgets: readonly AppliedLimit[];
  /** All but the attempt and the amounts. */
  readonly hold: Omit<Hold, 'attempt' | 'amounts'> & { readonly keyId: KeyId };
  readonly inFlightMax: number;
  readonly per: LimitPer;
}

/** What one call of `reserve` works out once and keeps track of. */
export interface Reserving {
  readonly ask: ReserveAsk;
  readonly ports: SettlePorts;
  readonly payer: Place;
  /** The key's wallet, when it is not the payer's and rates of the whole key apply. */
  readonly key: Place | undefined;
  attempt: number;
  /** A try whose outcome is not known: it may stand, or still arrive. */
  isUncertain: boolean;
  /** The payer's hold, while the key's wallet is asked. */
  standing: Hold | undefined;
  /** It has waited its part of the time over which first draws of one payer are spread. */
  isSpread: boolean;
  writeUnits: number;
}

/** What a wallet said to a try; without a hold it refused. */
export interface Tried {
  readonly place: Place;
  readonly hold?: OpenHold;
  readonly wallet: Wallet | undefined;
}

export function startReserving(ask: ReserveAsk, ports: SettlePorts): Reserving {
  const { grant, requestId, leaseEndsAtMs, inFlightMax = IN_FLIGHT_MAX } = ask;
  const limits = limitsOf(grant);
  const common = {
    keyId: grant.keyId,
    requestId,
    reservedAtMs: ports.clock.nowMs(),
    leaseEndsAtMs,
    ...(grant.token === undefined ? {} : { tokenId: grant.token.id }),
  };
  const walletId = walletIdOf(grant);
  const keyWalletId = keyWalletIdOf(grant.keyId);
  const keyCounted = keyCountersOf(grant, limits);
  const isCrowded = walletId === keyWalletId && limits.some(isKeyRate);
  const payer: Place = {
    limits: limits.filter(
      (limit) => !isKeyBudget(limit) && (keyCounted.length === 0 || !isKeyRate(limit)),
    ),
    budgets: limits.filter(isKeyBudget),
    hold: { ...common, walletId, counted: countersOf(grant, limits) },
    inFlightMax: isCrowded ? Math.max(inFlightMax, KEY_IN_FLIGHT_MAX) : inFlightMax,
    per: payerKind(grant),
  };
  const key: Place | undefined =
    keyCounted.length === 0
      ? undefined
      : {
          limits: limits.filter(isKeyRate),
          budgets: [],
          hold: { ...common, walletId: keyWalletId, counted: keyCounted, payerId: walletId },
          inFlightMax: KEY_IN_FLIGHT_MAX,
          per: 'key',
        };
  const progress = {
    attempt: 0,
    isUncertain: false,
    standing: undefined,
    isSpread: false,
    writeUnits: 0,
  };
  return { ask, ports, payer, key, ...progress };
}

const payerKind = ({ identity, token }: Grant): LimitPer =>
  identity !== undefined ? 'user' : token !== undefined ? 'token' : 'key';

/** A hold with what its wallet shows to be long past. */
export const withStale = (hold: OpenHold, wallet: Wallet | undefined): OpenHold =>
  wallet === undefined
    ? hold
    : { ...hold, stale: staleOf(wallet, hold.reservedAtMs, hold.tokenId) };

/** The state of the limits that are counted in a wallet. */
export const statesOf = ({ place, wallet }: Tried): readonly LimitState[] =>
  limitStatesOf(wallet, place.limits, {
    tokenId: place.hold.tokenId,
    atMs: place.hold.reservedAtMs,
  });

/** Why a wallet refuses; undefined: nothing in it does. */
export const decide = (state: Reserving, tried: Tried, amounts: Amounts): Refusal | undefined =>
  decideRefusal(tried.wallet, statesOf(tried), amounts, {
    inFlightMax: tried.place.inFlightMax,
    tokenId: tried.place.hold.tokenId,
    issuedAtMs: state.ask.grant.token?.issuedAtMs,
  });

/** What is left under the tightest limit of each unit; absent: no limit of that unit applies. */
export interface Left {
  readonly usd?: NanoUsd;
  readonly tokens?: bigint;
}

export interface ReserveOutcome {
  readonly hold: OpenHold;
  /** The state of the limits that are counted in the payer's wallet, after this hold. */
  readonly limits: readonly LimitState[];
  readonly writeUnits: number;
}
