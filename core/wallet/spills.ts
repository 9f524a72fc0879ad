/**
 * Spills: tokens that leave their wallet for items of their own, so that a wallet stays small however many tokens its
 * user has. Flow: policy > **reserve** > forward > meter > **settle**.
 * Invariant: a token is counted in one place. A reserve of a token that the wallet does not count passes only if no token
 * has left since the token's own item was looked for.
 */
import type { TokenId, WalletId } from '../base/ids.ts';
import { parseCounterName } from './counter-name.ts';
import { ITEM_BYTES_MAX, isTooLargeToRemember } from './memory.ts';
import type { Spills, TokenPart, Wallet, Wallets } from './ports.ts';

/** Tokens that a wallet keeps: those used last. */
const TOKENS_KEPT_MAX = 8;

/** Tokens that leave together. A transaction costs two units an item, so this saves some of the wallet's. */
const SPILLED_MAX = 8;

/** Counters of one token that are moved; one with more stays. */
const COUNTERS_MAX = 18;

/** All that a wallet counts of each of its tokens. */
function tokenPartsOf(wallet: Wallet): readonly TokenPart[] {
  const counters = new Map<TokenId, Map<string, bigint>>();
  for (const [name, counted] of wallet.counters) {
    const tokenId = parseCounterName(name)?.tokenId;
    if (tokenId === undefined) continue;
    const own = counters.get(tokenId) ?? new Map();
    counters.set(tokenId, own.set(name, counted));
  }
  return [...wallet.tokenKeepUntilMs].map(([tokenId, keepUntilMs]) => ({
    tokenId,
    keepUntilMs,
    isRevoked: wallet.revokedTokens.has(tokenId),
    counters: counters.get(tokenId) ?? new Map(),
  }));
}

/**
 * The tokens that leave a wallet with too many, or whose item grew too large without anything else to drop: those with
 * the earliest marks, and none that holds anything.
 * @param inUse the token of the request that ended just now
 */
export function tokensToSpill(wallet: Wallet, inUse: TokenId | undefined): readonly TokenPart[] {
  const count = wallet.tokenKeepUntilMs.size;
  const isLarge = wallet.bytes > ITEM_BYTES_MAX && !isTooLargeToRemember(wallet);
  if (count <= TOKENS_KEPT_MAX && !(isLarge && count > 1)) return [];
  const held = new Set([inUse, ...[...wallet.holds.values()].map(({ tokenId }) => tokenId)]);
  return tokenPartsOf(wallet)
    .filter(({ tokenId, counters }) => !held.has(tokenId) && counters.size <= COUNTERS_MAX)
    .sort((a, b) => a.keepUntilMs - b.keepUntilMs)
    .slice(0, SPILLED_MAX);
}

/**
 * Moves tokens out of a wallet that has too many. Never throws: the next settle goes on.
 * @returns the write units it took
 */
export async function spillTokens(
  wallet: Wallet | undefined,
  inUse: TokenId | undefined,
  { spill }: Pick<Spills, 'spill'>,
): Promise<number> {
  const tokens = wallet === undefined ? [] : tokensToSpill(wallet, inUse);
  if (wallet === undefined || tokens.length === 0) return 0;
  try {
    const move = await spill({ walletId: wallet.id, seenSpills: wallet.spills, tokens });
    return move.writeUnits;
  } catch {
    return 0; // Moved or not, each token is counted in one place.
  }
}

/** Batches of tokens that one try of a move takes out. */
const BATCHES_MAX = 4;

/** Takes tokens out of a wallet that is to be moved: all of them, or the first batches of many. */
export async function spillAll(wallet: Wallet, { spill }: Pick<Spills, 'spill'>): Promise<void> {
  const { id, spills = 0 } = wallet;
  const parts = tokenPartsOf(wallet);
  for (let batch = 0; batch < BATCHES_MAX && batch * SPILLED_MAX < parts.length; batch += 1) {
    const tokens = parts.slice(batch * SPILLED_MAX, (batch + 1) * SPILLED_MAX);
    const seenSpills = spills + batch === 0 ? undefined : spills + batch;
    if (!(await spill({ walletId: id, seenSpills, tokens })).moved) return;
  }
}

/** True if a wallet refuses a token only because it may be in an item of its own. */
export const mayBeSpilled = (
  wallet: Wallet | undefined,
  tokenId: TokenId | undefined,
  seenSpills: number | undefined,
): boolean =>
  tokenId !== undefined &&
  wallet !== undefined &&
  !wallet.tokenKeepUntilMs.has(tokenId) &&
  wallet.spills !== seenSpills;

/**
 * Looks for a token's own item, and moves it back into the wallet. It is looked for after the wallet was seen, so if it
 * is not there, it can only come by a spill that the wallet's `spills` will show.
 * @param own.formerIds wallets of the same person that were moved into this one
 * @returns the write units it took
 * @throws service_unavailable
 */
export async function returnToken(
  walletId: WalletId,
  { tokenId, formerIds }: { readonly tokenId: TokenId; readonly formerIds: readonly WalletId[] },
  wallets: Pick<Spills, 'findSpilled' | 'unspill'>,
): Promise<number> {
  let writeUnits = 0;
  for (const from of [walletId, ...formerIds]) {
    const token = await wallets.findSpilled(from, tokenId);
    if (token === undefined) continue;
    writeUnits += (await wallets.unspill(walletId, token, from)).writeUnits;
  }
  return writeUnits;
}

/**
 * A wallet together with what tokens of it count elsewhere: for routes that only look.
 * @throws service_unavailable
 */
export async function findWithTokens(
  wallets: Pick<Wallets, 'find' | 'findSpilled'>,
  walletId: WalletId,
  tokenIds: readonly TokenId[],
): Promise<Wallet | undefined> {
  const before = await wallets.find(walletId);
  if (before?.spills === undefined || tokenIds.length === 0) return before;
  const found = await Promise.all(tokenIds.map((id) => wallets.findSpilled(walletId, id)));
  const parts = found.filter((part) => part !== undefined);
  const wallet = await wallets.find(walletId);
  // A token that came back between the looks is in the wallet already.
  const outside = parts.filter(
    ({ tokenId }) => before.tokenKeepUntilMs.has(tokenId) || !wallet?.tokenKeepUntilMs.has(tokenId),
  );
  return wallet && outside.reduce(withToken, wallet);
}

function withToken(
  wallet: Wallet,
  { tokenId, keepUntilMs, isRevoked, counters }: TokenPart,
): Wallet {
  const sums = new Map(wallet.counters);
  for (const [name, counted] of counters) sums.set(name, (sums.get(name) ?? 0n) + counted);
  return {
    ...wallet,
    counters: sums,
    tokenKeepUntilMs: new Map([...wallet.tokenKeepUntilMs, [tokenId, keepUntilMs]]),
    revokedTokens: new Set([...wallet.revokedTokens, ...(isRevoked ? [tokenId] : [])]),
  };
}
