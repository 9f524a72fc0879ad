/**
 * The personal keys of one user share one wallet. What each key spent in wallets of its own, as in the version before, is
 * moved into it.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { claimantOfKey } from '../../../core/access/identity.ts';
import { findLiveWallet } from '../../../core/account/find-wallet.ts';
import { spentOf } from '../../../core/account/key-info.ts';
import { asKeyId, asRequestId, asWalletId, type WalletId } from '../../../core/base/ids.ts';
import type { CounterKind } from '../../../core/base/limits.ts';
import { sweep } from '../../../core/sweep.ts';
import { auditUsage } from '../../../core/usage/audit/audit.ts';
import type { Hold } from '../../../core/wallet/hold.ts';
import { formerWalletIdsOf, walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { settle } from '../../../core/wallet/settle.ts';
import { poolIdOf, sliceName } from '../../../core/wallet/slices.ts';
import { countersToReserve } from '../../../core/wallet/wallet.ts';
import type { Fault } from '../../support/faulty.ts';
import { type MemoryPorts, makeLossyLine, makeMemoryPorts } from '../../support/memory-ports.ts';
import {
  makeGrant,
  makeHold,
  makeRow,
  NOW_MS,
  refusalOf,
  usd,
} from '../../support/wallet-fixtures.ts';

const LAPTOP = asKeyId('laptop');
const DESKTOP = asKeyId('desktop');
const MONTH: CounterKind = { per: 'user', unit: 'usd', window: 'month' };
const TOTAL: CounterKind = { per: 'user', unit: 'usd', window: 'total' };
const KEY_MONTH: CounterKind = { ...MONTH, per: 'key' };

/** A personal key of Ann. */
function grantOf(keyId: Grant['keyId'], limits = ['user:usd:month=0.000000010']): Grant {
  const { token: _token, ...grant } = makeGrant(limits);
  const identity = { source: 'personal', issuer: '', id: 'ann@x.edu' } as const;
  return { ...grant, keyId, keyKind: 'personal', credential: 'key', identity };
}
const AMPLE = ['user:usd:month=0.000000100'];
const SHARED = walletIdOf(grantOf(LAPTOP));
const ownWalletOf = (grant: Grant): WalletId =>
  formerWalletIdsOf(grant)[0] ?? asWalletId('expected a wallet');

let ports: MemoryPorts;
let count = 0;
beforeEach(() => {
  ports = makeMemoryPorts();
});
const nextId = () => {
  count += 1;
  return asRequestId(`r${count}`);
};

const hold = (grant: Grant, amount: number, over = ports.wallets as Wallets) =>
  reserve(
    {
      grant,
      requestId: nextId(),
      amounts: usd(amount),
      leaseEndsAtMs: ports.clock.nowMs() + 900_000,
      formerWalletIds: formerWalletIdsOf(grant),
    },
    { ...ports, wallets: over },
  );
async function spend(grant: Grant, amount: number, over?: Wallets): Promise<void> {
  const { hold: held } = await hold(grant, amount, over);
  await settle(held, makeRow(held, usd(amount), { keyId: grant.keyId, counted: held.counted }), {
    ...ports,
    wallets: over ?? ports.wallets,
  });
}

/** Holds in the wallet of one key alone, as the version before did, with a `key:` limit of a month if it had one. */
async function holdAsBefore(grant: Grant, amount: number, counted = [TOTAL, MONTH]): Promise<Hold> {
  const { tokenId: _token, ...plain } = makeHold({
    walletId: ownWalletOf(grant),
    requestId: nextId(),
    amounts: usd(amount),
    counted,
  });
  const { wallets } = ports;
  const slices = [];
  if (counted.includes(KEY_MONTH)) {
    const name = sliceName(KEY_MONTH, NOW_MS);
    const { walletId } = plain;
    const seenIn = (await wallets.find(walletId))?.slices.get(name)?.drawnIn ?? 0n;
    const draw = { poolId: poolIdOf(grant.keyId, name), walletId, name, seenIn, limit: 100n };
    await wallets.draw({ ...draw, amount: BigInt(amount) + 2n });
    slices.push({ name, take: BigInt(amount), limit: 100n });
  }
  const counters = countersToReserve(plain, []);
  await wallets.reserve({ hold: plain, counters, slices, inFlightMax: 128 });
  return plain;
}
async function spendAsBefore(...spent: Parameters<typeof holdAsBefore>): Promise<void> {
  const held = await holdAsBefore(...spent);
  const { keyId } = spent[0];
  await settle(held, makeRow(held, held.amounts, { keyId, counted: held.counted }), ports);
}
const audit = () =>
  auditUsage(
    {
      keyId: LAPTOP,
      createdAtMs: NOW_MS - 86_400_000,
      otherPersonalKeys: [{ keyId: DESKTOP, createdAtMs: NOW_MS - 86_400_000 }],
    },
    ports,
  );
const spentInMonth = async (id = SHARED) =>
  (await ports.wallets.find(id))?.counters.get('usd:month:2026-11');

describe('two laptops of one person', () => {
  test('have one budget', async () => {
    await spend(grantOf(LAPTOP), 6);

    expect((await refusalOf(hold(grantOf(DESKTOP), 5))).code).toBe('insufficient_quota');
    await spend(grantOf(DESKTOP), 4);
    expect(await spentInMonth()).toBe(10n);
    expect((await audit()).differences).toEqual([]);
  });

  test('are not the laptops of another account or of another person', () => {
    const other = { ...grantOf(LAPTOP), account: 'other' };
    const bob = {
      ...grantOf(LAPTOP),
      identity: { source: 'personal', issuer: '', id: 'bob@x.edu' },
    } as const;

    expect(new Set([SHARED, walletIdOf(other), walletIdOf(bob)]).size).toBe(3);
    expect(SHARED).toMatch(/^p[\w-]{22}#u[\w-]{22}$/);
    expect(walletIdOf(grantOf(DESKTOP))).toBe(SHARED);
  });

  test('of a look-alike address are another person', () => {
    const walletOf = (user: string) => {
      const claimant = claimantOfKey({ kind: 'personal', user }, new Map());
      return walletIdOf({ ...grantOf(LAPTOP), ...claimant });
    };

    expect(walletOf('KELVIN@X.edu')).toBe(walletOf('kelvin@x.edu'));
    expect(walletOf('\u212Aelvin@x.edu')).not.toBe(walletOf('kelvin@x.edu'));
    expect(walletOf('kelv\u0131n@x.edu')).not.toBe(walletOf('kelvin@x.edu'));
  });

  test('have rows of their own keys, also where the sweep closes a request that died', async () => {
    await spend(grantOf(LAPTOP), 1);
    await hold(grantOf(DESKTOP), 2);
    ports.clock.advance(900_001);

    await sweep(ports, { shards: 4, deadlineAtMs: NOW_MS + 1_000_000 });

    const rows = [...ports.usage.rows.values()];
    expect(rows.map(({ keyId, status }) => [keyId, status])).toEqual([
      [LAPTOP, 'exact'],
      [DESKTOP, 'swept'],
    ]);
    expect(await spentInMonth()).toBe(3n);
    expect((await audit()).differences).toEqual([]);
  });

  test('that are used at once never pass the limit together', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => hold(grantOf(index % 2 ? LAPTOP : DESKTOP), 1)),
    );

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(await spentInMonth()).toBe(10n);
  });
});

describe('a wallet of one key alone', () => {
  test('is joined to the shared one, and no budget is worth more', async () => {
    await spendAsBefore(grantOf(LAPTOP), 6);
    await spendAsBefore(grantOf(DESKTOP), 3);

    await spend(grantOf(LAPTOP), 1);
    expect(await spentInMonth()).toBe(7n);
    expect((await refusalOf(hold(grantOf(DESKTOP), 1))).code).toBe('insufficient_quota');
    expect(await spentInMonth()).toBe(10n);
    expect((await ports.wallets.find(ownWalletOf(grantOf(DESKTOP))))?.movedTo).toBe(SHARED);
    expect((await audit()).differences).toEqual([]);
  });

  test('counts what it took of a budget of its key as spent by its user', async () => {
    await spendAsBefore(grantOf(LAPTOP), 6, [TOTAL, KEY_MONTH]);

    expect((await refusalOf(hold(grantOf(LAPTOP), 5))).code).toBe('insufficient_quota');
    expect((await ports.wallets.find(SHARED))?.slices.size).toBe(0);
    expect(await spentInMonth()).toBe(6n);
    expect((await audit()).differences).toEqual([]);
  });

  test('counts a request once that a limit of the user and one of the key counted', async () => {
    await spendAsBefore(grantOf(LAPTOP), 4, [TOTAL, KEY_MONTH]);
    await spendAsBefore(grantOf(LAPTOP), 2, [TOTAL, MONTH, KEY_MONTH]);

    await spend(grantOf(LAPTOP), 1);

    expect(await spentInMonth()).toBe(7n);
    expect((await audit()).differences).toEqual([]);
  });

  test('is seen before it is moved', async () => {
    await spendAsBefore(grantOf(LAPTOP), 6, [TOTAL, KEY_MONTH]);

    const wallet = await findLiveWallet(grantOf(LAPTOP), ports.wallets);

    expect(spentOf(wallet, undefined, NOW_MS).settled).toBe(6n);
    expect(wallet?.counters.get('usd:month:2026-11')).toBe(6n);
  });

  test('with a request in flight is moved after that has ended, and its cost counts', async () => {
    const held = await holdAsBefore(grantOf(LAPTOP), 6);
    expect((await refusalOf(hold(grantOf(LAPTOP), 1))).code).toBe('budget_in_use');

    await settle(held, makeRow(held, usd(5), { keyId: LAPTOP, counted: held.counted }), ports);
    await spend(grantOf(LAPTOP), 1);

    expect(await spentInMonth()).toBe(6n);
    expect((await audit()).differences).toEqual([]);
  });

  test.each<Fault>(['dropped', 'answer-lost', 'late', 'doubled'])(
    'is moved once when a move is %s, and a reserve is made once',
    async (fault) => {
      for (const write of ['moveWallet', 'reserve', 'settle'] as const) {
        // A try is sent once: what comes twice comes at once, or the next try's number would not be its own.
        if (write === 'reserve' && fault === 'doubled') continue;
        ports = makeMemoryPorts();
        await spendAsBefore(grantOf(LAPTOP), 6);
        const line = makeLossyLine();
        const faults: Fault[] = [fault];
        const through = (send: () => Promise<never>) =>
          line.through(faults.shift() ?? 'none', send);
        const faulty = {
          ...ports.wallets,
          [write]: (...sent: unknown[]) =>
            through(() => Reflect.apply(ports.wallets[write], 0, sent)),
        } as Wallets;

        await spend(grantOf(LAPTOP, AMPLE), 2, faulty).catch(() => undefined);
        await line.deliver();
        await spend(grantOf(DESKTOP, AMPLE), 1);
        await spend(grantOf(LAPTOP, AMPLE), 1);
        ports.clock.advance(900_001);
        await sweep(ports, { shards: 4, deadlineAtMs: NOW_MS + 1_000_000 });

        const rows = [...ports.usage.rows.values()];
        const spent = rows.reduce((sum, { cost }) => sum + cost.usd, 0n);
        expect({ write, spent: await spentInMonth() }).toEqual({ write, spent });
        expect((await audit()).differences).toEqual([]);
      }
    },
  );
});
