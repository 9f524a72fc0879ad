/**
 * `GET /v1/key`: a credential's own limits and spend, in the shape of OpenRouter's route of that name.
 * https://openrouter.ai/docs/api-reference/api-keys/get-current-api-key
 */
import { expiryOf, type Grant, isBareServerKey, type TokenGrant } from '../access/grant.ts';
import type { KeyId } from '../base/ids.ts';
import { type LimitWindow, windowAt } from '../base/limits.ts';
import { asNanoUsd, type NanoUsd, usdFromNano } from '../base/money.ts';
import type { Clock } from '../base/ports.ts';
import type { ModelLists } from '../models/catalogue.ts';
import { allowedEntries } from '../models/policy.ts';
import type { LimitState } from '../wallet/hold.ts';
import { percentOf } from '../wallet/hold.ts';
import { isKeyRate, keyWalletIdOf, limitsOf, walletIdOf, withPerson } from '../wallet/payer.ts';
import type { People } from '../wallet/people.ts';
import type { Wallet, Wallets } from '../wallet/ports.ts';
import { toLimitFacts } from '../wallet/refusal.ts';
import { heldIn, isKeyBudget, poolIdOf, sliceName, sliceOf } from '../wallet/slices.ts';
import { limitStatesOf } from '../wallet/wallet.ts';
import { findLiveWallet, isRevoked } from './find-wallet.ts';
import type { KeyInfo, LimitInfo } from './views.ts';

/** The values of `limit_reset`: OpenRouter's, and ours for windows that it does not have. */
const RESETS: Readonly<Record<LimitWindow, string | null>> = {
  minute: 'minutely',
  hour: 'hourly',
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
  total: null,
};

interface KeyInfoPorts {
  readonly wallets: KeyWallets;
  readonly clock: Clock;
  readonly models: Pick<ModelLists, 'names'>;
  /** Knows why a person is blocked. Without it the reason is empty. */
  readonly people?: Pick<People, 'findNote'>;
}

/**
 * Describes the credential: what it may use, its total spend, and the USD limit with the least left.
 * Only a bare server key sees the figures of key-wide limits. A person's own limits and credit are in force.
 * @throws token_revoked, service_unavailable
 */
export async function describeKey(
  grant: Grant,
  { wallets, clock, models, people }: KeyInfoPorts,
): Promise<{ data: KeyInfo }> {
  const wallet = await findLiveWallet(grant, wallets);
  const { token } = grant;
  const payer = { tokenId: token?.id, atMs: clock.nowMs() };
  const inForce = withPerson(grant, wallet?.person, payer.atMs);
  const own = limitsOf(inForce).filter(({ per }) => per !== 'key');
  const limits = [
    ...limitStatesOf(wallet, own, payer),
    ...(isBareServerKey(grant) ? await keyLimitStates(grant, wallets, payer.atMs) : []),
  ];
  const tightest = tightestOf(limits);
  const spent = spentOf(wallet, token, payer.atMs);
  const expiresAtMs = expiryOf(grant);
  return {
    data: {
      label: token?.jti ?? grant.keyName,
      limit: tightest ? usdOf(tightest.limit.amount) : null,
      limit_remaining: tightest ? usdOf(remainingOf(tightest)) : null,
      limit_reset: tightest ? RESETS[tightest.limit.window] : null,
      usage: usdFromNano(spent.settled),
      reserved: usdFromNano(spent.reserved),
      overrun: usdOf(overrunIn(limits)),
      expires_at: expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString(),
      models: allowedEntries(grant, models.names) ?? null,
      user: grant.identity?.id ?? null,
      blocked: wallet?.person?.isBlocked ? await findReason(grant, people) : null,
      limits: limits.map(toLimitInfo),
    },
  };
}

const findReason = async (grant: Grant, people: KeyInfoPorts['people']): Promise<string> =>
  (await people?.findNote(walletIdOf(grant)))?.reason ?? '';

/** Returns the total spend in a wallet: of one token, or without a token of the payer. */
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

/** The spend of one token in dollars. `remaining` is null for a token without a limit of its own. */
export interface TokenSpend {
  readonly spent: number;
  readonly reserved: number;
  readonly remaining: number | null;
  readonly revoked: boolean;
}

/**
 * Describes the spend of a token.
 * @param isListed true if the token is on the key's list of revoked tokens
 */
export function tokenSpendOf(
  token: Pick<TokenGrant, 'id' | 'issuedAtMs' | 'spendingLimitNanoUsd'>,
  wallet: Wallet | undefined,
  { isListed, atMs }: { readonly isListed: boolean; readonly atMs: number },
): TokenSpend {
  const { settled, reserved } = spentOf(wallet, token, atMs);
  const limit = token.spendingLimitNanoUsd;
  const left = limit === undefined ? undefined : limit - settled - reserved;
  return {
    spent: usdFromNano(settled),
    reserved: usdFromNano(reserved),
    remaining: left === undefined ? null : usdOf(left > 0n ? left : 0n),
    revoked: isListed || isRevoked(token, wallet),
  };
}

const usdOf = (amount: bigint): number => usdFromNano(asNanoUsd(amount));

/** Returns the rest of a limit; zero if the limit was lowered below the spend. */
const remainingOf = ({ limit, used }: LimitState): bigint =>
  limit.amount > used ? limit.amount - used : 0n;

/** Returns the most by which settled spend is above one of the USD limits; zero if none is passed. */
const overrunIn = (states: readonly LimitState[]): bigint =>
  states
    .filter(({ limit }) => limit.unit === 'usd')
    .map(({ limit, used, reserved }) => used - reserved - limit.amount)
    .reduce((most, above) => (above > most ? above : most), 0n);

function tightestOf(states: readonly LimitState[]): LimitState | undefined {
  return states
    .filter(({ limit }) => limit.unit === 'usd')
    .reduce<LimitState | undefined>(
      (least, state) =>
        least === undefined || remainingOf(state) < remainingOf(least) ? state : least,
      undefined,
    );
}

/** Formats a limit. */
export function toLimitInfo(state: LimitState): LimitInfo {
  const { per, unit, window } = state.limit;
  const { limitValue, used, reserved, resetsAtMs } = toLimitFacts(state);
  const remaining = remainingOf(state);
  return {
    per,
    unit,
    window,
    limit: limitValue,
    used,
    reserved,
    remaining: unit === 'usd' ? usdOf(remaining) : Number(remaining),
    percent: percentOf(state.used - state.reserved, state.limit.amount),
    resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
  };
}

/** The reads of wallets and pools that these routes need. */
export type KeyWallets = Pick<
  Wallets,
  'find' | 'findSpilled' | 'findAll' | 'findDrawn' | 'findHolders'
>;

/** Wallets per page, and pages. With more than 2,048 wallets, unused slices of the others count as used. */
const PAGE_SIZE = 32;
const PAGES_MAX = 64;

/**
 * Reads the states of a key's own limits, latest reset first.
 * @throws service_unavailable
 */
async function keyLimitStates(
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

/** Returns the unspent part of a wallet's slice: unused and held by requests in flight. */
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
