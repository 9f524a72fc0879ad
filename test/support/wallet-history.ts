/**
 * A gateway with one person under two spellings: writes that are lost, late and doubled, requests that die, limits and
 * records that change, revocations, tokens that leave, wallets that are moved, windows that end.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { asRequestId, asTokenId, type TokenId } from '../../core/base/ids.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import { isoDay } from '../../core/base/limits.ts';
import { sweep } from '../../core/sweep.ts';
import { giveBack } from '../../core/wallet/give-back.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import { reserve } from '../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../core/wallet/settle.ts';
import { copyAndSpill } from '../../core/wallet/spills.ts';
import type { OpenHold } from '../../core/wallet/wallet.ts';
import { type Fault, makeFaultyLine } from './faulty.ts';
import { makeMemoryUsage } from './memory-usage.ts';
import { makeMemoryWallets } from './memory-wallets.ts';
import { fixedRandom, makeGrant, makeManualClock, makeRow, usd } from './wallet-fixtures.ts';

export const LEASE_MS = 60_000;
const TOKEN_LIFE_SECONDS = 86_400;
export const WALLET_ID = walletIdOf(makeGrant([]));
/** The same person under another spelling, whose wallet is moved into theirs. */
const FORMER = { source: 'token', issuer: '', id: 'Former' } as const;
export const FORMER_ID = walletIdOf(makeGrant([], { identity: FORMER }));

const fault = fc.constantFrom<Fault>(
  ...(['none', 'none', 'none', 'none', 'dropped', 'answer-lost', 'late', 'doubled'] as const),
);
const faults = fc.array(fault, { maxLength: 4 });
const person = fc.record({
  day: fc.constantFrom(undefined, 200n, 1_500n),
  isBlocked: fc.boolean(),
  credit: fc.constantFrom(0n, 300n, -300n),
});
export const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      token: fc.constantFrom('A', 'B'),
      nanoUsd: fc.integer({ min: 1, max: 400 }),
      isLowered: fc.boolean(),
      isFormer: fc.boolean(),
      /** A change of the user's record between the look at it and the write. */
      change: fc.option(person, { nil: undefined, freq: 4 }),
      faults,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(),
      share: fc.integer({ min: 0, max: 100 }),
      isTwice: fc.boolean(),
      faults,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('give back' as const),
      which: fc.nat(),
      share: fc.integer({ min: 0, max: 100 }),
      faults,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('spill' as const),
      token: fc.constantFrom('A', 'B'),
      faults,
    }),
  },
  fc.record({ kind: fc.constant('person' as const), person }),
  fc.record({ kind: fc.constant('crash' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('deliver' as const) }),
  fc.record({ kind: fc.constant('sweep' as const), isMet: fc.boolean() }),
  fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 0, max: 600 }) }),
  fc.record({
    kind: fc.constant('limits' as const),
    token: fc.constantFrom(300n, 1_000n, 2_000n),
    day: fc.constantFrom(500n, 1_500n, 3_000n),
    month: fc.constantFrom(2_000n, 6_000n),
    requests: fc.constantFrom(3n, 30n),
  }),
  fc.record({ kind: fc.constant('revoke' as const), token: fc.constantFrom('A', 'B') }),
  fc.record({ kind: fc.constant('revoke all' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type PersonChange = typeof person extends fc.Arbitrary<infer T> ? T : never;
type PlayedReserve = Omit<Step & { kind: 'reserve' }, 'faults'> & {
  readonly faults: readonly Fault[];
};
/** A request that comes while the sweep runs. */
const MEETING = {
  kind: 'reserve',
  token: 'A',
  nanoUsd: 1,
  isLowered: false,
  isFormer: false,
  change: undefined,
  faults: [],
} as const satisfies PlayedReserve;

const nanoUsd = (amount: bigint): string => `0.${String(amount).padStart(9, '0')}`;

/** A gateway whose writes fail, whose requests end or die in any order, and whose operator changes his mind. */
export function startGateway() {
  const clock = makeManualClock();
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const line = makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));
  const open: OpenHold[] = [];
  /** The largest limit that a counter was ever held to, by its name. */
  const largest = new Map<string, bigint>();
  const revoked = new Set<TokenId>();
  let limits = ['token:usd:total=0.000001', 'user:usd:day=0.0000015', 'user:usd:month=0.000006'];
  let pending: Fault[] = [];
  let count = 0;
  const through = <T>(write: () => Promise<T>): Promise<T> =>
    line.through(pending.shift() ?? 'none', write);
  const steady: SettlePorts = { clock, usage, wallets, random: fixedRandom };
  const flaky: SettlePorts = {
    ...steady,
    usage: { put: (row) => through(() => usage.put(row)) },
    wallets: {
      ...wallets,
      reserve: async (reservation) => {
        const change = meeting;
        meeting = undefined;
        if (change !== undefined) await playPerson(change);
        for (const { name, max } of reservation.counters) {
          const before = largest.get(name) ?? 0n;
          if (max !== undefined && max > before) largest.set(name, max);
        }
        // Doubled at once or not at all: a try is sent once, and the next one has a number of its own.
        if (pending[0] === 'doubled') {
          pending.shift();
          return wallets.reserve(reservation).finally(() => wallets.reserve(reservation));
        }
        return through(() => wallets.reserve(reservation));
      },
      settle: (settlement) => through(() => wallets.settle(settlement)),
      giveBack: (write) => through(() => wallets.giveBack(write)),
      copyToken: (...copy) => through(() => wallets.copyToken(...copy)),
      spill: (write) => through(() => wallets.spill(write)),
      unspill: (...write) => through(() => wallets.unspill(...write)),
      moveWallet: (write) => through(() => wallets.moveWallet(write)),
    },
  };
  let changes = 0;
  let meeting: PersonChange | undefined;

  /** A token of today: tomorrow's students have tomorrow's tokens, and the old ones are forgotten in time. */
  function grantOf(token: string, isFormer = false): Grant {
    const issuedAtMs = clock.nowMs() - 1;
    return makeGrant([], {
      ...(isFormer && { identity: FORMER }),
      limits: limits.map(parseLimit),
      maxTokenLifetimeSeconds: TOKEN_LIFE_SECONDS,
      token: {
        id: asTokenId(`${token}${isoDay(issuedAtMs)}`),
        issuedAtMs,
        expiresAtMs: issuedAtMs + TOKEN_LIFE_SECONDS * 1_000,
        revoked: false,
      },
    });
  }

  async function playReserve(next: PlayedReserve): Promise<void> {
    // Token A has the former spelling, which the version before takes as it is. Token B never had another one.
    const isFormer = next.isFormer && next.token === 'A';
    const namesFormer = !isFormer && next.token === 'A';
    const grant = grantOf(next.token, isFormer);
    count += 1;
    pending = [...next.faults];
    meeting = isFormer ? undefined : next.change;
    const ask = {
      grant,
      requestId: asRequestId(`r${count}`),
      amounts: usd(next.nanoUsd, 1n),
      leaseEndsAtMs: clock.nowMs() + LEASE_MS,
      ...(namesFormer && { formerWalletIds: [FORMER_ID] }),
      ...(next.isLowered && {
        afford: (left: { usd?: bigint }) =>
          left.usd === undefined || left.usd === 0n ? undefined : usd(left.usd, 1n),
      }),
    };
    const before = await wallets.find(walletIdOf(grant));
    const outcome = await reserve(ask, flaky).catch(() => undefined);
    meeting = undefined;
    if (outcome === undefined) return;
    open.push(outcome.hold);
    if (!isFormer) await expectWithinRecord();
    expect(grant.token && revoked.has(grant.token.id), 'admits a revoked token').toBe(false);
    expect(clock.nowMs() - 1 > (before?.notBeforeMs ?? 0), 'admits before notBefore').toBe(true);
  }

  /** A user who is admitted is not blocked now, and is within their own limit of now. */
  async function expectWithinRecord(): Promise<void> {
    const wallet = await wallets.find(WALLET_ID);
    expect(wallet?.person?.isBlocked ?? false, 'admits a person who is blocked').toBe(false);
    const [own] = wallet?.person?.limits ?? [];
    const used = wallet?.counters.get(`usd:day:${isoDay(clock.nowMs())}`) ?? 0n;
    if (own !== undefined) expect(used <= own.amount, 'passes an own limit').toBe(true);
  }

  async function playSettle(next: Step & { readonly kind: 'settle' }): Promise<void> {
    const [hold] = open.splice(next.which % (open.length || 1), 1);
    if (hold === undefined) return;
    pending = [...next.faults];
    const row = makeRow(hold, usd((hold.amounts.usd * BigInt(next.share)) / 100n, 1n));
    await settle(hold, row, flaky);
    if (next.isTwice) await settle(hold, row, steady);
  }

  /** The hold may be lowered; its settle knows that it was, or does not. */
  async function playGiveBack(next: Step & { readonly kind: 'give back' }): Promise<void> {
    const at = next.which % (open.length || 1);
    const hold = open[at];
    if (hold === undefined) return;
    pending = [...next.faults];
    const amounts = usd((hold.amounts.usd * BigInt(next.share)) / 100n, 1n);
    open[at] = (await giveBack(hold, amounts, flaky)).hold;
  }

  /** A token that holds nothing leaves the wallet. */
  async function playSpill(next: Step & { readonly kind: 'spill' }): Promise<void> {
    pending = [...next.faults];
    const tokenId = grantOf(next.token).token?.id;
    const wallet = await wallets.find(WALLET_ID);
    const keepUntilMs = tokenId && wallet?.tokenKeepUntilMs.get(tokenId);
    const isIdle = [...(wallet?.holds.values() ?? [])].every((hold) => hold.tokenId !== tokenId);
    if (wallet === undefined || !tokenId || keepUntilMs === undefined || !isIdle) return;
    const counters = [...wallet.counters].filter(([name]) => name.startsWith(`t:${tokenId}:`));
    const isRevoked = wallet.revokedTokens.has(tokenId);
    const tokens = [{ tokenId, keepUntilMs, isRevoked, counters: new Map(counters) }];
    const seen = { walletId: WALLET_ID, seenSpills: wallet.spills, tokens };
    await copyAndSpill(seen, flaky.wallets).catch(() => undefined);
  }

  async function playPerson(next: PersonChange): Promise<void> {
    changes += 1;
    const own = { per: 'user', unit: 'usd', window: 'day' } as const;
    const person = {
      rev: `rev${changes}`,
      limits: next.day === undefined ? [] : [{ ...own, amount: next.day }],
      creditNanoUsd: next.credit,
      isBlocked: next.isBlocked,
    };
    const seenRev = (await wallets.find(WALLET_ID))?.person?.rev;
    await wallets.people.change({
      walletId: WALLET_ID,
      listedUnder: 'k',
      seenRev,
      person,
      texts: {},
      idempotencyKey: `i${changes}`,
      digest: '',
      nowMs: clock.nowMs(),
      forget: [],
    });
  }

  /** `meet` happens while the sweep looks at a wallet, before it moves its mark. */
  const runSweep = (meet?: () => Promise<void>) => {
    const met = {
      ...wallets,
      moveDue: async (...move: Parameters<typeof wallets.moveDue>) => {
        await meet?.();
        return wallets.moveDue(...move);
      },
    };
    const deadlineAtMs = clock.nowMs() + 1_000;
    return sweep({ ...steady, wallets: met }, { shards: 4, deadlineAtMs });
  };

  async function play(next: Step): Promise<void> {
    switch (next.kind) {
      case 'reserve':
        await playReserve(next);
        break;
      case 'settle':
        await playSettle(next);
        break;
      case 'give back':
        await playGiveBack(next);
        break;
      case 'spill':
        await playSpill(next);
        break;
      case 'person':
        await playPerson(next.person);
        break;
      case 'crash':
        open.splice(next.which % (open.length || 1), 1);
        break;
      case 'deliver':
        await line.deliver();
        break;
      case 'sweep':
        await runSweep(next.isMet ? () => playReserve(MEETING) : undefined);
        break;
      case 'wait':
        clock.advance(next.minutes * 60_000);
        break;
      case 'limits':
        limits = [
          `token:usd:total=${nanoUsd(next.token)}`,
          `user:usd:day=${nanoUsd(next.day)}`,
          `user:usd:month=${nanoUsd(next.month)}`,
          `user:requests:day=${next.requests}`,
        ];
        break;
      case 'revoke': {
        const { token } = grantOf(next.token);
        if (token === undefined) break;
        revoked.add(token.id);
        for (const id of [WALLET_ID, FORMER_ID]) wallets.revokeToken(id, token.id);
        break;
      }
      default:
        for (const id of [WALLET_ID, FORMER_ID]) wallets.setNotBefore(id, clock.nowMs() - 1);
    }
    pending = [];
  }
  /** The former spelling has a wallet before the other one is known. */
  async function begin(): Promise<void> {
    await playReserve({ ...MEETING, isFormer: true });
    await playSettle({ kind: 'settle', which: 0, share: 100, isTwice: false, faults: [] });
  }
  return { begin, play, runSweep, line, clock, wallets, rows: usage.rows, largest };
}
