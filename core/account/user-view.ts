/**
 * An owner's view of one user. Flow: wallet and note > **user** > answer.
 */
import type { Identity } from '../access/grant.ts';
import type { WalletId } from '../base/ids.ts';
import { asNanoUsd, usdFromNano } from '../base/money.ts';
import type { LimitState } from '../wallet/hold.ts';
import { percentOf } from '../wallet/hold.ts';
import { limitsOf, withPerson } from '../wallet/payer.ts';
import type { PersonNote } from '../wallet/person.ts';
import type { Wallet } from '../wallet/ports.ts';
import { limitStatesOf } from '../wallet/wallet.ts';
import { spentOf, toLimitInfo } from './key-info.ts';
import type { OwnedUsers } from './owned-users.ts';
import { userIdOf } from './user-id.ts';
import type { Nearest, UserLimit, UserView } from './views.ts';

/** A user's wallet and note; absent: they have none yet. */
export interface UserItems {
  readonly walletId: WalletId;
  readonly wallet: Wallet | undefined;
  readonly note: PersonNote | undefined;
}

/** Any user: only limits are read for it. */
const ANYONE: Identity = { source: 'token', issuer: '', id: 'anyone' };

/** Returns the limits of one user: their own, else the key's. The claims of a JWT, and so its tier, are not known here. */
const limitsOfUser = ({ limits }: Limited, wallet: Wallet | undefined, nowMs: number) =>
  limitsOf(withPerson({ limits, identity: ANYONE }, wallet?.person, nowMs)).filter(
    ({ per }) => per === 'user',
  );

type Limited = Pick<OwnedUsers, 'limits'>;

/** Describes a user of the key. */
export function viewUser(items: UserItems, owned: Limited, nowMs: number): UserView {
  const { walletId, wallet, note } = items;
  const states = limitStatesOf(wallet, limitsOfUser(owned, wallet, nowMs), { atMs: nowMs });
  const spent = spentOf(wallet, undefined, nowMs);
  const id = userIdOf(walletId, note);
  return {
    id,
    user: note?.name ?? id,
    email: note?.email ?? emailIn(note),
    source: note?.source?.replace(/:.*$/su, '') ?? null,
    usage_usd: usdFromNano(spent.settled),
    reserved_usd: usdFromNano(spent.reserved),
    limits: states.map((state) => toUserLimit(state, wallet, nowMs)),
    nearest: nearestOf(states),
    last_seen: wallet?.seenDay ?? null,
    minutes_refused: note?.minutesRefused ?? 0,
    blocked: wallet?.person?.isBlocked ? (note?.reason ?? '') : null,
    note: note?.note ?? null,
    credit_usd: usdFromNano(asNanoUsd(wallet?.person?.creditNanoUsd ?? 0n)),
  };
}

/** The name itself, where it has the form of an address and its owner vouches for it. */
const emailIn = (note: PersonNote | undefined): string | null =>
  note?.name !== undefined &&
  !note.source?.startsWith('jwt:') &&
  /^[^@\s]+@[^@\s]+$/.test(note.name)
    ? note.name
    : null;

function toUserLimit(state: LimitState, wallet: Wallet | undefined, nowMs: number): UserLimit {
  const { unit, window } = state.limit;
  const own = wallet?.person?.limits.find(
    (each) =>
      each.unit === unit &&
      each.window === window &&
      (each.untilMs === undefined || nowMs < each.untilMs),
  );
  const until = own?.untilMs === undefined ? null : new Date(own.untilMs).toISOString();
  return { ...toLimitInfo(state), own: own !== undefined, until };
}

/** The limit of which the largest part is used. A limit of zero is used up. */
function nearestOf(states: readonly LimitState[]): Nearest | null {
  let nearest: Nearest | null = null;
  for (const { limit, used } of states) {
    const percent = percentOf(used, limit.amount);
    if (nearest !== null && nearest.percent >= percent) continue;
    nearest = { per: limit.per, unit: limit.unit, window: limit.window, percent };
  }
  return nearest;
}
