/** A budget of 1,000 nano-dollars a month for the whole key, and what tests read of it. */
import type { Grant } from '../../core/access/grant.ts';
import { asPoolId, asRequestId } from '../../core/base/ids.ts';
import type { Amounts } from '../../core/wallet/hold.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import type { Slice, Wallets } from '../../core/wallet/ports.ts';
import { reserve } from '../../core/wallet/reserve.ts';
import type { ReserveRequest } from '../../core/wallet/reserve-plan.ts';
import { type SettlePorts, settle } from '../../core/wallet/settle.ts';
import type { OpenHold } from '../../core/wallet/wallet.ts';
import { makeRow, usd, userGrant } from './wallet-fixtures.ts';

export const POOL = asPoolId('pool#k#usd:month:2026-11');
export const MONTH = 'usd:month:2026-11';
export const BUDGET = 'key:usd:month=0.000001';
export const LIMIT = 1_000n;

/** A user under this budget, unless other limits are given. */
export const budgetUser = (name: string, ...limits: readonly string[]): Grant =>
  userGrant(name, ...(limits.length === 0 ? [BUDGET] : limits));

/** Holds and pays under numbered request ids, on the ports of the moment. */
export function makePayer(ports: () => SettlePorts) {
  let count = 0;
  return {
    hold: async (
      grant: Grant,
      amounts: Amounts,
      more: Partial<ReserveRequest> = {},
    ): Promise<OpenHold> => {
      count += 1;
      const requestId = asRequestId(`r${count}`);
      const leaseEndsAtMs = ports().clock.nowMs() + 900_000;
      return (await reserve({ grant, requestId, amounts, leaseEndsAtMs, ...more }, ports())).hold;
    },
    pay: (open: OpenHold, cost: number, tokens = 0n) =>
      settle(open, makeRow(open, usd(cost, tokens)), ports()),
  };
}

/** The slice of a payer's wallet. */
export const findSlice = async (
  wallets: Wallets,
  grant: Grant,
  name = MONTH,
): Promise<Slice | undefined> => (await wallets.find(walletIdOf(grant)))?.slices.get(name);
