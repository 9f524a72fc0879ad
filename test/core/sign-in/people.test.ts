/** The limit that an enrolment gives: once, in force, and never in place of one that the owner has set. */
import { expect, test } from 'vitest';
import { asKeyId } from '../../../core/base/ids.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import { makePeopleOfKeys, type PeopleOfKeysPorts } from '../../../core/sign-in/people.ts';
import type { OwnLimit, PersonChange } from '../../../core/wallet/person.ts';

const NOW_MS = 1_795_176_000_000;
const total = (amount: bigint, untilMs?: number): OwnLimit => ({
  ...{ per: 'user', unit: 'usd', window: 'total', amount },
  ...(untilMs !== undefined && { untilMs }),
});

/** Gives two dollars to a person with these limits. @returns their limits afterwards */
async function give(limits: readonly OwnLimit[]): Promise<readonly OwnLimit[]> {
  const changes: PersonChange[] = [];
  const person = { rev: 'r', limits, creditNanoUsd: 0n, isBlocked: false };
  const ports = {
    wallets: { find: async () => ({ person }) },
    people: {
      findNote: async () => undefined,
      change: async (change: PersonChange) => {
        changes.push(change);
        return 'changed';
      },
    },
    clock: { nowMs: () => NOW_MS, sleep: async () => {} },
    random: { uuid: () => '00000000-0000-4000-8000-000000000001', below: () => 0 },
  } as unknown as PeopleOfKeysPorts;
  const { giveLimit } = makePeopleOfKeys(ports);
  await giveLimit(asKeyId('key'), 'ada@example.edu', asNanoUsd(2_000_000_000n), 'once');
  return changes[0]?.person.limits ?? [];
}

test('is given to a person without one, beside their other limits', async () => {
  const week: OwnLimit = { per: 'user', unit: 'usd', window: 'week', amount: 1n };
  expect(await give([week])).toEqual([week, total(2_000_000_000n)]);
});

test.each([
  ['that always holds', total(5n)],
  ['that still holds', total(5n, NOW_MS + 1)],
])('leaves a limit %s as it is', async (_, own) => {
  expect(await give([own])).toEqual([own]);
});

test('takes the place of a limit that has ended, which bounds nobody', async () => {
  expect(await give([total(90_000_000_000n, NOW_MS)])).toEqual([total(2_000_000_000n)]);
});
