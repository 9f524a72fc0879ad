/**
 * Counts a request to one of the account's routes against the `requests:` limits of its caller, as `count_tokens` counts.
 * Flow: Grant > **count** > answer. Invariant: it never costs money, never holds up the owner of a key, and costs a caller
 * without such limits one read of the table at most.
 */
import { type Grant, isBareServerKey } from '../access/grant.ts';
import { type ErrorCode, toGatewayError } from '../base/errors.ts';
import { asRequestId } from '../base/ids.ts';
import { ZERO_USD } from '../base/money.ts';
import type { Amounts } from '../wallet/hold.ts';
import { limitsOf, walletIdOf, withPerson } from '../wallet/payer.ts';
import { reserve } from '../wallet/reserve.ts';
import { rowOf, type SettlePorts, settle } from '../wallet/settle.ts';

/** Longer than the function lives. */
const LEASE_MS = 60_000;
const NOTHING: Amounts = { usd: ZERO_USD, tokens: 0n };

/** Refusals of somebody who may not call a model now, but may read why. */
const STILL_ANSWERED: readonly ErrorCode[] = [
  'insufficient_quota',
  'budget_in_use',
  'user_blocked',
];

/** @throws rate_limit_exceeded, token_revoked, service_unavailable */
export async function countRequest(grant: Grant, ports: SettlePorts): Promise<void> {
  if (isBareServerKey(grant)) return;
  const counted = withoutMoney(grant);
  const { clock, random } = ports;
  if (limitsOf(counted).length === 0 && !(await hasOwnLimit(counted, ports))) return;
  const request = {
    grant: counted,
    requestId: asRequestId(random.uuid()),
    amounts: NOTHING,
    leaseEndsAtMs: clock.nowMs() + LEASE_MS,
    replan: () => NOTHING,
  };
  try {
    const { hold } = await reserve(request, ports);
    const { identity } = grant;
    const row = rowOf(hold, 'released');
    await settle(hold, { ...row, status: 'exact', ...(identity && { identity }) }, ports);
  } catch (error) {
    if (!STILL_ANSWERED.includes(toGatewayError(error).code)) throw error;
  }
}

/** True if the person has a `requests:` limit of their own. A caller without a person costs no read. */
async function hasOwnLimit(grant: Grant, { wallets, clock }: SettlePorts): Promise<boolean> {
  if (grant.identity === undefined) return false;
  const person = (await wallets.find(walletIdOf(grant)))?.person;
  return limitsOf(withPerson(grant, person, clock.nowMs())).some(({ unit }) => unit === 'requests');
}

/** A grant with the `requests:` limits alone. */
function withoutMoney({ token, ...grant }: Grant): Grant {
  const limits = grant.limits.filter(({ unit }) => unit === 'requests');
  if (token === undefined) return { ...grant, limits };
  const { spendingLimitNanoUsd: _limit, ...rest } = token;
  return { ...grant, limits, token: rest };
}
