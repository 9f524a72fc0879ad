import fc from 'fast-check';
import { expect } from 'vitest';
import { settle } from '../../core/wallet/settle.ts';
import {
  type Asked,
  FIRST_CAPS,
  type History,
  type HistoryTables,
  startHistory,
  TOKENS,
  type Until,
  USERS,
} from './joined-history.ts';
import type { Mishap } from './joined-mishaps.ts';
import { expectKept } from './joined-promises.ts';
import { makeRow, usd } from './wallet-fixtures.ts';

const mishap = fc.constantFrom<Mishap>(
  ...([
    'none',
    'none',
    'none',
    'none',
    'none',
    'dropped',
    'answer-lost',
    'late',
    'doubled',
  ] as const),
  ...(['dies-before', 'dies-after'] as const),
);
/** Half of all requests meet none, so that refusals can be judged. */
const mishaps = fc.oneof(fc.constant([]), fc.array(mishap, { minLength: 1, maxLength: 6 }));
const is = <T extends string>(kind: T) => fc.constant(kind);
const user = fc.nat(USERS.length - 1);
const token = fc.constantFrom(...TOKENS);
const until = fc.constantFrom<Until>('now', 'last issue', 'before it');
const asked = fc
  .record({
    user: fc.option(user, { nil: undefined, freq: 6 }),
    token,
    nanoUsd: fc.integer({ min: 1, max: 400 }),
    takesLess: fc.boolean(),
    isFormer: fc.boolean(),
  })
  .map(({ user: who, ...rest }): Asked => (who === undefined ? rest : { ...rest, user: who }));
const caps = fc.record({
  token: fc.constantFrom(200n, 600n, 2_000n),
  month: fc.constantFrom(300n, 900n, 2_000n),
  requests: fc.constantFrom(3n, 30n),
  keyMonth: fc.constantFrom(300n, 600n, 1_000n, 3_000n),
  keyHour: fc.constantFrom(300n, 900n, 3_000n),
});
const SMALL: Asked = { user: 0, token: 'A', nanoUsd: 1, takesLess: false };

/** A step is told as it is played, so that a history that fails can be read. */
const NEXT_MONTH_MS = Date.parse('2026-12-01T00:00:01Z');

const step = fc.oneof(
  { weight: 9, arbitrary: fc.record({ kind: is('reserve'), asked, met: mishaps }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: is('settle'),
      which: fc.nat(99),
      percent: fc.nat(120),
      isTwice: fc.boolean(),
      met: mishaps,
    }),
  },
  fc.record({ kind: is('crash'), which: fc.nat(99) }),
  fc.record({ kind: is('deliver'), isTwice: fc.boolean() }),
  fc.record({ kind: is('sweep'), isMet: fc.boolean() }),
  fc.record({
    kind: is('wait'),
    minutes: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })),
  }),
  fc.record({ kind: is('next month') }),
  { weight: 2, arbitrary: fc.record({ kind: is('limits'), caps, asked }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: is('record'),
      // The first user's wallet is moved; wallet-histories.test.ts changes the record of such a person.
      user: fc.constantFrom(1, 2),
      month: fc.constantFrom(undefined, 0n, 200n, 900n, 3_000n),
      isBlocked: fc.constantFrom(false, false, true),
      met: mishaps,
      asked,
    }),
  },
  fc.record({ kind: is('revoke'), user, token }),
  fc.record({ kind: is('revoke all'), user, until }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function playStep(next: Step, history: History, overruns: boolean): Promise<void> {
  const { play, open, clock, setCaps } = history;
  switch (next.kind) {
    case 'reserve':
      return play.reserve(next.asked, next.met);
    case 'settle': {
      const percent = overruns ? next.percent : Math.min(next.percent, 100);
      return play.settle(next.which, percent, next.isTwice, next.met);
    }
    case 'crash':
      open.splice(next.which % (open.length || 1), 1);
      return;
    case 'deliver':
      return play.deliver(next.isTwice);
    case 'sweep':
      return play.sweep(next.isMet ? SMALL : undefined);
    case 'wait':
      return clock.advance(next.minutes * 60_000);
    case 'next month':
      return clock.advance(Math.max(0, NEXT_MONTH_MS - clock.nowMs()));
    // The changes are read at once.
    case 'limits':
      setCaps(next.caps);
      return play.reserve(next.asked, []);
    case 'record':
      await play.change(next.user, next, next.met);
      return play.reserve({ ...next.asked, user: next.user }, next.met);
    case 'revoke':
      await play.revoke(next);
      return play.reserve({ ...SMALL, ...next }, []);
    case 'revoke all':
      await play.revokeAll(next.user, next.until);
      return play.reserve({ ...SMALL, user: next.user }, []);
  }
}

/** Plays histories, each on tables of its own or of a key of its own; at every step the promises must hold. */
export async function playHistories(
  start: () => HistoryTables,
  parameters: fc.Parameters<unknown>,
): Promise<void> {
  const steps = fc.array(step, { minLength: 5, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 0, max: 3 }), async (history, overrunsOfFour) => {
      const tables = start();
      const played = startHistory(tables);
      await played.begin();
      for (const next of history) {
        await playStep(next, played, overrunsOfFour === 0);
        await expectKept(played);
      }
      await expectRest(played, tables);
    }),
    parameters as never,
  );
}

/** Promise 2: whatever was going on, a lease later nothing is held, and what is left of the budget can be spent. */
async function expectRest(played: History, { keyId }: HistoryTables): Promise<void> {
  await played.play.deliver(true);
  played.clock.advance(7_200_000);
  await played.play.sweep();
  await expectKept(played);
  const all = await played.readAll();
  const standing = all.filter(({ movedTo }) => movedTo === undefined);
  expect(standing.map(({ inFlight, holds, dueAtMs }) => [inFlight, holds.size, dueAtMs])).toEqual(
    standing.map(() => [0, 0, undefined]),
  );
  if (played.overrun() > 0n) return;

  played.setCaps({ ...FIRST_CAPS, keyHour: 9_000n, keyMonth: 3_001n });
  const month = new Date(played.clock.nowMs()).toISOString().slice(0, 7);
  const spent = [...played.rows.values()]
    .filter(({ reservedAtMs }) => new Date(reservedAtMs).toISOString().startsWith(month))
    .reduce((sum, { cost }) => sum + cost.usd, 0n);
  const last: Asked = { token: 'A', nanoUsd: Number(3_001n - spent), takesLess: false };
  const { hold } = await played.ask(last);
  await settle(hold, makeRow(hold, usd(last.nanoUsd, 1n), { keyId }), played.steady);
  expect(await played.drawnOf(`usd:month:${month}`)).toBe(3_001n);
  await expect(played.ask({ ...last, nanoUsd: 1 })).rejects.toMatchObject({
    code: 'insufficient_quota',
  });
}
