/**
 * `GET /v1/key`: a credential's own limits and spend, in the shape of OpenRouter's route of that name.
 * https://openrouter.ai/docs/api-reference/api-keys/get-current-api-key
 */
import { expiryOf, type Grant, isBareServerKey, type TokenGrant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import { GatewayError } from '../base/errors.ts';
import type { KeyId, TokenId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { type LimitWindow, windowAt } from '../base/limits.ts';
import { asNanoUsd, type NanoUsd, usdFromNano, ZERO_USD } from '../base/money.ts';
import type { Clock } from '../base/ports.ts';
import type { ModelLists } from '../models/catalogue.ts';
import { allowedEntries } from '../models/policy.ts';
import type { LimitState } from '../wallet/hold.ts';
import {
  formerWalletIdOf,
  isKeyRate,
  keyWalletIdOf,
  limitsOf,
  walletIdOf,
  walletIdOfToken,
} from '../wallet/payer.ts';
import type { Wallet, Wallets } from '../wallet/ports.ts';
import { toLimitFacts } from '../wallet/refusal.ts';
import { heldIn, isKeyBudget, poolIdOf, sliceName, sliceOf } from '../wallet/slices.ts';
import { findWithTokens } from '../wallet/spills.ts';
import { decideRefusal, limitStatesOf } from '../wallet/wallet.ts';

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
}

/**
 * Describes the credential: what it may use, its total spend, and the USD limit with the least left.
 * Amounts are dollars; `usage` is settled, `reserved` is held by requests in flight.
 * Only a bare server key sees the figures of key-wide limits.
 * @throws token_revoked, service_unavailable
 */
export async function describeKey(
  grant: Grant,
  { wallets, clock, models }: KeyInfoPorts,
): Promise<JsonObject> {
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
      limits: limits.map(toLimitInfo),
    },
  };
}

/**
 * Reads the wallet of a credential and refuses a revoked one. Every route that reserves nothing calls it first.
 * @throws token_revoked, service_unavailable
 */
export async function findLiveWallet(
  grant: Grant,
  wallets: Pick<KeyWallets, 'find' | 'findSpilled'>,
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
  wallets: Pick<KeyWallets, 'find' | 'findSpilled'>,
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

/** A limit with the field names of a refusal. `used` includes `reserved`. */
export interface LimitInfo {
  readonly per: string;
  readonly unit: string;
  readonly window: string;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  readonly remaining: number;
  readonly resets_at: string | null;
}

/** Formats a limit. */
export function toLimitInfo(state: LimitState): LimitInfo {
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
