import { expect, test } from 'vitest';
import { faultsOf } from '../../../cli/usage/audit-faults.ts';
import { asWalletId } from '../../../core/base/ids.ts';
import type { AuditReport } from '../../../core/usage/audit/audit.ts';
import { makeHold, makeRow, usd } from '../../support/wallet-fixtures.ts';

const RIGHT: AuditReport = {
  rows: 1,
  wallets: 1,
  counters: 1,
  pools: 0,
  differences: [],
  overruns: [],
  busy: [],
  totalsChecked: true,
  truncated: false,
};
const auditOf = (name: string, more: Partial<AuditReport>) => ({
  name,
  found: { ...RIGHT, ...more },
});
const overrun = makeRow(makeHold(), usd(5));

test('an audit that compared everything and found nothing has no faults', () => {
  expect(faultsOf([auditOf('a', {}), auditOf('b', {})])).toEqual([]);
});

test('an audit names the keys that were not read, also when another key has faults', () => {
  const difference = { itemId: asWalletId('w'), counter: 'c', counted: 1n, expected: 2n };
  const faults = faultsOf([
    auditOf('a', { differences: [difference], overruns: [overrun] }),
    auditOf('b', { truncated: true }),
    auditOf('c', { truncated: true }),
  ]);
  expect(faults).toEqual([
    'counters that differ from the rows of their windows: 1',
    'requests that cost more than they held: 1',
    'these keys have more rows than one audit reads: b, c',
  ]);
});

test.each([
  [999, 'requests that cost more than they held: 1000'],
  [1_000, 'requests that cost more than they held: at least 1001'],
])('an audit that lists %i overruns of a key, and one of another, says: %s', (count, words) => {
  const many = auditOf('a', { overruns: Array(count).fill(overrun) });
  expect(faultsOf([many, auditOf('b', { overruns: [overrun] })])).toEqual([words]);
});
