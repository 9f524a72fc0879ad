/**
 * The plan of a reserve: the wallets a request is held in, and the limits that each of them checks.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: a request is held in its payer's wallet, and also in the key's wallet if rates of the whole key apply.
 */
import type { Grant } from '../access/grant.ts';
import type { KeyId, RequestId, WalletId } from '../base/ids.ts';
import { isoDay, type Limit, type LimitPer } from '../base/limits.ts';
import type { NanoUsd } from '../base/money.ts';
import type { AlertSubject } from './alerts/alert.ts';
import { subjectOf, type Watched } from './alerts/watch.ts';
import type { Amounts, Hold, LimitState } from './hold.ts';
import {
  bookOf,
  countersOf,
  isCapped,
  isKeyRate,
  keepTokenUntilMs,
  keyCountersOf,
  keyWalletIdOf,
  limitsOf,
  sharesBudget,
  walletIdOf,
  withPerson,
} from './payer.ts';
import type { Person } from './person.ts';
import type { Reservation, Wallet } from './ports.ts';
import { isKeyBudget } from './slices.ts';
import { decideRefusal, limitStatesOf, type Refusal } from './wallet.ts';

export interface ReserveRequest {
  readonly grant: Grant;
  readonly requestId: RequestId;
  /** The most the request can take. */
  readonly amounts: Amounts;
  readonly leaseEndsAtMs: number;
  /** Requests of this payer at once. @default 128 */
  readonly inFlightMax?: number;
  /** Under a USD limit the request is held only while nothing else of its payer is in flight. @default false */
  readonly isAlone?: boolean;
  /**
   * Called when something else is in flight. Returns the amounts with which the request need not be alone. Absent: it is
   * refused.
   */
  readonly besideOthers?: () => Amounts;
  /**
   * Called when the amounts do not fit into what is left of the tightest usd or tokens limit. Returns smaller amounts
   * that do, to which the caller then lowers the request, or undefined if no useful request is that small.
   */
  readonly afford?: Afford;
  /** Wallets that the same person had in the version before; they are moved into theirs first. @default none */
  readonly formerWalletIds?: readonly WalletId[];
  /**
   * Called when the payer's record is not the one that was planned with. Returns the amounts of the request under this
   * grant, whose limits are those of the new record. Needed where a request without a USD limit is not bounded.
   */
  readonly replan?: (grant: Grant) => Amounts;
  /**
   * A payer without a USD limit of its own holds at most a share of a key's USD budget at once, and a small request to
   * the same model fits into it. @default false
   */
  readonly hasShares?: boolean;
  /**
   * Called once, before `afford`, when the amounts do not fit. Returns smaller amounts for the same request, whose input
   * was counted meanwhile; undefined: they stay.
   */
  readonly recount?: (left: AmountsLeft) => Promise<Amounts | undefined>;
  /** The amounts that a refusal for money is judged by. */
  readonly needs?: NeededAmounts;
}

/** Amounts by which a refusal for money tells a request that is too expensive from a budget that is spent. */
export interface NeededAmounts {
  /** The least that the request can be lowered to. */
  readonly least: NanoUsd;
  /** A small request to the same model. */
  readonly small: NanoUsd;
}

export type Afford = (left: AmountsLeft) => Amounts | undefined;

/** The rest under the tightest limit of each unit; absent: no limit of that unit applies. */
export interface AmountsLeft {
  readonly usd?: NanoUsd;
  readonly tokens?: bigint;
}

/** One wallet that a request is held in, with the limits that are checked there. */
export interface HoldTarget {
  readonly keyId: KeyId;
  /** The names in alerts of these limits. */
  readonly subject: AlertSubject;
  readonly limits: readonly Limit[];
  /** Budgets of the whole key, which the payer spends by slices. */
  readonly budgets: readonly Limit[];
  /** The least share of a key's USD budget, if the payer may hold only a share at once; undefined: it may hold all. */
  readonly leastShare: bigint | undefined;
  /** The hold to write, without its attempt and amounts. */
  readonly hold: Omit<Hold, 'attempt' | 'amounts'>;
  /** The scoped token whose revocations the wallet checks; absent: none. */
  readonly token?: Pick<Reservation, 'tokenId' | 'issuedAtMs' | 'tokenKeepUntilMs'>;
  readonly inFlightMax: number;
  /** True if the request waits until nothing else is in flight. */
  readonly isAlone: boolean;
  readonly per: LimitPer;
  /** The record of the person whose limits these are; the wallet must still have it. */
  readonly person: Person | undefined;
  /** The wallet's `spills` when the token's own item was looked for. */
  readonly spills: number | undefined;
  /** The entry of the wallet in the list; absent: it is not a person's. */
  readonly listing?: Pick<Reservation, 'listedUnder' | 'seenDay'>;
}

export interface ReservePlan {
  readonly payer: HoldTarget;
  /** The key's wallet, when it is not the payer's and rates of the whole key apply. */
  readonly key: HoldTarget | undefined;
}

/** A wallet as the last write to it found or left it. */
export interface SeenWallet {
  readonly target: HoldTarget;
  readonly wallet: Wallet | undefined;
}

/** Requests of one payer at once. A wallet item with so many holds is some 7 kB. */
const IN_FLIGHT_MAX = 128;

/** Requests of everyone at once in a key's wallet: as many as one account's functions run by default. */
const KEY_IN_FLIGHT_MAX = 1_000;

/** The facts of a payer's wallet that a reserve names. */
export interface PlannedWith {
  readonly person?: Person | undefined;
  readonly spills?: number | undefined;
}

/**
 * The wallets of a request. All its tries share one `reservedAtMs`, so that they find the same usage row.
 * @param seen the payer's wallet as it was last seen
 */
export function planReserve(
  request: ReserveRequest,
  nowMs: number,
  { person, spills }: PlannedWith = {},
): ReservePlan {
  const { requestId, leaseEndsAtMs, needs } = request;
  const grant = withPerson(request.grant, person, nowMs);
  const { keyId, token } = grant;
  const limits = limitsOf(grant);
  const payerId = walletIdOf(grant);
  const hold = {
    requestId,
    reservedAtMs: nowMs,
    leaseEndsAtMs,
    ...(token && { tokenId: token.id }),
    ...(bookOf(payerId) !== keyId && { keyId }),
  };
  const keyCounted = keyCountersOf(grant, limits);
  const isAlone = request.isAlone === true && isCapped(limits);
  const subject = subjectOf(grant);
  const payer: HoldTarget = {
    keyId,
    subject,
    limits: limits.filter(
      (limit) => !isKeyBudget(limit) && (keyCounted.length === 0 || !isKeyRate(limit)),
    ),
    budgets: limits.filter(isKeyBudget),
    leastShare: request.hasShares && sharesBudget(grant, limits) ? (needs?.small ?? 0n) : undefined,
    hold: { ...hold, walletId: payerId, counted: countersOf(grant, limits) },
    ...(token && {
      token: {
        tokenId: token.id,
        issuedAtMs: token.issuedAtMs,
        tokenKeepUntilMs: keepTokenUntilMs(nowMs, grant.maxTokenLifetimeSeconds),
      },
    }),
    inFlightMax: isAlone ? 1 : inFlightMaxOf(request, limits),
    isAlone,
    per: payerKind(grant),
    person,
    spills,
    ...(grant.identity && {
      listing: { listedUnder: bookOf(payerId), seenDay: isoDay(nowMs) },
    }),
  };
  if (keyCounted.length === 0) return { payer, key: undefined };
  const key: HoldTarget = {
    keyId,
    subject,
    limits: limits.filter(isKeyRate),
    budgets: [],
    leastShare: undefined,
    hold: { ...hold, walletId: keyWalletIdOf(keyId), counted: keyCounted, payerId },
    inFlightMax: KEY_IN_FLIGHT_MAX,
    isAlone: false,
    per: 'key',
    person: undefined,
    spills: undefined,
  };
  return { payer, key };
}

/** A plain key whose rates count everyone has the requests of everyone in its wallet. */
function inFlightMaxOf(
  { grant, inFlightMax = IN_FLIGHT_MAX }: ReserveRequest,
  limits: readonly Limit[],
): number {
  const holdsEveryone = walletIdOf(grant) === keyWalletIdOf(grant.keyId) && limits.some(isKeyRate);
  return holdsEveryone ? Math.max(inFlightMax, KEY_IN_FLIGHT_MAX) : inFlightMax;
}

const payerKind = ({ identity, token }: Grant): LimitPer =>
  identity !== undefined ? 'user' : token !== undefined ? 'token' : 'key';

/** The request of a target, for alerts of its limits. */
export const watchedOf = ({ subject, keyId, hold }: HoldTarget): Watched => ({
  subject,
  keyId,
  walletId: hold.walletId,
  tokenId: hold.tokenId,
  atMs: hold.reservedAtMs,
});

/** The state of the limits that are counted in a wallet. */
export const statesOf = ({ target, wallet }: SeenWallet): readonly LimitState[] =>
  limitStatesOf(wallet, target.limits, {
    tokenId: target.hold.tokenId,
    atMs: target.hold.reservedAtMs,
  });

/** The reason why a wallet refuses the amounts; undefined: it has none. Does NOT look at budgets of the whole key. */
export const refusalIn = (seen: SeenWallet, amounts: Amounts): Refusal | undefined =>
  decideRefusal(seen.wallet, statesOf(seen), amounts, {
    inFlightMax: seen.target.inFlightMax,
    ...seen.target.token,
  });
