/**
 * How far the limits of a whole key are used: what `GET /v1/key` tells who holds the key.
 * Invariant: what was drawn of a budget counts as used, and as reserved until it is spent.
 */
import type { Grant } from './access/grant.ts';
import type { KeyId } from './base/ids.ts';
import { windowAt } from './base/limit-text.ts';
import type { Wallet, Wallets } from './base/ports.ts';
import type { LimitState } from './wallet/hold.ts';
import { isKeyRate, keyWalletIdOf, limitsOf } from './wallet/payer.ts';
import { heldIn, isKeyBudget, poolIdOf, sliceName, sliceOf } from './wallet/slices.ts';
import { limitStatesOf } from './wallet/wallet.ts';

/** What is read of wallets. */
export type KeyWallets = Pick<Wallets, 'find' | 'findAll' | 'findDrawn' | 'findHolders'>;

/** Wallets read in one go, and goes: of more than 2,048 wallets, what lies idle in the rest is told as used. */
const PAGE_SIZE = 32;
const PAGES_MAX = 64;

/**
 * The state of a key's own limits, the one first that resets last.
 * @throws service_unavailable
 */
export async function keyLimitStates(
  grant: Grant,
  wallets: KeyWallets,
  atMs: number,
): Promise<readonly LimitState[]> {
  const limits = limitsOf(grant).filter(({ per }) => per === 'key');
  const budgets = limits.filter(isKeyBudget);
  const holders = budgets.length === 0 ? [] : await readHolders(grant.keyId, wallets);
  const states = budgets.map(async (budget): Promise<LimitState> => {
    const name = sliceName(budget, atMs);
    return {
      limit: budget,
      used: await wallets.findDrawn(poolIdOf(grant.keyId, name)),
      reserved: holders.reduce((sum, wallet) => sum + unspentIn(wallet, name), 0n),
      resetsAtMs: windowAt(budget.window, atMs).endsAtMs,
    };
  });
  const rates = limits.filter(isKeyRate);
  const keyWallet = rates.length === 0 ? undefined : await wallets.find(keyWalletIdOf(grant.keyId));
  return [...(await Promise.all(states)), ...limitStatesOf(keyWallet, rates, { atMs })];
}

/** What lies idle in a wallet, and what its requests in flight hold. */
function unspentIn(wallet: Wallet, name: string): bigint {
  const { left } = sliceOf(wallet, name);
  return heldIn(wallet, name) + (left > 0n ? left : 0n);
}

async function readHolders(keyId: KeyId, wallets: KeyWallets): Promise<readonly Wallet[]> {
  const holders: Wallet[] = [];
  let after = `${keyId}#`;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const ids = await wallets.findHolders(keyId, after, PAGE_SIZE);
    holders.push(...(await wallets.findAll(ids)));
    const last = ids.at(-1);
    if (ids.length < PAGE_SIZE || last === undefined) break;
    after = last;
  }
  return holders;
}
