/**
 * The payer of a request: one wallet each, and the limits that bind it. Flow: identity > policy > **reserve**.
 * Invariant: the payer is the user if there is one, else the token, else the key. Rates of the whole key (a minute, an
 * hour) are counted in the key's own wallet, beside the payer's.
 */
import type { Grant, Identity, TokenGrant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import { asWalletId, type KeyId, shortDigest, type TokenId, type WalletId } from '../base/ids.ts';
import {
  type CounterKind,
  DAY_MS,
  isShortWindow,
  LIMIT_WINDOWS,
  type Limit,
  type LimitPer,
} from '../base/limits.ts';
import type { Person } from './person.ts';

/** The part of a grant that names the payer. */
export type Payer = Pick<Grant, 'account' | 'keyId' | 'identity'> & {
  readonly token?: Pick<TokenGrant, 'id'>;
};

/** The wallet of a grant's payer. All personal keys of one user share one wallet. */
export function walletIdOf({ account, keyId, identity, token }: Payer): WalletId {
  if (identity !== undefined) {
    return userWalletIn(identity.source === 'personal' ? personalBookOf(account) : keyId, identity);
  }
  return token === undefined ? keyWalletIdOf(keyId) : asWalletId(`${keyId}#t${token.id}`);
}

const userWalletIn = (book: string, { source, issuer, id }: Identity): WalletId =>
  asWalletId(`${book}#u${shortDigest(source, issuer, id)}`);

/** The book of all personal keys of an account. It is longer than a key's id, so it is no key's. */
export const personalBookOf = (account: string): string => `p${shortDigest(account)}`;

/**
 * The wallets in which a grant's user paid in the version before: under the name as it was sent, and for a personal key
 * in wallets of that key alone. Each is moved into the user's wallet once.
 */
export function formerWalletIdsOf({
  keyId,
  identity,
  formerUser,
}: Pick<Grant, 'keyId' | 'identity' | 'formerUser'>): readonly WalletId[] {
  if (identity === undefined) return [];
  const former = formerUser === undefined ? [] : [{ ...identity, id: formerUser }];
  if (identity.source !== 'personal') return former.map((each) => userWalletIn(keyId, each));
  return [...[...former, identity].map((each) => userWalletIn(keyId, each)), keyWalletIdOf(keyId)];
}

/** The book that a wallet is listed in, by the first part of its id: a key's, or that of all personal keys. */
export const bookOf = (walletId: WalletId): string => walletId.slice(0, walletId.indexOf('#'));

/** The wallet of a key itself: a plain key pays from it, and its rates count everyone. */
export const keyWalletIdOf = (keyId: KeyId): WalletId => asWalletId(`${keyId}#k`);

/** The part of a grant from which its limits follow. */
type LimitedGrant = Pick<Grant, 'limits' | 'identity' | 'token'>;

/**
 * The limits that must pass, in the order in which a refusal names them: token, user, key, and within each the
 * one that resets last. A plain key without identity is bound by `key:` limits only.
 */
export function limitsOf(grant: LimitedGrant): readonly Limit[] {
  const applied: Limit[] = [];
  for (const { per, unit, window, amount } of grant.limits) {
    if (per === 'token' && grant.token !== undefined) applied.push({ per, unit, window, amount });
    if (per === 'user' && hasOwnWallet(grant)) applied.push({ per, unit, window, amount });
    if (per === 'key') applied.push({ per, unit, window, amount });
  }
  const own = grant.token?.spendingLimitNanoUsd;
  if (own !== undefined) applied.push({ per: 'token', unit: 'usd', window: 'total', amount: own });
  return smallestOfEach(applied).sort(byPrecedence);
}

/**
 * A grant whose `user` limits are those in force for one person: their own before their tier's or key's of the same unit
 * and window, and their credit on top of the `user:usd:total` limit. A plain key has no person.
 */
export function withPerson<T extends LimitedGrant>(
  grant: T,
  person: Person | undefined,
  nowMs: number,
): T {
  if (person === undefined || !hasOwnWallet(grant)) return grant;
  const own = person.limits.filter(({ untilMs }) => untilMs === undefined || nowMs < untilMs);
  const isReplaced = (limit: Limit): boolean => own.some((each) => nameOf(each) === nameOf(limit));
  const limits = [
    ...grant.limits.filter((limit) => !isReplaced(limit)),
    ...own.map(({ per, unit, window, amount }) => ({ per, unit, window, amount })),
  ];
  return { ...grant, limits: limits.map((limit) => withCredit(limit, person.creditNanoUsd)) };
}

function withCredit(limit: Limit, credit: bigint): Limit {
  if (nameOf(limit) !== PREPAID) return limit;
  const amount = limit.amount + credit;
  return { ...limit, amount: amount > 0n ? amount : 0n };
}

/** The limit that credit adds to. */
const PREPAID = 'user:usd:total';

const hasOwnWallet = (grant: Pick<Grant, 'identity' | 'token'>): boolean =>
  grant.identity !== undefined || grant.token !== undefined;

const nameOf = ({ per, unit, window }: CounterKind): string => `${per}:${unit}:${window}`;

function smallestOfEach(limits: readonly Limit[]): Limit[] {
  const smallest = new Map<string, Limit>();
  for (const limit of limits) {
    const other = smallest.get(nameOf(limit));
    if (other === undefined || limit.amount < other.amount) smallest.set(nameOf(limit), limit);
  }
  return [...smallest.values()];
}

const PRECEDENCE: readonly LimitPer[] = ['token', 'user', 'key'];

const byPrecedence = (a: Limit, b: Limit): number =>
  PRECEDENCE.indexOf(a.per) - PRECEDENCE.indexOf(b.per) ||
  LIMIT_WINDOWS.indexOf(b.window) - LIMIT_WINDOWS.indexOf(a.window);

/** True for a rate of the whole key, which is counted in the key's wallet. */
export const isKeyRate = ({ per, window }: CounterKind): boolean =>
  per === 'key' && isShortWindow(window);

/** The counters of a request in the key's wallet, when that is not the payer's own. */
export function keyCountersOf(grant: Grant, limits: readonly Limit[]): readonly CounterKind[] {
  if (!hasOwnWallet(grant)) return [];
  return limits.filter(isKeyRate).map(({ per, unit, window }) => ({ per, unit, window }));
}

/**
 * The counters of a request in the payer's wallet: one for every limit that applies there, and always the dollars of
 * the whole life of the payer and of the token, so that a limit set later and `GET /v1/key` know what was spent.
 */
export function countersOf(grant: Grant, limits: readonly Limit[]): readonly CounterKind[] {
  const kinds = new Map<string, CounterKind>();
  const always: CounterKind[] = [{ per: 'user', unit: 'usd', window: 'total' }];
  if (grant.token !== undefined) always.push({ per: 'token', unit: 'usd', window: 'total' });
  const isHere = (limit: CounterKind): boolean => !hasOwnWallet(grant) || !isKeyRate(limit);
  for (const { per, unit, window } of [...always, ...limits.filter(isHere)]) {
    kinds.set(nameOf({ per, unit, window }), { per, unit, window });
  }
  return [...kinds.values()];
}

/**
 * True for a payer without a USD limit of its own, other than the key itself: it holds at most a share of the key's USD
 * budget at once.
 */
export const sharesBudget = (grant: Grant, limits: readonly Limit[]): boolean =>
  hasOwnWallet(grant) && !limits.some(({ per, unit }) => per !== 'key' && unit === 'usd');

/** True if a USD limit applies: then the price must be known and every field of the request bounded. */
export const isCapped = (limits: readonly Limit[]): boolean =>
  limits.some((limit) => limit.unit === 'usd');

/** The wallet that pays for a scoped token of a key, from the token's claims. */
export function walletIdOfToken(
  keyId: KeyId,
  { id, user }: { readonly id: TokenId; readonly user?: string | undefined },
): WalletId {
  const identity = claimantOfToken(user)?.identity;
  return identity === undefined ? asWalletId(`${keyId}#t${id}`) : userWalletIn(keyId, identity);
}

/**
 * Twice the longest life of a token from now, on a whole day. By then every token that shares its counters has
 * expired.
 */
export const keepTokenUntilMs = (nowMs: number, maxTokenLifetimeSeconds: number): number =>
  Math.ceil((nowMs + 2000 * maxTokenLifetimeSeconds) / DAY_MS) * DAY_MS;
