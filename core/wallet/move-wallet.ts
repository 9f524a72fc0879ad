/**
 * Moves a wallet: joins what one person spent under another spelling, or another personal key, to their one wallet.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: no limit, revocation or block is worth more afterwards. Counters are added, the later `notBefore` and any
 * block hold, and tokens are found where they are.
 */
import type { WalletId } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { bookOf } from './payer.ts';
import { makeRev, type Person } from './person.ts';
import type { LastSeen, Wallet, WalletMove, Wallets } from './ports.ts';
import { takenOf } from './slices.ts';
import { spillAll } from './spills.ts';

/** `busy`: something is in flight, or others are in the way; try again in a second. */
export type MoveOutcome = 'done' | 'busy';

export interface MoveWalletPorts {
  readonly wallets: Pick<Wallets, 'find' | 'lastSeen' | 'copyToken' | 'spill' | 'moveWallet'>;
  readonly random: Random;
}

const TRIES_MAX = 3;

/**
 * Moves the wallets of the version before into the one of the same person, one after the other. Wallets that this
 * process has seen moved or missing are not read again.
 * @throws service_unavailable
 */
export async function moveFormer(
  formerIds: readonly WalletId[],
  to: WalletId,
  ports: MoveWalletPorts,
): Promise<MoveOutcome> {
  const { wallets } = ports;
  const unknown = formerIds.filter((id) => !isKnownGone(wallets.lastSeen(id)));
  const found = await Promise.all(unknown.map((id) => wallets.find(id)));
  for (const old of found) {
    if (old === undefined || old.movedTo !== undefined) continue;
    if ((await moveWallet(old.id, to, ports)) === 'busy') return 'busy';
  }
  return 'done';
}

const isKnownGone = (seen: LastSeen | undefined): boolean =>
  seen?.movedTo !== undefined || seen?.isMissing === true;

/**
 * Moves a wallet that is there and was not moved yet. Its tokens leave it first, and are returned to the other wallet
 * when they are used.
 * @throws service_unavailable
 */
export async function moveWallet(
  from: WalletId,
  to: WalletId,
  { wallets, random }: MoveWalletPorts,
): Promise<MoveOutcome> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const old = await wallets.find(from);
    if (old === undefined || old.movedTo !== undefined) return 'done';
    if (old.inFlight > 0) return 'busy';
    if (old.tokenKeepUntilMs.size > 0) await spillAll(old, wallets);
    else {
      const move = moveOf(old, { to, wallet: await wallets.find(to) }, random);
      if (await wallets.moveWallet(move)) return 'done';
    }
  }
  return 'busy';
}

function moveOf(
  from: Wallet,
  { to, wallet }: { readonly to: WalletId; readonly wallet: Wallet | undefined },
  random: Random,
): WalletMove {
  const { person, spills, notBeforeMs } = wallet ?? {};
  const seen = { ...(person && { person }), ...optional({ spills, notBeforeMs }) };
  const joinedPerson = joinPersons(from.person, person, random);
  return {
    from,
    to,
    seen,
    joined: {
      ...(joinedPerson && { person: joinedPerson }),
      ...optional({
        spills: sumOf(from.spills, spills),
        notBeforeMs: largerOf(from.notBeforeMs, notBeforeMs),
      }),
    },
    counters: broughtBy(from, to),
    slices: bookOf(from.id) === bookOf(to) ? from.slices : new Map(),
  };
}

/**
 * Returns the counters that a wallet brings into another one. A personal key's wallet leaves the book of its key, and
 * with it that key's budgets: what it took of them becomes what its user spent.
 */
export const broughtBy = (from: Wallet, to: WalletId): ReadonlyMap<string, bigint> =>
  bookOf(from.id) === bookOf(to)
    ? from.counters
    : joinBudgets(
        from.counters,
        [...from.slices].map(([name, slice]) => [name, takenOf(slice)] as const),
      );

/**
 * Returns counters with the sums taken of a key's budgets. A limit of the user and one of the key counted the same
 * requests, so the larger sum holds.
 */
export function joinBudgets(
  counters: ReadonlyMap<string, bigint>,
  taken: Iterable<readonly [name: string, sum: bigint]>,
): ReadonlyMap<string, bigint> {
  const joined = new Map(counters);
  for (const [name, sum] of taken) {
    const counted = joined.get(name) ?? 0n;
    joined.set(name, sum > counted ? sum : counted);
  }
  return joined;
}

/** Returns a person's wallet with those that are not moved yet, for a look before their next request moves them. */
export function viewTogether(
  current: Wallet | undefined,
  formers: readonly Wallet[],
  id: WalletId,
): Wallet | undefined {
  return formers
    .filter(({ movedTo }) => movedTo === undefined)
    .reduce((sum: Wallet | undefined, former) => joinView(sum, former, id), current);
}

function joinView(current: Wallet | undefined, former: Wallet, id: WalletId): Wallet {
  const counters = new Map(current?.counters);
  for (const [name, sum] of broughtBy(former, id)) add(counters, name, sum);
  const notBeforeMs = largerOf(former.notBeforeMs, current?.notBeforeMs) ?? current?.notBeforeMs;
  return {
    ...(current ?? former),
    id,
    counters,
    holds: new Map([...(current?.holds ?? []), ...former.holds]),
    revokedTokens: new Set([...(current?.revokedTokens ?? []), ...former.revokedTokens]),
    ...(notBeforeMs !== undefined && { notBeforeMs }),
  };
}

const add = (counters: Map<string, bigint>, name: string, sum: bigint): void => {
  counters.set(name, (counters.get(name) ?? 0n) + sum);
};

/** The other wallet's own limits come first; credit adds up, and a block of either holds. */
function joinPersons(
  from: Person | undefined,
  to: Person | undefined,
  random: Random,
): Person | undefined {
  if (from === undefined) return to;
  return {
    rev: makeRev(random),
    limits: to === undefined || to.limits.length === 0 ? from.limits : to.limits,
    creditNanoUsd: from.creditNanoUsd + (to?.creditNanoUsd ?? 0n),
    isBlocked: from.isBlocked || to?.isBlocked === true,
  };
}

/** A sum grows whenever a part does, so a reserve that looked for a token before the move is refused after it. */
const sumOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : a + (b ?? 0);

const largerOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : Math.max(a, b ?? a);

const optional = ({
  spills,
  notBeforeMs,
}: Partial<Record<'spills' | 'notBeforeMs', number | undefined>>) => ({
  ...(spills === undefined ? {} : { spills }),
  ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
});
