/**
 * The wallet of a credential, for routes that reserve nothing. Flow: Grant > **wallet** > answer.
 * Invariant: a revoked token finds no wallet.
 */
import type { Grant, TokenGrant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import { GatewayError } from '../base/errors.ts';
import type { KeyId, TokenId } from '../base/ids.ts';
import { ZERO_USD } from '../base/money.ts';
import { formerWalletIdOf, walletIdOf, walletIdOfToken } from '../wallet/payer.ts';
import type { Wallet, Wallets } from '../wallet/ports.ts';
import { findWithTokens } from '../wallet/spills.ts';
import { decideRefusal } from '../wallet/wallet.ts';

type FoundWallets = Pick<Wallets, 'find' | 'findSpilled'>;

/**
 * Reads the wallet of a credential and refuses a revoked one. Every route that reserves nothing calls it first.
 * @throws token_revoked, service_unavailable
 */
export async function findLiveWallet(
  grant: Grant,
  wallets: FoundWallets,
): Promise<Wallet | undefined> {
  const tokenIds = grant.token === undefined ? [] : [grant.token.id];
  const current = await findWithTokens(wallets, walletIdOf(grant), tokenIds);
  const formerId = formerWalletIdOf(grant);
  const former = formerId && (await findWithTokens(wallets, formerId, tokenIds));
  const wallet = joinWallets(current, former);
  if (grant.token !== undefined && isRevoked(grant.token, wallet)) {
    throw new GatewayError('token_revoked');
  }
  return wallet;
}

/** Finds the wallet of a scoped token by its claims, with what its user spent under another spelling before. */
export async function findTokenWallet(
  keyId: KeyId,
  token: { readonly id: TokenId; readonly user?: string | undefined },
  wallets: FoundWallets,
): Promise<Wallet | undefined> {
  const current = await findWithTokens(wallets, walletIdOfToken(keyId, token), [token.id]);
  const claimant = claimantOfToken(token.user);
  const formerId = claimant && formerWalletIdOf({ keyId, ...claimant });
  const former = formerId && (await findWithTokens(wallets, formerId, [token.id]));
  return joinWallets(current, former);
}

/** Returns two wallets of one person as one, for a look before the next request moves the former one. */
function joinWallets(current: Wallet | undefined, former: Wallet | undefined): Wallet | undefined {
  if (current === undefined || former === undefined) return current ?? former;
  if (former.movedTo !== undefined) return current;
  const counters = new Map(current.counters);
  for (const [name, sum] of former.counters) counters.set(name, (counters.get(name) ?? 0n) + sum);
  const notBeforeMs = Math.max(current.notBeforeMs ?? 0, former.notBeforeMs ?? 0);
  return {
    ...current,
    counters,
    holds: new Map([...current.holds, ...former.holds]),
    revokedTokens: new Set([...current.revokedTokens, ...former.revokedTokens]),
    ...(notBeforeMs > 0 && { notBeforeMs }),
  };
}

/** Returns true if a wallet has a token marked as revoked, by its id or by its age. */
export const isRevoked = (
  { id, issuedAtMs }: Pick<TokenGrant, 'id' | 'issuedAtMs'>,
  wallet: Wallet | undefined,
): boolean => {
  const admission = { inFlightMax: Number.POSITIVE_INFINITY, tokenId: id, issuedAtMs };
  return decideRefusal(wallet, [], NOTHING, admission)?.cause === 'revoked';
};

const NOTHING = { usd: ZERO_USD, tokens: 0n };
