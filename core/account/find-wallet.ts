/**
 * The wallet of a credential, for routes that reserve nothing. Flow: Grant > **wallet** > answer.
 * Invariant: a revoked token finds no wallet.
 */
import type { Grant, TokenGrant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import { GatewayError } from '../base/errors.ts';
import type { KeyId, TokenId, WalletId } from '../base/ids.ts';
import { ZERO_USD } from '../base/money.ts';
import { viewTogether } from '../wallet/move-wallet.ts';
import { formerWalletIdsOf, walletIdOf, walletIdOfToken } from '../wallet/payer.ts';
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
  const ids = { walletId: walletIdOf(grant), formerIds: formerWalletIdsOf(grant), tokenIds };
  const wallet = await findTogether(ids, wallets);
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
  const formerIds = formerWalletIdsOfToken(keyId, token.user);
  const walletId = walletIdOfToken(keyId, token);
  return findTogether({ walletId, formerIds, tokenIds: [token.id] }, wallets);
}

/** Returns the wallets that the user of a token had in the version before. */
export function formerWalletIdsOfToken(
  keyId: KeyId,
  user: string | undefined,
): readonly WalletId[] {
  const claimant = claimantOfToken(user);
  return claimant === undefined ? [] : formerWalletIdsOf({ keyId, ...claimant });
}

interface TogetherAsk {
  readonly walletId: WalletId;
  readonly formerIds: readonly WalletId[];
  readonly tokenIds: readonly TokenId[];
}

/** Finds a payer's wallet, with what is still in the wallets of the version before. */
async function findTogether(
  { walletId, formerIds, tokenIds }: TogetherAsk,
  wallets: FoundWallets,
): Promise<Wallet | undefined> {
  const find = (id: WalletId) => findWithTokens(wallets, id, tokenIds);
  const [current, ...formers] = await Promise.all([walletId, ...formerIds].map(find));
  const found = formers.filter((each) => each !== undefined);
  return viewTogether(current, found, walletId);
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
