import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AwsCall, AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeWalletMarks } from '../../../adapters/dynamodb/marks.ts';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import { asWalletId, type WalletId } from '../../../core/base/ids.ts';
import type { WalletMarks, Wallets } from '../../../core/wallet/ports.ts';
import { startTables, TABLE_NAMES } from '../../support/dynamodb.ts';
import { makeHold, NOW_MS, TOKEN_ID } from '../../support/wallet-fixtures.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
let marks: WalletMarks;
let wallets: Wallets;
beforeAll(async () => {
  tables = await startTables();
  marks = makeWalletMarks(tables.call, TABLE_NAMES.walletsTable);
  wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
});
afterAll(() => tables.close());

const LATER_MS = NOW_MS + 1_000;
const reserve = (walletId: WalletId, issuedAtMs = NOW_MS, tokenKeepUntilMs = NOW_MS) =>
  wallets.reserve({
    hold: makeHold({ walletId }),
    counters: [{ name: `t:${TOKEN_ID}:usd:total`, add: 5n }],
    inFlightMax: 128,
    tokenId: TOKEN_ID,
    issuedAtMs,
    tokenKeepUntilMs,
  });

describe('a token that is revoked', () => {
  test('is refused by a wallet that it never used', async () => {
    const id = asWalletId('k#u1');
    await marks.revokeToken(id, TOKEN_ID, LATER_MS);

    expect((await reserve(id)).written).toBe(false);
    const wallet = await wallets.find(id);
    expect(wallet?.revokedTokens).toEqual(new Set([TOKEN_ID]));
    expect(wallet?.tokenKeepUntilMs).toEqual(new Map([[TOKEN_ID, LATER_MS]]));
  });

  // guarantee: mark-never-earlier
  test('is refused if its counters are kept longer than the mark, and they still are', async () => {
    const id = asWalletId('k#u2');
    await reserve(id, NOW_MS, LATER_MS + 1);
    await marks.revokeToken(id, TOKEN_ID, LATER_MS);
    await marks.revokeToken(id, TOKEN_ID, LATER_MS);

    const wallet = await wallets.find(id);
    expect(wallet?.revokedTokens).toEqual(new Set([TOKEN_ID]));
    expect(wallet?.tokenKeepUntilMs).toEqual(new Map([[TOKEN_ID, LATER_MS + 1]]));
    expect(wallet?.counters.get(`t:${TOKEN_ID}:usd:total`)).toBe(5n);
  });

  // guarantee: revocation-kept-with-counters
  test('loses its mark and counters in one settle, unless it was revoked again', async () => {
    for (const [id, isAgain] of [
      [asWalletId('k#u3'), false],
      [asWalletId('k#u4'), true],
    ] as const) {
      await reserve(id, NOW_MS, NOW_MS);
      await marks.revokeToken(id, TOKEN_ID, LATER_MS);
      if (isAgain) await marks.revokeToken(id, TOKEN_ID, LATER_MS + 1);
      const names = [`t:${TOKEN_ID}:usd:total`];
      const dropTokens = [{ tokenId: TOKEN_ID, seenKeepUntilMs: LATER_MS, names }];
      await wallets.settle({
        hold: makeHold({ walletId: id }),
        counters: [],
        drop: [],
        dropTokens,
      });

      const wallet = await wallets.find(id);
      expect(wallet?.revokedTokens.size).toBe(isAgain ? 1 : 0);
      expect(wallet?.tokenKeepUntilMs.size).toBe(isAgain ? 1 : 0);
      expect(wallet?.counters.size).toBe(isAgain ? 1 : 0);
    }
  });

  // guarantee: mark-has-a-day
  test('gets mark and day when the day is removed between two writes', async () => {
    const id = asWalletId('k#u5');
    await reserve(id, NOW_MS, LATER_MS);
    let writes = 0;
    const racing: AwsCall = async (operation, input) => {
      writes += 1;
      if (writes === 2) {
        const dropTokens = [{ tokenId: TOKEN_ID, seenKeepUntilMs: LATER_MS, names: [] }];
        await wallets.settle({
          hold: makeHold({ walletId: id }),
          counters: [],
          drop: [],
          dropTokens,
        });
      }
      return tables.call(operation, input);
    };
    await makeWalletMarks(racing, TABLE_NAMES.walletsTable).revokeToken(id, TOKEN_ID, LATER_MS);

    // The day is late enough, then it is gone, and the third write brings mark and day.
    expect(writes).toBe(3);
    const wallet = await wallets.find(id);
    expect(wallet?.revokedTokens.size).toBe(1);
    expect(wallet?.tokenKeepUntilMs).toEqual(new Map([[TOKEN_ID, LATER_MS]]));
  });
});

describe('"notBefore"', () => {
  // guarantee: later-revocation-holds
  test('refuses tokens issued until then, and only grows', async () => {
    const id = asWalletId('k#u6');
    await marks.raiseNotBefore(id, NOW_MS);
    await marks.raiseNotBefore(id, NOW_MS - 1);

    expect((await wallets.find(id))?.notBeforeMs).toBe(NOW_MS);
    expect((await reserve(id, NOW_MS)).written).toBe(false);
    expect((await reserve(id, NOW_MS + 1)).written).toBe(true);
    await marks.raiseNotBefore(id, NOW_MS + 1);
    expect((await wallets.find(id))?.notBeforeMs).toBe(NOW_MS + 1);
  });
});

describe('a former wallet', () => {
  // guarantee: former-wallet-not-made
  test('that is missing or was moved gets no mark, and one that is there does', async () => {
    const [missing, moved, there] = ['k#umissing', 'k#umoved', 'k#uthere'].map(asWalletId);
    if (!missing || !moved || !there) throw new TypeError('expected three ids');
    for (const id of [moved, there]) await wallets.claimCount(id, NOW_MS);
    const from = await wallets.find(moved);
    if (from === undefined) throw new TypeError('expected a wallet');
    const nothing = { counters: new Map(), slices: new Map() };
    await wallets.moveWallet({ from, to: there, seen: {}, joined: {}, ...nothing });

    for (const id of [missing, moved, there]) {
      await marks.revokeToken(id, TOKEN_ID, LATER_MS, true);
      await marks.raiseNotBefore(id, NOW_MS, true);
    }

    expect(await wallets.find(missing)).toBeUndefined();
    expect(await wallets.find(moved)).toMatchObject({ revokedTokens: new Set() });
    expect((await wallets.find(moved))?.notBeforeMs).toBeUndefined();
    expect(await wallets.find(there)).toMatchObject({
      revokedTokens: new Set([TOKEN_ID]),
      notBeforeMs: NOW_MS,
    });
  });
});

test('an outage is service_unavailable, never a written mark', async () => {
  const down = makeWalletMarks(async (operation) => {
    throw new AwsCallError('TimeoutError', operation, 0);
  }, 'wallets');
  const id = asWalletId('k#u7');
  const unavailable = { code: 'service_unavailable', transient: true };
  await expect(down.revokeToken(id, TOKEN_ID, NOW_MS)).rejects.toMatchObject(unavailable);
  await expect(down.raiseNotBefore(id, NOW_MS)).rejects.toMatchObject(unavailable);
});
