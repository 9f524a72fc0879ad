/**
 * Holds what a call may cost. Flow: policy > **reserve** > forward > meter > settle.
 *
 * Bounds of the input, in order; each is never under, and the smallest known one is held:
 * 1. the bytes of the request, and the model's context window (call-plan.ts);
 * 2. for a long request whose hold is a part of its limit: the remembered prefix and the bytes of what is new;
 * 3. the provider's count, at most once: if no prefix is remembered and the hold is over an eighth of what is left, or
 *    after a refusal for money, unless most of the prompt is remembered;
 * 4. if it is refused still: a lower output cap.
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { RequestId } from '../base/ids.ts';
import type { RememberedBound } from '../dialects/bound/prefix.ts';
import type { Upstream } from '../providers/ports.ts';
import { isDemo } from '../providers/provider.ts';
import type { Amounts } from '../wallet/hold.ts';
import { formerWalletIdsOf, limitsOf, walletIdOf } from '../wallet/payer.ts';
import type { Wallet } from '../wallet/ports.ts';
import { leftIn } from '../wallet/refusal.ts';
import { reserve } from '../wallet/reserve.ts';
import type { AmountsLeft } from '../wallet/reserve-plan.ts';
import { limitStatesOf } from '../wallet/wallet.ts';
import {
  affordableCap,
  amountsUnder,
  type CallPlan,
  fitsInto,
  neededAmounts,
  thinkingRefusal,
  withInputBound,
} from './call-plan.ts';
import { type CountSlots, countInput, countRequestOf } from './count-input.ts';
import { isCostUnknown } from './first-cost.ts';
import { atCachePrice, charsOf, promptOf, rememberedBound } from './prompt-memory.ts';
import type { CallPorts, ProviderCall } from './provider-call.ts';

/** In a shorter request there is little to win. */
const LONG_CHARS_MIN = 16_384;

/** A bound that is over a prefix's bill by less than this part of it would hardly be lowered by a count. */
const CLOSE_PARTS = 8;

/** A hold below this part of the tightest limit is in nobody's way. */
const SMALL_HOLD_PARTS = 100n;

/** A hold above this part of what is left is counted, if no prefix of it is remembered. */
const LARGE_HOLD_PARTS = 8n;

/** A shorter request is counted in vain: the margins of a count are as much as it would save. */
const COUNTED_CHARS_MIN = 4_096;

/** Words and code have more tokens than this. A request that is too expensive even so is not counted. */
const CHARS_PER_TOKEN_MAX = 16;

export interface HoldPorts extends CallPorts {
  readonly upstream: Upstream;
  /** @default no provider counts */
  readonly countSlots?: CountSlots;
}

export interface CallToHold {
  readonly grant: Grant;
  readonly requestId: RequestId;
  readonly leaseEndsAtMs: number;
  readonly plan: CallPlan;
  readonly providerKey: string | undefined;
  readonly startedAtMs: number;
  /** Plans the call anew under the limits of the payer's own record. */
  readonly replan: (grant: Grant) => CallPlan;
}

/**
 * Holds what the call may cost, with a lower output cap if the budget affords no more.
 * @throws what `reserve` throws
 */
export async function holdCall(call: CallToHold, ports: HoldPorts): Promise<ProviderCall> {
  const { grant, requestId, leaseEndsAtMs, startedAtMs } = call;
  let { plan } = call;
  let { cap } = plan;
  /** Counted, or known so well that a count would hardly lower it. */
  let isCounted = false;
  const count = async (left: AmountsLeft): Promise<Amounts | undefined> => {
    if (isCounted) return undefined;
    isCounted = true;
    const bound = await countOnce({ ...call, plan }, left, ports);
    const counted = withInputBound(plan, bound);
    if (counted === plan) return undefined;
    plan = counted;
    return amountsUnder(plan, cap);
  };
  if (isLong(plan, grant)) {
    const wallet = await ports.wallets.find(walletIdOf(grant)).catch(() => undefined);
    const remembered = rememberedBound(plan, wallet?.memory);
    plan = withInputBound(plan, remembered?.tokensMax);
    isCounted = remembered !== undefined && isClose(remembered);
    if (wallet?.inFlight === 0) plan = atCachePrice(plan, remembered) ?? plan;
    const left = leftOf(grant, wallet, startedAtMs);
    if (remembered === undefined && isLarge(amountsUnder(plan, cap), left)) await count(left);
  }
  /** Says more than "too expensive": the client can lower its budget of thinking. */
  let thinking: GatewayError | undefined;
  const afford = (left: AmountsLeft): Amounts | undefined => {
    const lower = affordableCap(plan, left, cap);
    thinking = lower === undefined ? thinkingRefusal(plan, left) : undefined;
    if (lower === undefined) return undefined;
    cap = lower;
    return amountsUnder(plan, lower);
  };
  const replan = (current: Grant): Amounts => {
    plan = call.replan(current);
    cap = plan.cap;
    return amountsUnder(plan, cap);
  };
  const besideOthers = (): Amounts => {
    plan = { ...plan, cachedTokens: 0 };
    return amountsUnder(plan, cap);
  };
  const { wallet, ...held } = await reserve(
    {
      ...{ grant, requestId, leaseEndsAtMs, afford, replan, recount: count },
      formerWalletIds: formerWalletIdsOf(grant),
      amounts: amountsUnder(plan, cap),
      hasShares: true,
      ...(plan.cachedTokens === undefined
        ? { isAlone: await isCostUnknown(plan, grant, ports) }
        : { isAlone: true, besideOthers }),
      needs: neededAmounts(plan),
    },
    ports,
  ).catch((error: unknown) => {
    const isForMoney = error instanceof GatewayError && error.status === 402;
    throw isForMoney && thinking !== undefined ? thinking : error;
  });
  const prompt = promptOf(plan, wallet, ports.random.uuid());
  return { grant, requestId, plan, cap, startedAtMs, ...held, ...(prompt && { prompt }) };
}

/** True if a smaller bound of the input is worth a read of the wallet. */
function isLong(plan: CallPlan, grant: Grant): boolean {
  if (!plan.isBounded || !plan.dialect.isBilled || charsOf(plan) <= LONG_CHARS_MIN) return false;
  const { usd } = amountsUnder(plan, plan.request.output.cap);
  const limits = limitsOf(grant).filter(({ unit }) => unit !== 'requests');
  return limits.some(({ unit, amount }) => unit === 'tokens' || usd * SMALL_HOLD_PARTS > amount);
}

const isClose = ({ tokensMax, billedTokens }: RememberedBound): boolean =>
  (tokensMax - billedTokens) * CLOSE_PARTS <= billedTokens;

const leftOf = (grant: Grant, wallet: Wallet | undefined, atMs: number): AmountsLeft =>
  leftIn(
    limitStatesOf(
      wallet,
      limitsOf(grant).filter(({ per }) => per !== 'key'),
      { tokenId: grant.token?.id, atMs },
    ),
  );

const isLarge = ({ usd, tokens }: Amounts, left: AmountsLeft): boolean =>
  (left.usd !== undefined && usd * LARGE_HOLD_PARTS > left.usd) ||
  (left.tokens !== undefined && tokens * LARGE_HOLD_PARTS > left.tokens);

/** Lets the provider count, if the wallet did not a moment ago and a count could make the request fit. */
async function countOnce(
  { grant, plan, providerKey }: CallToHold,
  left: AmountsLeft,
  { countSlots, wallets, clock, upstream }: HoldPorts,
): Promise<number | undefined> {
  if (countSlots === undefined || isDemo(plan.provider)) return undefined;
  if (charsOf(plan) < COUNTED_CHARS_MIN || !couldFit(plan, left)) return undefined;
  const nowMs = clock.nowMs();
  const request = countRequestOf(plan, providerKey, nowMs);
  if (request === undefined || !countSlots.take()) return undefined;
  try {
    const isClaimed = await wallets.claimCount(walletIdOf(grant), nowMs).catch(() => false);
    return isClaimed ? await countInput(plan, request, upstream) : undefined;
  } finally {
    countSlots.free();
  }
}

/** True if the request would fit at the fewest tokens that its bytes can be, and the lowest output cap. */
function couldFit(plan: CallPlan, left: AmountsLeft): boolean {
  const fewest = Math.floor(charsOf(plan) / CHARS_PER_TOKEN_MAX);
  return fitsInto(left, amountsUnder(withInputBound(plan, fewest), plan.request.output.capMin));
}
