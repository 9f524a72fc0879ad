import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asKeyId, asRequestId, asWalletId, type WalletId } from '../../core/base/ids.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import type { UsageReader } from '../../core/usage/ports.ts';
import type { UsageRows } from '../../core/wallet/ports.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import { makeHold, makeRow, NOW_MS, usd } from '../support/wallet-fixtures.ts';

export interface UsageUnderTest {
  readonly usage: UsageRows & Pick<UsageReader, 'readRows'>;
  close(): Promise<void> | void;
}

/** The same questions to every implementation of usage rows, and the same answers. */
export function describeUsageRows(name: string, start: () => Promise<UsageUnderTest>): void {
  describe(`usage rows ${name}`, () => {
    let under: UsageUnderTest;
    beforeAll(async () => {
      under = await start();
    });
    afterAll(() => under.close());

    const rowOf = (request: string, overrides: Partial<UsageRow> = {}): UsageRow =>
      makeRow(makeHold({ requestId: asRequestId(request) }), usd(5, 7n), overrides);

    test('return the row that was written', async () => {
      const row = rowOf('r1');

      const { row: stored, writeUnits } = await under.usage.put(row);

      expect(stored).toEqual(row);
      expect(writeUnits).toBeGreaterThan(0);
    });

    // guarantee: first-row-stands
    test('keep the first row of a request, and return all of it to the second writer', async () => {
      const first = rowOf('r2', {
        attempt: 3,
        status: 'estimated',
        cost: usd(9_007_199_254_740_993n, 12n),
        overrunNanoUsd: asNanoUsd(4n),
        tokens: { input: 1, cachedInput: 2, cacheWrite: 3, output: 4, reasoning: 5 },
        provider: 'openai',
        model: 'gpt-5',
        priceVersion: 'genai-prices 0.1.8 ec63c941',
        identity: { source: 'jwt', issuer: 'https://issuer', id: 'ada' },
        counted: [{ per: 'token', unit: 'tokens', window: 'month' }],
        conversation: 'c.1',
        errorCode: 'upstream_error',
        httpStatus: 200,
        latencyMs: 1_200,
        firstByteMs: 300,
      });
      await under.usage.put(first);

      const second = await under.usage.put(rowOf('r2', { status: 'swept' }));

      expect(second.row).toEqual(first);
      expect(second.writeUnits).toBeGreaterThan(0);
    });

    test('keep the first of two at once', async () => {
      const rows = [rowOf('r3', { attempt: 1 }), rowOf('r3', { attempt: 2 })];

      const [a, b] = await Promise.all(rows.map((row) => under.usage.put(row)));

      expect(a?.row).toEqual(b?.row);
    });

    test('keep a row of every request', async () => {
      await under.usage.put(rowOf('r4', { status: 'swept' }));

      const other = await under.usage.put(rowOf('r5'));

      expect(other.row.status).toBe('exact');
    });

    test('are read by day, in the order of their requests, after a given place', async () => {
      const keyId = asKeyId('readers');
      const at = (request: string, reservedAtMs: number, wallet = 'readers#uada') =>
        rowOf(request, { keyId, reservedAtMs, walletId: asWalletId(wallet) });
      const [late, early, other] = [at('l', NOW_MS + 9), at('e', NOW_MS), at('o', NOW_MS + 5, 'b')];
      for (const row of [late, early, other, at('n', NOW_MS + 86_400_000)]) {
        await under.usage.put(row);
      }
      const read = async (ask: { after?: string; walletId?: WalletId } = {}) => {
        const { rows } = await under.usage.readRows({ keyId, day: '2026-11-20', ...ask });
        return rows.map(({ row }) => row);
      };

      expect((await read()).slice(0, 2)).toEqual([early, other]);
      expect(await read({ after: '1795176000005#o' })).toEqual([late]);
      expect(await read({ after: '1795176000000#e', walletId: asWalletId('b') })).toEqual([other]);
    });
  });
}
