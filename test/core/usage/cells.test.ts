import { describe, expect, test } from 'vitest';
import { makeRollups } from '../../../adapters/dynamodb/rollups.ts';
import { type Item, sizeOfAttribute } from '../../../adapters/dynamodb/values.ts';
import { asTokenId, asWalletId } from '../../../core/base/ids.ts';
import { startSegment, sumsOfRow } from '../../../core/usage/cells.ts';
import { usageRow } from '../../support/usage-tables.ts';
import { KEY_ID, usd } from '../../support/wallet-fixtures.ts';

describe('a segment', () => {
  const start = { day: '2026-11-19', generation: 1, after: '' };
  test('is full at 350 kB of names, and at 1,000 marks', () => {
    const byBytes = startSegment(start);
    const identity = { source: 'token', issuer: '', id: 'é'.repeat(256) } as const;
    let rows = 0;
    while (byBytes.add(usageRow(1n, { tokenId: asTokenId(`T${rows}`), identity }), false))
      rows += 1;
    expect(rows).toBeGreaterThan(350);

    const byMarks = startSegment(start);
    rows = 0;
    while (byMarks.add(usageRow(1n), true)) rows += 1;
    expect(rows).toBe(1_000);
  });

  test('that is full fits into an item of DynamoDB, with as many marks as it may have', async () => {
    const full = startSegment(start);
    const identity = { source: 'jwt', issuer: 'https://login.example.edu/é', id: 'x' } as const;
    const tokens = { input: 9e11, cachedInput: 9e11, cacheWrite: 0, output: 9e11, reasoning: 0 };
    const sums = {
      identity,
      tokens,
      cost: usd(10n ** 18n, 10n ** 12n),
      overrunNanoUsd: usd(10n ** 18n).usd,
    };
    let marks = 0;
    for (let row = 0; ; row += 1) {
      const tokenId = asTokenId(String(row % 700).padStart(22, 'T'));
      const isMarked = marks < 1_000 && row % 2 === 0;
      if (!full.add(usageRow(1n, { ...sums, tokenId, tags: { a: String(row % 1_900) } }), isMarked))
        break;
      marks += isMarked ? 1 : 0;
    }
    const items: Item[] = [];
    const write = async (_: string, input: object) => {
      items.push(Object(input).Item);
      return {};
    };
    await makeRollups(write, 'usage').addSegment(KEY_ID, full.build(true));

    const [item = {}] = items;
    const sizes = Object.entries(item).map(([name, value]) => sizeOfAttribute(name, value));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(bytes).toBeGreaterThan(200_000);
    expect(bytes).toBeLessThan(409_600);
  });

  test('holds a whole day of a class of 1,000', () => {
    const day = startSegment(start);
    for (let row = 0; row < 5_000; row += 1) {
      const student = String(row % 1_000).padStart(4, '0');
      const more = {
        walletId: asWalletId(`${'k'.repeat(22)}#u${'d'.repeat(18)}${student}`),
        tokenId: asTokenId(`${'t'.repeat(18)}${student}`),
        identity: { source: 'token', issuer: '', id: `student${student}@example.edu` },
        tags: { section: 'Section 12' },
      } as const;
      expect(day.add(usageRow(1n, more), false)).toBe(true);
    }
    expect(day.build(true).cells).toHaveLength(1_000);
  });
});

test('does not count a released request', () => {
  expect(sumsOfRow(usageRow(0n, { status: 'released' })).requests).toBe(0);
  expect(sumsOfRow(usageRow(0n, { status: 'swept' })).requests).toBe(1);
  expect(sumsOfRow(usageRow(0n)).costNanoUsd).toBe(0n);
});
