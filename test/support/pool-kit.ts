import { asPoolId, asRequestId, asWalletId, type WalletId } from '../../core/base/ids.ts';
import type { Draw, Recall, Slice, Wallets } from '../../core/wallet/ports.ts';
import { makeHold } from './wallet-fixtures.ts';

const MONTH = 'usd:month:2026-11';

export type PoolKit = ReturnType<typeof makePoolKit>;

/** Short forms of the calls that the contract of pools makes. */
export function makePoolKit(wallets: () => Wallets) {
  let count = 0;
  /** Each test has a pool and wallets of its own. */
  const makeDraw = (overrides: Partial<Draw> = {}): Draw => {
    count += 1;
    return {
      poolId: asPoolId(`pool#k#${count}`),
      walletId: asWalletId(`k#p${count}`),
      name: MONTH,
      amount: 10n,
      seenIn: 0n,
      limit: 100n,
      ...overrides,
    };
  };
  const recallOf = ({ poolId, walletId }: Draw, overrides: Partial<Recall> = {}): Recall => ({
    poolId,
    walletId,
    name: MONTH,
    amount: 10n,
    seenOut: 0n,
    ...overrides,
  });
  const sliceOf = async (walletId: WalletId): Promise<Slice | undefined> =>
    (await wallets().find(walletId))?.slices.get(MONTH);
  const holdIn = (walletId: WalletId, request = 'r1') =>
    makeHold({ walletId, requestId: asRequestId(request) });
  const take = (walletId: WalletId, amount: bigint, limit = 100n, request = 'r1') =>
    wallets().reserve({
      hold: holdIn(walletId, request),
      counters: [],
      slices: [{ name: MONTH, take: amount, limit }],
      inFlightMax: 128,
    });
  const settle = (walletId: WalletId, back: bigint, dropSlices: string[] = []) =>
    wallets().settle({
      hold: holdIn(walletId),
      counters: [],
      slices: back === 0n ? [] : [{ name: MONTH, back }],
      drop: [],
      dropSlices,
      dropTokens: [],
    });

  return { wallets, makeDraw, recallOf, sliceOf, holdIn, take, settle };
}
