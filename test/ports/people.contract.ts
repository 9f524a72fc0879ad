import { describe, expect, test } from 'vitest';
import type { People } from '../../core/wallet/people.ts';
import type { OwnLimit, Person, PersonChange } from '../../core/wallet/person.ts';
import type { Reservation } from '../../core/wallet/ports.ts';
import { NOW_MS } from '../support/wallet-fixtures.ts';
import type { WalletKit } from './due-wallets.contract.ts';

interface PeopleKit extends Pick<WalletKit, 'wallets' | 'makeWalletId' | 'holdIn'> {
  readonly people: () => People;
}

const LIMITS: readonly OwnLimit[] = [
  {
    per: 'user',
    unit: 'usd',
    window: 'week',
    amount: 10_000_000_000n,
    untilMs: NOW_MS + 86_400_000,
  },
  { per: 'user', unit: 'requests', window: 'minute', amount: 0n },
];
const FIRST: Person = { rev: 'rev1', limits: LIMITS, creditNanoUsd: -5n, isBlocked: true };
const EMPTY: Person = { rev: 'rev2', limits: [], creditNanoUsd: 0n, isBlocked: false };

/** Records of people, and the reserves that see them. */
export function describePeople({ people, wallets, makeWalletId, holdIn }: PeopleKit): void {
  const makeChange = (overrides: Partial<PersonChange> = {}): PersonChange => ({
    walletId: makeWalletId(),
    listedUnder: 'k',
    seenRev: undefined,
    person: FIRST,
    texts: {},
    idempotencyKey: 'i1',
    digest: 'd1',
    nowMs: NOW_MS,
    forget: [],
    ...overrides,
  });
  const reserve = (
    { walletId }: PersonChange,
    overrides: Partial<Reservation> = {},
    request = 'r1',
  ) =>
    wallets().reserve({
      hold: holdIn(walletId, request),
      counters: [],
      inFlightMax: 128,
      ...overrides,
    });

  describe('a record of a person', () => {
    test('is in the wallet to the letter, and its texts are beside it', async () => {
      const change = makeChange({ texts: { reason: 'left', name: 'Ada' } });

      expect(await people().change(change)).toBe('changed');

      expect((await wallets().find(change.walletId))?.person).toEqual(FIRST);
      expect(await people().findNote(change.walletId)).toEqual({
        reason: 'left',
        name: 'Ada',
        changes: new Map([['i1', { madeAtMs: 1_795_176_000_000, digest: 'd1' }]]),
      });
    });

    test('can lose everything but its "rev"', async () => {
      const change = makeChange({ texts: { reason: 'left', name: 'Ada' } });
      await people().change(change);

      await people().change({
        ...change,
        seenRev: 'rev1',
        person: EMPTY,
        idempotencyKey: 'i2',
        texts: { reason: null },
      });

      expect((await wallets().find(change.walletId))?.person).toEqual(EMPTY);
      const { changes: _changes, ...texts } = (await people().findNote(change.walletId)) ?? {};
      expect(texts).toEqual({ name: 'Ada' });
    });

    // guarantee: change-once
    test('is changed once under one key, of 20 at once', async () => {
      const change = makeChange();

      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          people()
            .change({ ...change, person: { ...FIRST, rev: `rev${index}` } })
            .catch(() => 'lost'),
        ),
      );

      expect(outcomes.filter((outcome) => outcome === 'changed')).toHaveLength(1);
      expect(outcomes).not.toContain('record-changed');
      const rev = `rev${outcomes.indexOf('changed')}`;
      expect((await wallets().find(change.walletId))?.person?.rev).toBe(rev);
    });

    // guarantee: judged-by-current-record
    test('is not changed from a state that it is not in any more', async () => {
      const change = makeChange();
      await people().change(change);

      const late = { ...change, person: EMPTY, idempotencyKey: 'i2' };
      expect(await people().change(late)).toBe('record-changed');
      expect(await people().change({ ...late, seenRev: 'rev0' })).toBe('record-changed');

      expect((await wallets().find(change.walletId))?.person).toEqual(FIRST);
    });

    test('forgets a key that is old, which may then be used again', async () => {
      const change = makeChange();
      await people().change(change);

      const again = { ...change, seenRev: 'rev1', person: EMPTY, forget: ['i1'] };
      expect(await people().change({ ...again, nowMs: NOW_MS + 1 })).toBe('changed');

      expect((await people().findNote(change.walletId))?.changes).toEqual(
        new Map([['i1', { madeAtMs: 1_795_176_000_001, digest: 'd1' }]]),
      );
    });
  });

  describe('a reserve', () => {
    // guarantee: judged-by-current-record
    test('is refused unless it was judged by the record that stands', async () => {
      const change = makeChange();
      await people().change(change);

      const unseen = await reserve(change);
      const other = await reserve(change, { seenRev: 'rev0' });
      const current = await reserve(change, { seenRev: 'rev1' });

      expect([unseen.written, other.written, current.written]).toEqual([false, false, true]);
      expect(unseen.wallet?.person).toEqual(FIRST);
    });

    test('that saw a record is refused where there is none', async () => {
      expect((await reserve(makeChange(), { seenRev: 'rev1' })).written).toBe(false);
    });

    test('lists its wallet under the first key that it is for, and records its day', async () => {
      const change = makeChange();
      const book = `of ${change.walletId}`;
      await reserve(change, { listedUnder: book, seenDay: '2026-11-28' });
      const other = { listedUnder: 'another', seenDay: '2026-11-29' };
      const { wallet } = await reserve(change, other, 'r2');

      expect(wallet?.seenDay).toBe('2026-11-29');
      expect(await people().findListed(book, '#', 10)).toEqual([change.walletId]);
      expect(await people().findListed(book, change.walletId, 10)).toEqual([]);
      expect(await people().findListed('another', '#', 10)).toEqual([]);
    });
  });

  test('nothing is known of a person whom nobody changed', async () => {
    expect(await people().findNote(makeWalletId())).toBeUndefined();
  });
}
