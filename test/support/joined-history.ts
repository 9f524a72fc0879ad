/**
 * A gateway with one key, whose users, tokens and plain key spend of limits of every kind at once, while writes are
 * lost, late and doubled, functions die between any two calls, limits change, tokens are revoked and months end.
 * Beside it, its books: the rows as they were first written, and what is in flight. They know nothing of counters.
 */
import { expect } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { GatewayError } from '../../core/base/errors.ts';
import {
  asPoolId,
  asRequestId,
  asTokenId,
  type KeyId,
  type TokenId,
  type WalletId,
} from '../../core/base/ids.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import { isoDay, type Limit } from '../../core/base/limits.ts';
import { sweep } from '../../core/sweep.ts';
import type { Amounts } from '../../core/wallet/hold.ts';
import { keyWalletIdOf, limitsOf, walletIdOf, withPerson } from '../../core/wallet/payer.ts';
import type { People } from '../../core/wallet/people.ts';
import type { PersonChange } from '../../core/wallet/person.ts';
import type { UsageRows, Wallet, WalletMarks, Wallets } from '../../core/wallet/ports.ts';
import { reserve } from '../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../core/wallet/settle.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import type { OpenHold } from '../../core/wallet/wallet.ts';
import { makeSeededFraction } from './faulty.ts';
import { accountOf, booksOf, type Caps, mustBe, mustBeWithin, sumOf } from './joined-books.ts';
import { type Mishap, startMishaps } from './joined-mishaps.ts';
import { playChange, type RecordChange, watchRecords } from './joined-people.ts';
import { makeGrant, makeManualClock, makeRow, usd } from './wallet-fixtures.ts';

/** The gateway that a history is played on. */
export interface HistoryTables {
  readonly wallets: Wallets;
  readonly usage: UsageRows;
  readonly marks: WalletMarks;
  readonly people: People;
  readonly keyId: KeyId;
  readonly shards: number;
}

export const USERS = ['ada', 'bob', 'eve'] as const;
export const TOKENS = ['A', 'B'] as const;

/** The first user under another spelling, as in requests of the version before. */
const FORMER = 'Ada';

/** A request: the plain key's, or one of a user's tokens. */
export interface Asked {
  readonly user?: number;
  /** The first user's, under the former spelling. */
  readonly isFormer?: boolean;
  readonly token: (typeof TOKENS)[number];
  readonly nanoUsd: number;
  readonly takesLess: boolean;
}

const LEASE_MS = 90_000;
const SWEEP_MS = 60_000;
const TOKEN_LIFE_SECONDS = 86_400;
const ONE_TOKEN = 1n;
export const IN_FLIGHT_MAX = 3;
export const FIRST_CAPS: Caps = {
  token: 600n,
  month: 900n,
  requests: 30n,
  keyMonth: 1_000n,
  keyHour: 900n,
};

/** Until when a user's tokens are revoked: now, when the last ones were issued, or just before. */
export type Until = 'now' | 'last issue' | 'before it';
const ISSUED_EVERY_MS = 7_200_000;
const issuedAtMsOf = (nowMs: number): number => nowMs - (nowMs % ISSUED_EVERY_MS);

/** No two ids begin alike, as with real tokens: a hold has the first six characters. */
const tokenIdOf = (name: string, issuedAtMs: number): TokenId => {
  const day = isoDay(issuedAtMs);
  return asTokenId(`${day.slice(5, 7)}${day.slice(8)}${name}${day}`);
};

const inDollars = (nanoUsd: bigint): string => `0.${String(nanoUsd).padStart(9, '0')}`;

const limitsIn = (caps: Caps): readonly Limit[] =>
  [
    `token:usd:total=${inDollars(caps.token)}`,
    `user:usd:month=${inDollars(caps.month)}`,
    `user:requests:day=${caps.requests}`,
    `key:usd:month=${inDollars(caps.keyMonth)}`,
    `key:usd:hour=${inDollars(caps.keyHour)}`,
  ].map(parseLimit);

export function startHistory({ wallets, usage, marks, people, keyId, shards }: HistoryTables) {
  const clock = makeManualClock();
  const { look, meet, keep, once, deliver } = startMishaps();
  const draw = makeSeededFraction(2);
  const uuid = () => draw().toFixed(8).slice(2);
  const random = { uuid, fraction: makeSeededFraction(1) };
  const rows = new Map<string, UsageRow>();
  const known = new Set<WalletId>();
  const open: OpenHold[] = [];
  /** Requests whose hold was written at a later time than it was made. */
  const cameLate = new Set<string>();
  const revoked = new Set<TokenId>();
  const notBeforeMs = new Map<WalletId, number>();
  /** The largest limit that a counter or a pool was ever held to. */
  const largest = new Map<string, bigint>();
  let overrun = 0n;
  let count = 0;
  let limits = limitsIn(FIRST_CAPS);
  let keyMonth = FIRST_CAPS.keyMonth;
  let wasRaised = false;

  /** The first row of a request stands, and everyone is told it. */
  const put: UsageRows['put'] = async (row, timeoutMs) => {
    const answer = await usage.put(row, timeoutMs);
    const first = rows.get(row.requestId) ?? row;
    mustBe(BigInt(answer.row.attempt), BigInt(first.attempt), 'the first row stands');
    mustBe(answer.row.cost.usd, first.cost.usd, 'the first row stands');
    rows.set(row.requestId, first);
    return answer;
  };
  const steady: SettlePorts = { clock, random, wallets, usage: { put } };

  const flaky: SettlePorts = {
    ...steady,
    usage: { put: (row) => keep(() => put(row)) },
    wallets: {
      ...wallets,
      reserve: (reservation) => {
        for (const { name, max } of reservation.counters) {
          raise(`${reservation.hold.walletId} ${name}`, max);
        }
        for (const { name, limit } of reservation.slices ?? []) raise(name, limit);
        // A reserve that arrived after the next try would have that try's number.
        return once(() => {
          const { requestId, reservedAtMs } = reservation.hold;
          if (clock.nowMs() > reservedAtMs) cameLate.add(requestId);
          return wallets.reserve(reservation);
        });
      },
      settle: (settlement) => keep(() => wallets.settle(settlement)),
      draw: (draw) => {
        raise(draw.name, draw.limit);
        return keep(() => wallets.draw(draw));
      },
      recall: (recall) => keep(() => wallets.recall(recall)),
      unspill: (...write) => keep(() => wallets.unspill(...write)),
      spill: (spill) => keep(() => wallets.spill(spill)),
      copyToken: (...copy) => keep(() => wallets.copyToken(...copy)),
      moveWallet: (move) => keep(() => wallets.moveWallet(move)),
      findSpilled: (...search) => look(() => wallets.findSpilled(...search)),
      retire: (...retire) => keep(() => wallets.retire(...retire)),
      find: (id) => look(() => wallets.find(id)),
      findDrawn: (id) => look(() => wallets.findDrawn(id)),
      findHolders: (...search) => look(() => wallets.findHolders(...search)),
      findAll: (ids) => look(() => wallets.findAll(ids)),
    },
  };
  function raise(name: string, limit: bigint | undefined): void {
    if (limit !== undefined && limit > (largest.get(name) ?? 0n)) largest.set(name, limit);
  }

  /** Tokens of today: tomorrow's students have tomorrow's, and the old ones are forgotten in time. */
  function grantOf({ user, token, isFormer }: Pick<Asked, 'user' | 'token' | 'isFormer'>): Grant {
    const { token: _token, identity: _identity, ...common } = makeGrant([]);
    const grant: Grant = {
      ...common,
      keyId,
      limits,
      maxTokenLifetimeSeconds: TOKEN_LIFE_SECONDS,
    };
    if (user === undefined) return { ...grant, credential: 'key' };
    const issuedAtMs = issuedAtMsOf(clock.nowMs());
    return {
      ...grant,
      identity: {
        source: 'token',
        issuer: '',
        id: isFormer && user === 0 ? FORMER : (USERS[user] ?? ''),
      },
      token: {
        id: tokenIdOf(`${token}${USERS[user]}`, issuedAtMs),
        issuedAtMs,
        expiresAtMs: issuedAtMs + TOKEN_LIFE_SECONDS * 1_000,
        revoked: false,
      },
    };
  }

  const [former, current] = [true, false].map((isFormer) =>
    walletIdOf(grantOf({ user: 0, token: 'A', isFormer })),
  ) as [WalletId, WalletId];

  /** The other wallet that a wallet's books include. */
  async function joinedTo(id: WalletId): Promise<WalletId | undefined> {
    return id === current && (await wallets.find(former))?.movedTo === current ? former : undefined;
  }

  async function readAll(): Promise<readonly Wallet[]> {
    const found = await Promise.all([...known].map((id) => wallets.find(id)));
    return found.filter((wallet) => wallet !== undefined);
  }

  return {
    clock,
    largest,
    revoked,
    open,
    rows,
    steady,
    readAll,
    joinedTo,
    overrun: () => overrun,
    drawnOf: (name: string) => wallets.findDrawn(asPoolId(`pool#${keyId}#${name}`)),
    ask: (asked: Asked, ports: SettlePorts = steady) => ask(asked, ports),
    /** The former spelling has a wallet before the other one is known. */
    begin: async () => {
      await playReserve({ user: 0, isFormer: true, token: 'A', nanoUsd: 1, takesLess: false }, []);
      await playSettle(0, 100, false, []);
    },
    play: {
      ...{ reserve: playReserve, settle: playSettle, deliver, sweep: runSweep, revoke, revokeAll },
      change,
    },
    expectRecords: watchRecords(),
    setCaps: (caps: Caps) => {
      wasRaised ||= caps.keyMonth > keyMonth;
      keyMonth = caps.keyMonth;
      limits = limitsIn(caps);
    },
  };

  function ask(asked: Asked, ports: SettlePorts) {
    count += 1;
    const grant = grantOf(asked);
    known.add(walletIdOf(grant)).add(keyWalletIdOf(keyId));
    const afford = (left: { usd?: bigint }): Amounts | undefined =>
      left.usd === undefined || left.usd === 0n ? undefined : usd(left.usd, ONE_TOKEN);
    return reserve(
      {
        grant,
        requestId: asRequestId(`r${count}`),
        amounts: usd(asked.nanoUsd, ONE_TOKEN),
        leaseEndsAtMs: clock.nowMs() + LEASE_MS,
        inFlightMax: IN_FLIGHT_MAX,
        ...(asked.takesLess && { afford }),
        ...(walletIdOf(grant) === current && { formerWalletIds: [former] }),
      },
      ports,
    );
  }

  /** The limits in force, with the person's own. */
  async function limitsFor(grant: Grant): Promise<readonly Limit[]> {
    const wallet = await wallets.find(walletIdOf(grant));
    return limitsOf(withPerson(grant, wallet?.person, clock.nowMs()));
  }

  /** An owner changes the record of a user. */
  async function change(user: number, to: RecordChange, met: readonly Mishap[]): Promise<void> {
    const id = walletIdOf(grantOf({ user, token: 'A' }));
    known.add(id);
    count += 1;
    const faulty = {
      findNote: (of: WalletId) => look(() => people.findNote(of)),
      change: (sent: PersonChange) => keep(() => people.change(sent)),
    };
    const ports = { ...flaky, people: faulty, idempotencyKey: `change-${count}` };
    await meet(met, () => playChange(id, to, ports));
  }

  async function playReserve(asked: Asked, met: readonly Mishap[]): Promise<void> {
    const grant = grantOf(asked);
    const atMs = clock.nowMs();
    const outcome = await meet(met, () => ask(asked, flaky).catch((error: unknown) => error));
    if (outcome instanceof GatewayError) {
      if (met.length === 0) await expectJust(outcome, grant, BigInt(asked.nanoUsd), atMs);
      return;
    }
    if (outcome instanceof Error || outcome === null || typeof outcome !== 'object') return;
    const { hold } = outcome as Awaited<ReturnType<typeof ask>>;
    open.push(hold);
    if (met.length === 0 && overrun === 0n) await expectRoom(grant, hold.reservedAtMs);
    if (grant.token === undefined) return;
    expect(revoked.has(grant.token.id), 'admits a revoked token').toBe(false);
    const from = notBeforeMs.get(hold.walletId) ?? 0;
    expect(grant.token.issuedAtMs > from, 'admits what was issued before').toBe(true);
  }

  /** Promise 5: a refusal for money is one for which some limit has no room, in flight or at all. */
  async function expectJust(
    { code }: GatewayError,
    grant: Grant,
    amount: bigint,
    atMs: number,
  ): Promise<void> {
    const { movedTo, inFlight = 0 } = (await wallets.find(former)) ?? {};
    // One spelling waits for the requests of the other, which has no wallet afterwards.
    const outside = movedTo === undefined ? inFlight > 0 && current : former;
    if (walletIdOf(grant) === outside) return;
    expect(code, 'a refusal').not.toBe('service_unavailable');
    if (code !== 'insufficient_quota' && code !== 'budget_in_use') return;
    // The money of a row is gone, though its hold may still be somewhere; held money may come back.
    const all = code === 'budget_in_use' ? await readAll() : [];
    const books = booksOf(all, rows.values());
    const joined = await joinedTo(walletIdOf(grant));
    const isShort = (await limitsFor(grant)).some((limit) => {
      if (limit.unit !== 'usd') return false;
      return sumOf(books, accountOf(limit, grant, atMs), joined) + amount > limit.amount;
    });
    expect(isShort, `a false ${code}`).toBe(true);
  }

  /** A payer who is served is within the limits of now, even if they were larger before. */
  async function expectRoom(grant: Grant, atMs: number): Promise<void> {
    const books = booksOf(await readAll(), rows.values());
    const joined = await joinedTo(walletIdOf(grant));
    for (const limit of await limitsFor(grant)) {
      if (limit.unit !== 'usd' || limit.window === 'hour') continue;
      // Money that was drawn under a limit is there again with that limit, even if more was drawn under a larger one since.
      if (limit.per === 'key' && wasRaised) continue;
      const account = accountOf(limit, grant, atMs);
      const used = sumOf(books, account, joined);
      mustBeWithin(used, limit.amount, `${account} of one that was served`);
    }
  }

  async function playSettle(
    which: number,
    percent: number,
    isTwice: boolean,
    met: readonly Mishap[],
  ): Promise<void> {
    const [hold] = open.splice(which % (open.length || 1), 1);
    if (hold === undefined) return;
    const cost = (hold.amounts.usd * BigInt(percent)) / 100n;
    if (cost > hold.amounts.usd) overrun += cost - hold.amounts.usd;
    const row = makeRow(hold, usd(cost, ONE_TOKEN), { keyId });
    await meet(met, () => settle(hold, row, flaky));
    if (isTwice) await settle(hold, row, steady);
  }

  /** `meeting` comes while the sweep looks at a wallet, before it moves its mark. */
  async function runSweep(meeting?: Asked): Promise<void> {
    const meet: Wallets = {
      ...wallets,
      moveDue: async (...move) => {
        if (meeting !== undefined) await playReserve(meeting, []);
        return wallets.moveDue(...move);
      },
    };
    const startedAtMs = clock.nowMs();
    await sweep({ ...steady, wallets: meet }, { shards, deadlineAtMs: startedAtMs + SWEEP_MS });
    for (const { id, holds, dueAtMs = 0 } of await readAll()) {
      // A hold that came late is closed with a later one, which is at most a lease away.
      const isLater = dueAtMs > startedAtMs && dueAtMs <= startedAtMs + LEASE_MS;
      for (const hold of holds.values()) {
        if (hold.leaseEndsAtMs >= startedAtMs) continue;
        if (isLater && cameLate.has(hold.requestId)) continue;
        expect(hold, `${id} after a sweep`).toBeUndefined();
      }
    }
  }

  /** A revocation marks the wallets of both spellings. */
  function spellingsOf(id: WalletId): readonly WalletId[] {
    return id === current ? [current, former] : [id];
  }

  async function revoke(asked: Pick<Asked, 'user' | 'token'>): Promise<void> {
    const grant = grantOf(asked);
    if (grant.token === undefined) return;
    revoked.add(grant.token.id);
    const keepUntilMs = clock.nowMs() + 3_000 * TOKEN_LIFE_SECONDS;
    for (const id of spellingsOf(walletIdOf(grant))) {
      await marks.revokeToken(id, grant.token.id, keepUntilMs);
      known.add(id);
    }
  }

  /** All of a user's tokens issued until an instant; an earlier one that comes later changes nothing. */
  async function revokeAll(user: number, until: Until): Promise<void> {
    const walletId = walletIdOf(grantOf({ user, token: 'A' }));
    const issuedAtMs = issuedAtMsOf(clock.nowMs());
    const atMs = { now: clock.nowMs(), 'last issue': issuedAtMs, 'before it': issuedAtMs - 1 }[
      until
    ];
    for (const id of spellingsOf(walletId)) {
      notBeforeMs.set(id, Math.max(atMs, notBeforeMs.get(id) ?? 0));
      await marks.raiseNotBefore(id, atMs);
      known.add(id);
    }
  }
}

export type History = ReturnType<typeof startHistory>;
