import type { Grant } from '../../core/access/grant.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { asKeyId, asRequestId, asTokenId, asWalletId } from '../../core/base/ids.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import type { Clock, Random } from '../../core/base/ports.ts';
import type { Amounts, Hold } from '../../core/wallet/hold.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import type { ReserveRequest } from '../../core/wallet/reserve-plan.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';

/** 2026-11-20T12:00:00Z */
export const NOW_MS = 1_795_176_000_000;
export const KEY_ID = asKeyId('k');
export const WALLET_ID = asWalletId('k#uada');
export const TOKEN_ID = asTokenId('tokenA');

export const usd = (nanoUsd: number | bigint, tokens = 0n): Amounts => ({
  usd: asNanoUsd(BigInt(nanoUsd)),
  tokens,
});

export interface ManualClock extends Clock {
  advance(durationMs: number): void;
  readonly sleptMs: number[];
}

/** A clock that moves only when a test advances it or code sleeps on it. */
export function makeManualClock(nowMs = NOW_MS): ManualClock {
  let currentMs = nowMs;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    nowMs: () => currentMs,
    advance: (durationMs) => {
      currentMs += durationMs;
    },
    sleep: async (durationMs) => {
      sleptMs.push(durationMs);
      currentMs += durationMs;
    },
  };
}

export const fixedRandom: Random = { uuid: () => 'fixed', fraction: () => 0.5 };

/** A scoped token of the user Ada, unless said otherwise. */
export function makeGrant(limits: readonly string[], overrides: Partial<Grant> = {}): Grant {
  return {
    account: 'acct',
    keyId: KEY_ID,
    keyName: 'class',
    keyKind: 'server',
    credential: 'scoped-token',
    former: false,
    identity: { source: 'token', issuer: '', id: 'ada' },
    token: {
      id: TOKEN_ID,
      issuedAtMs: NOW_MS - 60_000,
      expiresAtMs: NOW_MS + 86_400_000,
      revoked: false,
    },
    limits: limits.map(parseLimit),
    maxTokenLifetimeSeconds: 604_800,
    ...overrides,
  };
}

/** A scoped token of a user. */
export const userGrant = (user: string, ...limits: readonly string[]): Grant =>
  makeGrant(limits, { identity: { source: 'token', issuer: '', id: user } });

/** A server key alone. */
export function bareKeyGrant(...limits: readonly string[]): Grant {
  const { token: _token, identity: _identity, ...grant } = makeGrant(limits);
  return { ...grant, credential: 'key' };
}

/** A hold of a tenth of a dollar and 100 tokens by Ada's token, counted by user and token. */
export function makeHold(overrides: Partial<Hold> = {}): Hold {
  return {
    walletId: WALLET_ID,
    requestId: asRequestId('r1'),
    attempt: 1,
    reservedAtMs: NOW_MS,
    leaseEndsAtMs: NOW_MS + 900_000,
    amounts: usd(100_000_000, 100n),
    tokenId: TOKEN_ID,
    counted: [
      { per: 'user', unit: 'usd', window: 'total' },
      { per: 'token', unit: 'usd', window: 'total' },
    ],
    ...overrides,
  };
}

/** The row of a hold at a cost, exact. */
export const makeRow = (
  hold: Hold,
  cost: Amounts,
  overrides: Partial<UsageRow> = {},
): UsageRow => ({
  keyId: KEY_ID,
  walletId: hold.walletId,
  requestId: hold.requestId,
  attempt: hold.attempt,
  reservedAtMs: hold.reservedAtMs,
  status: 'exact',
  cost,
  overrunNanoUsd: asNanoUsd(0n),
  tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 },
  ...(hold.tokenId === undefined ? {} : { tokenId: hold.tokenId }),
  ...overrides,
});

/** The refusal that a call ends in. @throws TypeError when it ends in anything else */
export async function refusalOf(call: Promise<unknown>): Promise<GatewayError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GatewayError)) throw new TypeError('expected a refusal');
  return error;
}

/** Makes requests to reserve, whose lease ends in 15 minutes. @param clock the clock of the test that runs */
export const makeReserveRequests =
  (clock: () => ManualClock) =>
  (
    grant: Grant,
    request: string,
    amounts: Amounts = usd(10, 5n),
    more: Partial<ReserveRequest> = {},
  ): ReserveRequest => ({
    grant,
    requestId: asRequestId(request),
    amounts,
    leaseEndsAtMs: clock().nowMs() + 900_000,
    ...more,
  });

/** An empty wallet, with the overrides. */
export const makeWallet = (overrides: Partial<Wallet> = {}): Wallet => ({
  id: WALLET_ID,
  counters: new Map(),
  holds: new Map(),
  slices: new Map(),
  draws: 0,
  inFlight: 0,
  revokedTokens: new Set(),
  tokenKeepUntilMs: new Map(),
  bytes: 400,
  ...overrides,
});

/** The holds of a wallet. */
export const holdsOf = (...holds: Hold[]) => new Map(holds.map((hold) => [hold.requestId, hold]));
