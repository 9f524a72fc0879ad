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
import type { Wallet, WalletMove, Wallets } from './ports.ts';
import { spillAll } from './spills.ts';

/** `busy`: something is in flight, or others are in the way; try again in a second. */
export type MoveOutcome = 'done' | 'busy';

export interface MoveWalletPorts {
  readonly wallets: Pick<Wallets, 'find' | 'lastSeen' | 'spill' | 'moveWallet'>;
  readonly random: Random;
}

const TRIES_MAX = 3;

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
  if (wallets.lastSeen(from)?.movedTo !== undefined) return 'done';
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
    slices: bookOf(from.id) === bookOf(to) ? from.slices : new Map(),
  };
}

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
