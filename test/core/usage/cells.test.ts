import { describe, expect, test } from 'vitest';
import { asTokenId } from '../../../core/base/ids.ts';
import { startSegment, sumsOfRow } from '../../../core/usage/cells.ts';
import { usageRow } from '../../support/usage-tables.ts';

describe('a segment', () => {
  const start = { day: '2026-11-19', generation: 1, after: '' };
  test('is full at 200 kB of names, and at 1,000 marks', () => {
    const byBytes = startSegment(start);
    const identity = { source: 'token', issuer: '', id: 'é'.repeat(256) } as const;
    let rows = 0;
    while (byBytes.add(usageRow(1n, { tokenId: asTokenId(`T${rows}`), identity }), false))
      rows += 1;
    expect(rows).toBeGreaterThan(200);
    expect(
      JSON.stringify(byBytes.build(false), (_, v) => (typeof v === 'bigint' ? `${v}` : v)).length,
    ).toBeLessThan(300_000);

    const byMarks = startSegment(start);
    rows = 0;
    while (byMarks.add(usageRow(1n), true)) rows += 1;
    expect(rows).toBe(1_000);
  });
});

test('does not count a released request', () => {
  expect(sumsOfRow(usageRow(0n, { status: 'released' })).requests).toBe(0);
  expect(sumsOfRow(usageRow(0n, { status: 'swept' })).requests).toBe(1);
  expect(sumsOfRow(usageRow(0n)).costNanoUsd).toBe(0n);
});
