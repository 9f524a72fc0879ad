/**
 * `GET /v1/key`: a credential about itself, in the shape of OpenRouter's route of that name.
 * https://openrouter.ai/docs/api-reference/api-keys/get-current-api-key
 */
import type { Grant, TokenGrant } from '../access/grant.ts';
import { isBareServerKey } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { KeyId } from '../base/ids.ts';
import type { LimitWindow } from '../base/limits.ts';
import { windowAt } from '../base/limits.ts';
import { asNanoUsd, type NanoUsd, usdFromNano, ZERO_USD } from '../base/money.ts';
import type { Clock } from '../base/ports.ts';
import { isAllowedModel } from '../models/policy.ts';
import type { LimitState } from '../wallet/hold.ts';
import { isKeyRate, keyWalletIdOf, limitsOf, walletIdOf } from '../wallet/payer.ts';
import type { Wallet, Wallets } from '../wallet/ports.ts';
import { toLimitFacts } from '../wallet/refusal.ts';
import { heldIn, isKeyBudget, poolIdOf, sliceName, sliceOf } from '../wallet/slices.ts';
import { decideRefusal, limitStatesOf } from '../wallet/wallet.ts';

/** OpenRouter's words, and the same manner for the windows it has not. */
const RESETS: Readonly<Record<LimitWindow, string | null>> = {
  minute: 'minutely',
  hour: 'hourly',
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
  total: null,
};

/**
 * What the credential is, what it has spent in its life, and the USD limit that will stop it first.
 * Amounts are dollars; `usage` is settled, `reserved` is held by requests in flight.
 * Limits of the whole key are told to whoever holds it.
 * @throws token_revoked, service_unavailable
 */
export async function describeKey(
  grant: Grant,
  { wallets, clock }: { readonly wallets: KeyWallets; readonly clock: Clock },
): Promise<Readonly<Record<string, unknown>>> {
  const wallet = await findLiveWallet(grant, wallets);
  const { token } = grant;
  const payer = { tokenId: token?.id, atMs: clock.nowMs() };
  const own = limitsOf(grant).filter(({ per }) => per !== 'key');
  const limits = [
    ...limitStatesOf(wallet, own, payer),
    ...(isBareServerKey(grant) ? await keyLimitStates(grant, wallets, payer.atMs) : []),
  ];
  const tightest = tightestOf(limits);
  const spent = spentOf(wallet, token, payer.atMs);
  return {
    data: {
      label: token?.jti ?? grant.keyName,
      limit: tightest ? usdOf(tightest.limit.amount) : null,
      limit_remaining: tightest ? usdOf(remainingOf(tightest)) : null,
      limit_reset: tightest ? RESETS[tightest.limit.window] : null,
      usage: usdFromNano(spent.settled),
      reserved: usdFromNano(spent.reserved),
      expires_at: token ? new Date(token.expiresAtMs).toISOString() : null,
      models: modelsOf(grant),
      user: grant.identity?.id ?? null,
      limits: limits.map(toLimitInfo),
    },
  };
}

/**
 * The wallet of a credential that is not revoked: what a route that reserves nothing reads first.
 * @throws token_revoked, service_unavailable
 */
export async function findLiveWallet(
  grant: Grant,
  wallets: Pick<KeyWallets, 'find'>,
): Promise<Wallet | undefined> {
  const wallet = await wallets.find(walletIdOf(grant));
  if (grant.token !== undefined && isRevoked(grant.token, wallet)) {
    throw new GatewayError('token_revoked');
  }
  return wallet;
}

/** Whether a wallet, as read, says that a token is revoked, by its name or by its age. */
export const isRevoked = (
  { id, issuedAtMs }: Pick<TokenGrant, 'id' | 'issuedAtMs'>,
  wallet: Wallet | undefined,
): boolean => {
  const admission = { inFlightMax: Number.POSITIVE_INFINITY, tokenId: id, issuedAtMs };
  return decideRefusal(wallet, [], NOTHING, admission)?.cause === 'revoked';
};

const NOTHING = { usd: ZERO_USD, tokens: 0n };

/** What a credential spent in its life: its token's, else its user's, else the key's own. */
export function spentOf(
  wallet: Wallet | undefined,
  token: Pick<TokenGrant, 'id'> | undefined,
  atMs: number,
): { readonly settled: NanoUsd; readonly reserved: NanoUsd } {
  const per = token === undefined ? 'user' : 'token';
  const counter = { per, unit: 'usd', window: 'total', amount: 0n } as const;
  let used = 0n;
  let held = 0n;
  for (const state of limitStatesOf(wallet, [counter], { tokenId: token?.id, atMs })) {
    used += state.used;
    held += state.reserved;
  }
  return { settled: asNanoUsd(used - held), reserved: asNanoUsd(held) };
}

const usdOf = (amount: bigint): number => usdFromNano(asNanoUsd(amount));

/** What is left of a limit; a limit that was lowered below what is spent leaves nothing. */
const remainingOf = ({ limit, used }: LimitState): bigint =>
  limit.amount > used ? limit.amount - used : 0n;

function tightestOf(states: readonly LimitState[]): LimitState | undefined {
  return states
    .filter(({ limit }) => limit.unit === 'usd')
    .reduce<LimitState | undefined>(
      (least, state) =>
        least === undefined || remainingOf(state) < remainingOf(least) ? state : least,
      undefined,
    );
}

/** What both the key's list and the token's allow; null: any. */
function modelsOf(grant: Grant): readonly string[] | null {
  const listed = [...(grant.token?.models ?? []), ...(grant.models ?? [])];
  if (listed.length === 0) return null;
  return [...new Set(listed)].filter((entry) => isAllowedModel(grant, entry));
}

/** In the words of a refusal's figures, `used` with what is reserved (contract.md, "Refusals"). */
function toLimitInfo(state: LimitState): Readonly<Record<string, unknown>> {
  const { per, unit, window, limitValue, used, reserved, resetsAtMs } = toLimitFacts(state);
  const remaining = remainingOf(state);
  return {
    per,
    unit,
    window,
    limit: limitValue,
    used,
    reserved,
    remaining: unit === 'usd' ? usdOf(remaining) : Number(remaining),
    resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
  };
}

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
