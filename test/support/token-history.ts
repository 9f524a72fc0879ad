/**
 * One person, three tokens and a former wallet, where every write of a spill, a return and a move is a message: it is made
 * by a look at the tables, and arrives later, twice or never, in any order. Requests come in between, and revocations.
 * Beside it its books: what each token has spent. They know nothing of wallets and items.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { asRequestId, asTokenId, type TokenId, type WalletId } from '../../core/base/ids.ts';
import { moveWallet } from '../../core/wallet/move-wallet.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import type { Wallets } from '../../core/wallet/ports.ts';
import { reserve } from '../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../core/wallet/settle.ts';
import type { TokenPart } from '../../core/wallet/spill-port.ts';
import type { OpenHold } from '../../core/wallet/wallet.ts';
import { makeMemoryUsage } from './memory-usage.ts';
import { makeMemoryWallets } from './memory-wallets.ts';
import {
  fixedRandom,
  makeGrant,
  makeManualClock,
  makeRow,
  NOW_MS,
  usd,
} from './wallet-fixtures.ts';

const TOKENS = ['A', 'B', 'C'].map(asTokenId);
const LIMIT = 100n;
const LIMITS = ['token:usd:total=0.0000001', 'user:usd:month=1'];
/** The same person under another spelling, whose wallet is moved into theirs. */
const FORMER = { source: 'token', issuer: '', id: 'Former' } as const;
const CURRENT_ID = walletIdOf(makeGrant([]));
const FORMER_ID = walletIdOf(makeGrant([], { identity: FORMER }));

const is = <T extends string>(kind: T) => fc.constant(kind);
const token = fc.constantFrom(...TOKENS);
const which = fc.nat(20);
export const tokenStep = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: is('use'),
      token,
      nanoUsd: fc.integer({ min: 1, max: 12 }),
      /** A message that arrives between the request's look for the token and its next write. */
      met: fc.option(which, { nil: undefined, freq: 1 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: is('hold'), token }) },
  { weight: 5, arbitrary: fc.record({ kind: is('settle'), which }) },
  { weight: 25, arbitrary: fc.record({ kind: is('leave'), token }) },
  { weight: 10, arbitrary: fc.record({ kind: is('return'), token }) },
  { weight: 6, arbitrary: fc.record({ kind: is('move') }) },
  { weight: 45, arbitrary: fc.record({ kind: is('arrive'), which, isAgain: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: is('revoke'), token }) },
  { weight: 1, arbitrary: fc.record({ kind: is('revoke all') }) },
);
type Step = typeof tokenStep extends fc.Arbitrary<infer T> ? T : never;

const nameOf = (id: TokenId): string => `t:${id}:usd:total`;

export function startTokenHistory() {
  const clock = makeManualClock();
  const wallets = makeMemoryWallets();
  const ports: SettlePorts = { clock, wallets, usage: makeMemoryUsage(), random: fixedRandom };
  /** Messages that may arrive. */
  const sent: (() => Promise<unknown>)[] = [];
  const open: OpenHold[] = [];
  const spent = new Map<TokenId, bigint>();
  const revoked = new Set<TokenId>();
  let areAllRevoked = false;
  let count = 0;

  /** Tokens of the person, of whom the former wallet is known as long as it was not moved. */
  const grantOf = (id: TokenId, isFormer: boolean): Grant =>
    makeGrant(LIMITS, {
      ...(isFormer && { identity: FORMER }),
      token: { id, issuedAtMs: NOW_MS - 1, expiresAtMs: NOW_MS + 86_400_000, revoked: false },
    });

  const movedTo = async (): Promise<WalletId | undefined> =>
    (await wallets.find(FORMER_ID))?.movedTo;

  async function arrive(which: number, isAgain: boolean): Promise<void> {
    const at = which % (sent.length || 1);
    const message = isAgain ? sent[at] : sent.splice(at, 1)[0];
    await message?.();
  }

  async function hold(id: TokenId, nanoUsd: number, met?: number): Promise<OpenHold | undefined> {
    count += 1;
    // The version before knows the former spelling alone; this one, both.
    const isFormer = (await movedTo()) === undefined;
    const looking: Wallets = {
      ...wallets,
      findSpilled: async (...search) => {
        const found = await wallets.findSpilled(...search);
        if (met !== undefined) await arrive(met, true);
        return found;
      },
      unspill: (...back) => {
        sent.push(() => wallets.unspill(...back));
        return wallets.unspill(...back);
      },
    };
    const asked = reserve(
      {
        grant: grantOf(id, isFormer),
        requestId: asRequestId(`r${count}`),
        amounts: usd(nanoUsd),
        leaseEndsAtMs: NOW_MS + 900_000,
        ...(!isFormer && { formerWalletIds: [FORMER_ID] }),
      },
      { ...ports, wallets: looking },
    );
    const held = await asked.catch((error: unknown) => error);
    const used = spent.get(id) ?? 0n;
    const fits = used + BigInt(nanoUsd) <= LIMIT;
    const isAdmitted = fits && !revoked.has(id) && !areAllRevoked;
    expect(held instanceof GatewayError ? held.code : 'held', `${id} of ${used}`).toSatisfy(
      (outcome) => (outcome === 'held') === isAdmitted,
    );
    if (held instanceof Error || held === null || typeof held !== 'object') return undefined;
    spent.set(id, used + BigInt(nanoUsd));
    return (held as Awaited<typeof asked>).hold;
  }

  const close = (held: OpenHold) => settle(held, makeRow(held, held.amounts), ports);

  /** A look at an idle token of a wallet. The copy is sent, and when it has arrived in time, so is the spill. */
  async function leave(tokenId: TokenId): Promise<void> {
    const walletId = (await movedTo()) ?? FORMER_ID;
    const wallet = await wallets.find(walletId);
    const keepUntilMs = wallet?.tokenKeepUntilMs.get(tokenId);
    const isHeld = [...(wallet?.holds.values() ?? [])].some((each) => each.tokenId === tokenId);
    if (wallet === undefined || keepUntilMs === undefined || isHeld) return;
    const counted = wallet.counters.get(nameOf(tokenId));
    const part: TokenPart = {
      tokenId,
      keepUntilMs,
      isRevoked: wallet.revokedTokens.has(tokenId),
      counters: new Map(counted === undefined ? [] : [[nameOf(tokenId), counted]]),
    };
    const { spills: seenSpills } = wallet;
    const spillOf = (tokens: readonly TokenPart[]) => () =>
      wallets.spill({ walletId, seenSpills, tokens });
    sent.push(async () => {
      const { moved } = await wallets.copyToken(walletId, part, (seenSpills ?? 0) + 1);
      sent.push(spillOf(moved ? [part] : []));
    });
  }

  async function comeBack(tokenId: TokenId): Promise<void> {
    for (const from of [CURRENT_ID, FORMER_ID]) {
      const part = await wallets.findSpilled(from, tokenId);
      const to = (await movedTo()) ?? FORMER_ID;
      if (part !== undefined) sent.push(() => wallets.unspill(to, part, from));
    }
  }

  /** A move as far as its last write, which is sent. */
  const startMove = () =>
    moveWallet(FORMER_ID, CURRENT_ID, {
      random: fixedRandom,
      wallets: {
        ...wallets,
        lastSeen: () => undefined,
        moveWallet: async (move) => {
          sent.push(() => wallets.moveWallet(move));
          return true;
        },
      },
    });

  /** The spent amount of a token, from the item that counts it. */
  async function countedOf(id: TokenId): Promise<bigint> {
    const places = (await movedTo()) === undefined ? [FORMER_ID] : [CURRENT_ID, FORMER_ID];
    for (const place of places) {
      const wallet = await wallets.find(place);
      const inside = wallet?.counters.get(nameOf(id));
      if (inside !== undefined) return inside;
      const outside = (await wallets.findSpilled(place, id))?.counters.get(nameOf(id));
      if (outside !== undefined) return outside;
    }
    return 0n;
  }

  async function play(next: Step): Promise<void> {
    switch (next.kind) {
      case 'use': {
        const held = await hold(next.token, next.nanoUsd, next.met);
        if (held !== undefined) await close(held);
        return;
      }
      case 'hold': {
        const held = await hold(next.token, 1);
        if (held !== undefined) open.push(held);
        return;
      }
      case 'settle': {
        const [held] = open.splice(next.which % (open.length || 1), 1);
        if (held !== undefined) await close(held);
        return;
      }
      case 'leave':
        return leave(next.token);
      case 'return':
        return comeBack(next.token);
      case 'move':
        await startMove();
        return;
      case 'arrive':
        return arrive(next.which, next.isAgain);
      case 'revoke':
        revoked.add(next.token);
        for (const id of [CURRENT_ID, FORMER_ID]) {
          if ((await wallets.find(id))?.movedTo === undefined) {
            wallets.revokeToken(id, next.token, NOW_MS + 86_400_000);
          }
        }
        return;
      case 'revoke all':
        areAllRevoked = true;
        for (const id of [CURRENT_ID, FORMER_ID]) wallets.setNotBefore(id, NOW_MS);
    }
  }

  async function expectCounted(): Promise<void> {
    for (const id of TOKENS) expect(await countedOf(id), `${id} counted`).toBe(spent.get(id) ?? 0n);
    const sums = await Promise.all(
      [CURRENT_ID, FORMER_ID].map(async (id) =>
        (await wallets.find(id))?.counters.get('usd:total'),
      ),
    );
    const total = sums.reduce<bigint>((sum, each) => sum + (each ?? 0n), 0n);
    expect(total, 'of the person').toBe([...spent.values()].reduce((sum, each) => sum + each, 0n));
  }

  return { play, expectCounted };
}
