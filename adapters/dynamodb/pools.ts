import type { Draw, Move, Pools, Recall } from '../../core/wallet/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { transact } from './transact.ts';
import {
  adds,
  attribute,
  type Condition,
  condition,
  isAsSeen,
  ONE,
  readItem,
  readItems,
  sets,
  subtracts,
  toInput,
  type Update,
  updateItem,
} from './update.ts';
import { integerOf, toNumber, toText } from './values.ts';
import { findWalletIds } from './wallet-ids.ts';
import { DRAWS, parseWallet, SLICE, sliceAttributes } from './wallet-item.ts';
import { nothingIsInFlight, sliceHasEnough, walletHasNotMoved } from './wallet-writes.ts';

const { partitionKey: sliceKey } = TABLES.wallets.slicesIndex;
const DRAWN = 'drawn';

/** The pools of a table. Fails closed, and never repeats a write by itself. */
export function makePools(call: AwsCall, table: string): Pools {
  async function move(pool: Update, wallet: Update, { poolId, walletId }: Ends): Promise<Move> {
    const { failed, writeUnits } = await transact(call, [
      toInput(table, poolId, pool),
      toInput(table, walletId, wallet),
    ]);
    return { kind: kindOf(failed), writeUnits };
  }

  return {
    async findDrawn(poolId) {
      const pool = await readItem(call, table, poolId);
      return integerOf(pool?.[DRAWN]) ?? 0n;
    },

    draw: (draw) => move(toPoolDraw(draw), toWalletDraw(draw), draw),
    recall: (recall) => move(toPoolRecall(recall), toWalletRecall(recall), recall),

    findHolders: (keyId, after, pageSize) =>
      findWalletIds(
        call,
        { ...TABLES.wallets.slicesIndex, table },
        { value: keyId, after, pageSize },
      ),

    findAll: async (walletIds) => (await readItems(call, table, walletIds)).map(parseWallet),

    retire: (walletId, seenDraws, dropSlices) =>
      updateItem(call, table, walletId, toRetire(seenDraws, dropSlices)),
  };
}

type Ends = Pick<Draw, 'poolId' | 'walletId'>;

/** The wallet's reason takes precedence: if the wallet is not as it was seen, the pool's reason is of no use. */
const kindOf = (failed: readonly boolean[] | undefined): Move['kind'] =>
  failed === undefined ? 'moved' : failed[1] ? 'wallet-changed' : 'pool-refused';

/**
 * Draw. Invariant: a pool never gives more than its limit, and what it gave is what wallets received.
 * Defeats: a crash between two writes (pool and wallet change together or not at all); two wallets that both saw room
 * (`drawFitsTheLimit`); a draw that is sent twice or arrives late (`drawnInIsAsSeen`: `in` only grows), also after the
 * wallet was moved and has no `in` any more (`walletHasNotMoved`).
 */
const toPoolDraw = ({ amount, limit }: Draw): Update => ({
  set: [adds(DRAWN, toNumber(amount))],
  conditions: [limit === undefined ? undefined : drawFitsTheLimit(limit, amount)],
});

/**
 * Keeps `pool-to-the-last-unit`, `pool-counts-this-draw`. An absent `drawn` is zero and passes, because the core
 * never draws more than the limit.
 */
const drawFitsTheLimit = (limit: bigint, amount: bigint): Condition =>
  condition`NOT ${attribute(DRAWN)} > ${toNumber(limit - amount)}`;

/** `draws` counts every draw, so that a wallet leaves the index only if nothing was drawn since it was seen. */
const toWalletDraw = ({ walletId, name, amount, seenIn, limit }: Draw): Update => ({
  set: [
    sets(SLICE.in + name, toNumber(seenIn + amount)),
    adds(SLICE.left + name, toNumber(amount)),
    adds(DRAWS, ONE),
    sets(sliceKey, toText(keyOf(walletId))),
    limit === undefined ? undefined : sets(SLICE.cap + name, toNumber(limit)),
  ],
  conditions: [drawnInIsAsSeen(name, seenIn), walletHasNotMoved()],
});

const keyOf = (walletId: string): string => walletId.slice(0, walletId.indexOf('#'));

/** Keeps `draw-once`, `first-draw-once`. */
const drawnInIsAsSeen = (name: string, seenIn: bigint): Condition =>
  isAsSeen(SLICE.in + name, seenIn === 0n ? undefined : toNumber(seenIn));

/**
 * Recall. Invariant: only what is left is recalled, and once.
 * Defeats: a reserve that spends the slice between the look and this write (`sliceHasEnough`); a recall that is sent
 * twice or arrives late (`recalledOutIsAsSeen`: `out` only grows).
 */
const toWalletRecall = ({ name, amount, seenOut }: Recall): Update => ({
  set: [
    sets(SLICE.out + name, toNumber(seenOut + amount)),
    subtracts(SLICE.left + name, toNumber(amount)),
  ],
  conditions: [recalledOutIsAsSeen(name, seenOut), sliceHasEnough({ name, take: amount })],
});

/** Keeps `recall-once`. */
const recalledOutIsAsSeen = (name: string, seenOut: bigint): Condition =>
  isAsSeen(SLICE.out + name, seenOut === 0n ? undefined : toNumber(seenOut));

/** Invariant: a pool never falls below zero. Defeats: a recall of money that this pool never gave. */
const toPoolRecall = ({ amount }: Recall): Update => ({
  set: [subtracts(DRAWN, toNumber(amount))],
  conditions: [poolHasGiven(amount)],
});

/** Keeps `pool-never-negative`. */
const poolHasGiven = (amount: bigint): Condition =>
  condition`${attribute(DRAWN)} >= ${toNumber(amount)}`;

/**
 * Takes a wallet out of the index. Invariant: a wallet that has something left of a slice is in the index.
 * Defeats, between the look and this write: a settle that gives back to a slice (it ends a request in flight, and
 * nothing was in flight: `nothingIsInFlight`); a draw into it (`nothingWasDrawnSince`).
 */
const toRetire = (seenDraws: number, dropSlices: readonly string[]): Update => ({
  remove: [sliceKey, ...dropSlices.flatMap(sliceAttributes)],
  conditions: [nothingIsInFlight(), nothingWasDrawnSince(seenDraws)],
});

/** Keeps `draws-counted`. */
const nothingWasDrawnSince = (seenDraws: number): Condition =>
  condition`${attribute(DRAWS)} = ${toNumber(seenDraws)}`;
