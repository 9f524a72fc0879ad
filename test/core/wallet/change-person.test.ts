import { beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import {
  type ChangePersonPorts,
  changePerson,
  type PersonState,
} from '../../../core/wallet/change-person.ts';
import { type Fault, makeFaultyLine } from '../../support/faulty.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import { type ManualClock, refusalOf, WALLET_ID } from '../../support/wallet-fixtures.ts';

const DAY_MS = 86_400_000;

let ports: ChangePersonPorts & { readonly clock: ManualClock };
beforeEach(() => {
  const { wallets, clock } = makeMemoryPorts();
  let count = 0;
  const uuid = () => {
    count += 1;
    return `${String(count).padStart(8, '0')}-0000`;
  };
  ports = { wallets, people: wallets.people, clock, random: { uuid, fraction: () => 0.5 } };
});

const addCredit =
  (amount: bigint) =>
  (state: PersonState): PersonState => ({
    ...state,
    creditNanoUsd: state.creditNanoUsd + amount,
  });
const credit = (amount: bigint, idempotencyKey?: string, over: ChangePersonPorts = ports) =>
  changePerson(
    {
      walletId: WALLET_ID,
      digest: `credit ${amount}`,
      edit: addCredit(amount),
      texts: {},
      ...(idempotencyKey && { idempotencyKey }),
    },
    over,
  );
const findPerson = async () => (await ports.wallets.find(WALLET_ID))?.person;

describe('a change of a person', () => {
  test('makes a record under a new "rev" each time', async () => {
    await credit(5n);
    const first = await findPerson();
    await credit(7n);

    expect(first).toEqual({ rev: '00000002', limits: [], creditNanoUsd: 5n, isBlocked: false });
    expect(await findPerson()).toMatchObject({ rev: '00000004', creditNanoUsd: 12n });
  });

  test('under one key credits once, of 20 at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => credit(5n, 'top-up')));

    expect((await findPerson())?.creditNanoUsd).toBe(5n);
  });

  test('under keys of their own credits each, of five at once', async () => {
    await Promise.all(Array.from({ length: 5 }, () => credit(5n)));

    expect((await findPerson())?.creditNanoUsd).toBe(25n);
  });

  // guarantee: change-once
  test.each<Fault>(['dropped', 'answer-lost', 'late', 'doubled'])(
    'that is %s is made once',
    async (fault) => {
      const line = makeFaultyLine(
        () => new GatewayError('service_unavailable', { transient: true }),
      );
      const faults = [fault];
      const people = {
        ...ports.people,
        change: (change: Parameters<typeof ports.people.change>[0]) =>
          line.through(faults.shift() ?? 'none', () => ports.people.change(change)),
      };

      await credit(5n, undefined, { ...ports, people });
      await line.deliver();

      expect((await findPerson())?.creditNanoUsd).toBe(5n);
    },
  );

  test('is refused if its key was used for another one', async () => {
    await credit(5n, 'top-up');

    const { code, message } = await refusalOf(credit(6n, 'top-up'));

    expect([code, message]).toEqual([
      'invalid_request',
      'the idempotency key was used for another change in the last 24 hours',
    ]);
    expect((await findPerson())?.creditNanoUsd).toBe(5n);
  });

  test.each([
    [DAY_MS - 1, 5n],
    [DAY_MS, 10n],
  ])('may use a key again after a day (%i ms)', async (waitMs, total) => {
    await credit(5n, 'top-up');
    ports.clock.advance(waitMs);
    await credit(5n, 'top-up');

    expect((await findPerson())?.creditNanoUsd).toBe(total);
  });

  test('refuses more limits than fit', async () => {
    const limit = { per: 'user', unit: 'usd', window: 'day', amount: 10n ** 15n } as const;
    const limits = Array.from({ length: 9 }, () => limit);
    const edit = (state: PersonState): PersonState => ({ ...state, limits });

    const { message } = await refusalOf(
      changePerson({ walletId: WALLET_ID, digest: 'd', edit, texts: {} }, ports),
    );

    expect(message).toBe('"limits" has 9 limits, which are too long together; five always fit');
    expect(await findPerson()).toBeUndefined();
  });

  test('passes on the refusal of its edit', async () => {
    const edit = (): PersonState => {
      throw new GatewayError('invalid_request', { message: 'no limit to add credit to' });
    };

    const { message } = await refusalOf(
      changePerson({ walletId: WALLET_ID, digest: 'd', edit, texts: {} }, ports),
    );

    expect(message).toBe('no limit to add credit to');
  });
});
