import { describe, expect, test } from 'vitest';
import {
  codeIdOf,
  type Enrolment,
  enrol,
  enrolmentIdOf,
  spendCode,
} from '../../../core/sign-in/enrolment.ts';
import { makeSignInKit, type SignInKit } from '../../support/sign-in-kit.ts';

const ID = enrolmentIdOf('link');
const DAY_MS = 86_400_000;

const openEnrolment = ({ ports }: SignInKit, other: Partial<Enrolment> = {}): Enrolment => ({
  keyName: 'course',
  by: 'login',
  domains: [],
  limitNanoUsd: '2000000000',
  placesMax: 3,
  endsAtMs: ports.clock.nowMs() + DAY_MS,
  createdAtMs: ports.clock.nowMs(),
  ...other,
});

const enrolAll = (kit: SignInKit, users: readonly string[], enrolment = openEnrolment(kit)) =>
  Promise.allSettled(users.map((user) => enrol(ID, enrolment, user, kit.ports)));

describe('an enrolment', () => {
  // guarantee: enrolment-places
  test('gives 20 places to 100 people who come at once', async () => {
    const kit = makeSignInKit();
    const users = Array.from({ length: 100 }, (_, index) => `u${index}@example.edu`);
    const all = await enrolAll(kit, users, openEnrolment(kit, { placesMax: 20 }));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    expect(kit.given).toHaveLength(20);
  });

  test('counts one person once, however often they come at once and later', async () => {
    const kit = makeSignInKit();
    const enrolment = openEnrolment(kit);
    const all = await enrolAll(kit, Array(10).fill('ada@example.edu'), enrolment);
    const tokens = all.filter((each) => each.status === 'fulfilled').map(({ value }) => value.jti);
    const later = await enrol(ID, enrolment, 'ada@example.edu', kit.ports);
    expect(new Set([...tokens, later.jti]).size).toBe(1);
    const others = await enrolAll(kit, ['bo@example.edu', 'cy@example.edu', 'di@example.edu']);
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  });

  test('gives each person their own limit, once', async () => {
    const kit = makeSignInKit();
    const enrolment = openEnrolment(kit);
    await enrol(ID, enrolment, 'ada@example.edu', kit.ports);
    await enrol(ID, enrolment, 'ada@example.edu', kit.ports);
    expect(kit.given).toEqual(['ada@example.edu 2000000000']);
  });

  test('gives the limit at the next visit when it could not be written at the first', async () => {
    const kit = makeSignInKit();
    const enrolment = openEnrolment(kit);
    let isDown = true;
    const { ports, given } = kit;
    const people = {
      ...ports.people,
      giveLimit: async (_: unknown, user: string) => {
        if (isDown) throw new Error('down');
        given.push(user);
      },
    };
    await expect(enrol(ID, enrolment, 'ada@example.edu', { ...ports, people })).rejects.toThrow();
    isDown = false;
    await enrol(ID, enrolment, 'ada@example.edu', { ...ports, people });
    expect(given).toEqual(['ada@example.edu']);
  });

  test('refuses a person whom the owner has blocked, and takes no place for them', async () => {
    const kit = makeSignInKit();
    kit.blocked.add('eve@example.edu');
    const [refused] = await enrolAll(kit, ['eve@example.edu']);
    expect(refused?.status).toBe('rejected');
    const others = await enrolAll(kit, ['a@x.edu', 'b@x.edu', 'c@x.edu']);
    expect(others.every(({ status }) => status === 'fulfilled')).toBe(true);
  });

  test('keeps the link and the codes as hashes', async () => {
    const kit = makeSignInKit();
    const id = codeIdOf(ID, 'ABCDEFGHIJKLMNOP');
    await kit.store.create({ id, expiresAtMs: kit.ports.clock.nowMs() + DAY_MS, data: '{}' });
    expect(kit.stored()).not.toContain('ABCDEFGHIJKLMNOP');
    expect(ID).not.toContain('link');
  });
});

describe('a code of a list', () => {
  // guarantee: enrolment-code-once
  test('is used once, also when twenty come with it at once', async () => {
    const kit = makeSignInKit();
    const id = codeIdOf(ID, 'ABCDEFGHIJKLMNOP');
    await kit.store.create({ id, expiresAtMs: kit.ports.clock.nowMs() + DAY_MS, data: '{}' });
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, () => spendCode(ID, 'ABCDEFGHIJKLMNOP', kit.ports)),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('of another link is unknown', async () => {
    const kit = makeSignInKit();
    const id = codeIdOf('enrol#other', 'ABCDEFGHIJKLMNOP');
    await kit.store.create({ id, expiresAtMs: kit.ports.clock.nowMs() + DAY_MS, data: '{}' });
    await expect(spendCode(ID, 'ABCDEFGHIJKLMNOP', kit.ports)).rejects.toThrow('not in force');
  });
});
