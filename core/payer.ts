/**
 * Who pays: one wallet a payer, and the limits that bind it. Flow: identity > policy > **reserve**.
 * Invariant: the payer is the user if there is one, else the token, else the key.
 */
import type { Grant, TokenGrant } from './grant.ts';
import type { AppliedLimit } from './hold.ts';
import { asWalletId, shortDigest, type WalletId } from './ids.ts';
import { type CounterKind, LIMIT_WINDOWS } from './limits.ts';

/** What of a grant says who pays. */
export type Payer = Pick<Grant, 'keyId' | 'identity'> & { readonly token?: Pick<TokenGrant, 'id'> };

/** The wallet of a grant's payer. */
export function walletIdOf({ keyId, identity, token }: Payer): WalletId {
  if (identity !== undefined) {
    return asWalletId(`${keyId}#u${shortDigest(identity.source, identity.issuer, identity.id)}`);
  }
  return asWalletId(token === undefined ? `${keyId}#k` : `${keyId}#t${token.id}`);
}

/**
 * The limits that must pass, in the order in which a refusal names them: token before user, and within each the
 * one that resets last. A plain key without identity has none of these: only `key:` limits bind it.
 */
export function limitsOf(grant: Grant): readonly AppliedLimit[] {
  const applied: AppliedLimit[] = [];
  for (const { per, unit, window, amount } of grant.limits) {
    if (per === 'token' && grant.token !== undefined) applied.push({ per, unit, window, amount });
    if (per === 'user' && hasOwnWallet(grant)) applied.push({ per, unit, window, amount });
  }
  const own = grant.token?.spendingLimitNanoUsd;
  if (own !== undefined) applied.push({ per: 'token', unit: 'usd', window: 'total', amount: own });
  return smallestOfEach(applied).sort(byPrecedence);
}

const hasOwnWallet = (grant: Grant): boolean =>
  grant.identity !== undefined || grant.token !== undefined;

const nameOf = ({ per, unit, window }: CounterKind): string => `${per}:${unit}:${window}`;

function smallestOfEach(limits: readonly AppliedLimit[]): AppliedLimit[] {
  const smallest = new Map<string, AppliedLimit>();
  for (const limit of limits) {
    const other = smallest.get(nameOf(limit));
    if (other === undefined || limit.amount < other.amount) smallest.set(nameOf(limit), limit);
  }
  return [...smallest.values()];
}

const byPrecedence = (a: AppliedLimit, b: AppliedLimit): number =>
  a.per === b.per
    ? LIMIT_WINDOWS.indexOf(b.window) - LIMIT_WINDOWS.indexOf(a.window)
    : a.per === 'token'
      ? -1
      : 1;

/**
 * What a request is counted under: every limit that applies, and always the dollars of the payer's and of the
 * token's whole life, so that a limit set later and `GET /v1/key` know what was spent.
 */
export function countersOf(grant: Grant, limits: readonly AppliedLimit[]): readonly CounterKind[] {
  const kinds = new Map<string, CounterKind>();
  const always: CounterKind[] = [{ per: 'user', unit: 'usd', window: 'total' }];
  if (grant.token !== undefined) always.push({ per: 'token', unit: 'usd', window: 'total' });
  for (const { per, unit, window } of [...always, ...limits]) {
    kinds.set(nameOf({ per, unit, window }), { per, unit, window });
  }
  return [...kinds.values()];
}

/** Whether a USD limit applies: then prices must be known and every field of the request bounded. */
export const isCapped = (limits: readonly AppliedLimit[]): boolean =>
  limits.some((limit) => limit.unit === 'usd');
