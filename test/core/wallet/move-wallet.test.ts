import { beforeEach, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import { moveWallet } from '../../../core/wallet/move-wallet.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { settle } from '../../../core/wallet/settle.ts';
import { type MemoryPorts, makeMemoryPorts } from '../../support/memory-ports.ts';
import { makeGrant, makeRow, NOW_MS, refusalOf, usd } from '../../support/wallet-fixtures.ts';

const grantOf = (user: string, token: string): Grant =>
  makeGrant(['token:usd:total=0.000000010', 'user:usd:total=0.000000100'], {
    identity: { source: 'token', issuer: '', id: user },
    token: {
      id: asTokenId(token),
      issuedAtMs: NOW_MS - 1,
      expiresAtMs: NOW_MS + 86_400_000,
      revoked: false,
    },
  });
const RAW = walletIdOf(grantOf('Ann@X.edu', 'a'));
const FOLDED = walletIdOf(grantOf('ann@x.edu', 'a'));

let ports: MemoryPorts;
let count = 0;
beforeEach(() => {
  ports = makeMemoryPorts();
});

/** A request of the former spelling alone, or of the one that is in force now, which names both. */
const hold = (user: string, token: string, amount: number) => {
  count += 1;
  const grant = grantOf(user, token);
  const isFolded = walletIdOf(grant) === FOLDED;
  return reserve(
    {
      grant,
      requestId: asRequestId(`r${count}`),
      amounts: usd(amount),
      leaseEndsAtMs: NOW_MS + 900_000,
      ...(isFolded && { formerWalletIds: [RAW] }),
    },
    ports,
  );
};
const spend = async (user: string, token: string, amount: number, over = ports) => {
  const { hold: held } = await hold(user, token, amount);
  await settle(held, makeRow(held, usd(amount)), over);
};

test('a person is one wallet after the first request that names both spellings', async () => {
  await spend('ann@x.edu', 'b', 3);
  await spend('Ann@X.edu', 'a', 6);

  await spend('ann@x.edu', 'b', 1);

  expect((await ports.wallets.find(FOLDED))?.counters.get('usd:total')).toBe(10n);
  expect((await ports.wallets.find(RAW))?.movedTo).toBe(FOLDED);
});

test('a token of the former wallet has its one allowance', async () => {
  await spend('Ann@X.edu', 'a', 6);

  expect((await refusalOf(hold('ann@x.edu', 'a', 5))).code).toBe('insufficient_quota');
  await spend('ann@x.edu', 'a', 4);
  expect((await ports.wallets.find(FOLDED))?.counters.get('t:a:usd:total')).toBe(10n);
});

test('a revoked token stays revoked, and the later "notBefore" holds', async () => {
  await spend('Ann@X.edu', 'a', 6);
  ports.wallets.revokeToken(RAW, asTokenId('a'));
  ports.wallets.setNotBefore(RAW, NOW_MS - 10);
  ports.wallets.setNotBefore(FOLDED, NOW_MS - 20);

  expect((await refusalOf(hold('ann@x.edu', 'a', 1))).code).toBe('token_revoked');
  expect((await ports.wallets.find(FOLDED))?.notBeforeMs).toBe(NOW_MS - 10);
});

test('a block of either wallet holds, and credit adds up', async () => {
  const person = { rev: 'r1', limits: [], creditNanoUsd: 5n, isBlocked: true };
  const change = {
    walletId: RAW,
    listedUnder: 'k',
    seenRev: undefined,
    person,
    texts: {},
    idempotencyKey: 'i',
    digest: '',
    nowMs: NOW_MS,
    forget: [],
  };
  await ports.wallets.people.change(change);
  const other = { ...person, rev: 'r2', isBlocked: false };
  await ports.wallets.people.change({ ...change, walletId: FOLDED, person: other });

  expect((await refusalOf(hold('ann@x.edu', 'a', 1))).code).toBe('user_blocked');
  expect((await ports.wallets.find(FOLDED))?.person).toMatchObject({ creditNanoUsd: 10n });
});

test('a former wallet with a request in flight is not moved, and the caller tries again', async () => {
  await hold('Ann@X.edu', 'a', 6);

  const refusal = await refusalOf(hold('ann@x.edu', 'a', 1));

  expect([refusal.code, refusal.facts.retryAfterSeconds]).toEqual(['budget_in_use', 1]);
});

test('a wallet with more tokens than one move takes out is moved by the next', async () => {
  const spill = async () => ({ moved: false, writeUnits: 1 });
  const crowded = { ...ports, wallets: { ...ports.wallets, spill } };
  for (let index = 0; index < 100; index += 1) await spend('Ann@X.edu', `t${index}`, 1, crowded);

  const outcomes = [await moveWallet(RAW, FOLDED, ports), await moveWallet(RAW, FOLDED, ports)];

  expect(outcomes).toEqual(['busy', 'done']);
  expect((await ports.wallets.find(FOLDED))?.counters.get('usd:total')).toBe(100n);
});
