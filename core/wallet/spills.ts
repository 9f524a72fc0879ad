/**
 * Spills: tokens that leave their wallet for items of their own, so that a wallet stays small however many tokens its
 * user has. Flow: policy > **reserve** > forward > meter > **settle**.
 * Invariant: a token is counted in one place: by its wallet if that has its mark, else by its own item. A reserve of a
 * token that the wallet does not count passes only if no token has left since the token's own item was looked for.
 */
import type { TokenId, WalletId } from '../base/ids.ts';
import { parseCounterName } from './counter-name.ts';
import { ITEM_BYTES_MAX, isTooLargeToRemember } from './memory.ts';
import type { Wallet, Wallets } from './ports.ts';
import type { Spill, Spills, TokenMove, TokenPart } from './spill-port.ts';

/** Tokens that a wallet keeps: those used last. */
const TOKENS_KEPT_MAX = 8;

/** Tokens that leave together. One settle pays one unit for each, and one for the wallet. */
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
 * The tokens that leave a wallet with too many, or whose item grew too large without anything else to drop: as many as
 * are too many, those with the earliest marks, and none that holds anything. So each first request of a token pays alike.
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
    .slice(0, Math.min(Math.max(count - TOKENS_KEPT_MAX, 1), SPILLED_MAX));
}

/**
 * Moves tokens out of a wallet that has too many. Never throws: the next settle goes on.
 * @returns the write units it took
 */
export async function spillTokens(
  wallet: Wallet | undefined,
  inUse: TokenId | undefined,
  spills: Pick<Spills, 'copyToken' | 'spill'>,
): Promise<number> {
  const tokens = wallet === undefined ? [] : tokensToSpill(wallet, inUse);
  if (wallet === undefined || tokens.length === 0) return 0;
  try {
    const seen = { walletId: wallet.id, seenSpills: wallet.spills, tokens };
    const { writeUnits } = await copyAndSpill(seen, spills);
    return writeUnits;
  } catch {
    return 0; // Moved or not, each token is counted in one place.
  }
}

/**
 * Copies tokens, then takes them out of the wallet. A token that has a copy for this number already, because another
 * function was faster or died, stays; the number is used up all the same, so that the next settle can take it out.
 */
export async function copyAndSpill(
  { walletId, seenSpills, tokens }: Spill,
  { copyToken, spill }: Pick<Spills, 'copyToken' | 'spill'>,
): Promise<TokenMove> {
  const number = (seenSpills ?? 0) + 1;
  const copies = await Promise.all(tokens.map((token) => copyToken(walletId, token, number)));
  const copied = tokens.filter((_, index) => copies[index]?.moved);
  const { moved, writeUnits } = await spill({ walletId, seenSpills, tokens: copied });
  const copyUnits = copies.reduce((sum, each) => sum + each.writeUnits, 0);
  return { moved, writeUnits: writeUnits + copyUnits };
}

/** Batches of tokens that one try of a move takes out. */
const BATCHES_MAX = 4;

/** Takes tokens out of a wallet that is to be moved: all of them, or the first batches of many. */
export async function spillAll(
  wallet: Wallet,
  wallets: Pick<Spills, 'copyToken' | 'spill'>,
): Promise<void> {
  const { id, spills = 0 } = wallet;
  const parts = tokenPartsOf(wallet);
  for (let batch = 0; batch < BATCHES_MAX && batch * SPILLED_MAX < parts.length; batch += 1) {
    const tokens = parts.slice(batch * SPILLED_MAX, (batch + 1) * SPILLED_MAX);
    const seenSpills = spills + batch === 0 ? undefined : spills + batch;
    if (!(await copyAndSpill({ walletId: id, seenSpills, tokens }, wallets)).moved) return;
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
  const wallet = await wallets.find(walletId);
  if (wallet === undefined) return undefined;
  // The wallet's own counters take precedence over a token's copy: it may have come back or left between the reads.
  const inside = tokenIds.flatMap((id) => partOf(before, id) ?? []);
  const parts = [...found.filter((part) => part !== undefined), ...inside];
  return parts.reverse().reduce(withToken, wallet);
}

const partOf = (wallet: Wallet, tokenId: TokenId): TokenPart | undefined =>
  tokenPartsOf(wallet).find((part) => part.tokenId === tokenId);

/** The wallet with what it does not count itself of a token. */
const withToken = (
  wallet: Wallet,
  { tokenId, keepUntilMs, isRevoked, counters }: TokenPart,
): Wallet => ({
  ...wallet,
  counters: new Map([...counters, ...wallet.counters]),
  tokenKeepUntilMs: new Map([[tokenId, keepUntilMs], ...wallet.tokenKeepUntilMs]),
  revokedTokens: new Set([...wallet.revokedTokens, ...(isRevoked ? [tokenId] : [])]),
});
