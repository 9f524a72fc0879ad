import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SignInStore } from '../../core/sign-in/ports.ts';

const NOW_MS = 1_795_176_000_000;
const LATER_MS = NOW_MS + 60_000;

interface StoreKit {
  readonly store: SignInStore;
  close(): Promise<void> | void;
}

/** Grants of sign-in: each change follows the state that was seen. */
export function describeSignInStore(name: string, start: () => Promise<StoreKit>): void {
  let kit: StoreKit;
  let made = 0;
  const makeId = (): string => {
    made += 1;
    return `device#${made}`;
  };
  const makeGrant = (data = '{"step":"pending"}') => ({
    id: makeId(),
    expiresAtMs: LATER_MS,
    data,
  });

  beforeAll(async () => {
    kit = await start();
  });
  afterAll(() => kit.close());

  describe(`grants ${name}`, () => {
    test('are found as they were written', async () => {
      const grant = makeGrant();
      expect(await kit.store.find(grant.id, NOW_MS)).toBeUndefined();
      expect(await kit.store.create(grant)).toBe(true);
      expect(await kit.store.find(grant.id, NOW_MS)).toEqual({ ...grant, rev: 1 });
    });

    test('are gone from the instant at which they expire, though the item is there', async () => {
      const grant = makeGrant();
      await kit.store.create(grant);
      expect(await kit.store.find(grant.id, LATER_MS - 1)).toBeDefined();
      expect(await kit.store.find(grant.id, LATER_MS)).toBeUndefined();
    });

    // guarantee: grant-is-new
    test('take an id once, of 20 at once', async () => {
      const id = makeId();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          kit.store.create({ id, expiresAtMs: LATER_MS, data: String(index) }),
        ),
      );
      expect(outcomes.filter((isMade) => isMade)).toHaveLength(1);
      const found = await kit.store.find(id, NOW_MS);
      expect(found?.data).toBe(String(outcomes.indexOf(true)));
    });

    // guarantee: grant-as-seen
    test('are changed by one of 20 that saw the same state', async () => {
      const grant = makeGrant();
      await kit.store.create(grant);
      const seen = { ...grant, rev: 1 };
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          kit.store.replace(seen, { expiresAtMs: LATER_MS, data: String(index) }),
        ),
      );
      expect(outcomes.filter((isMade) => isMade)).toHaveLength(1);
      const found = await kit.store.find(grant.id, NOW_MS);
      expect(found).toMatchObject({ rev: 2, data: String(outcomes.indexOf(true)) });
    });

    test('are not brought back by a change of what is not there', async () => {
      const grant = { ...makeGrant(), rev: 1 };
      expect(await kit.store.replace(grant, grant)).toBe(false);
      expect(await kit.store.find(grant.id, NOW_MS)).toBeUndefined();
    });

    // guarantee: count-has-room
    test('count up to a maximum and no further, of 20 at once', async () => {
      const id = `count#${makeId()}`;
      const counts = Array.from({ length: 20 }, () =>
        kit.store.count(id, { max: 7, expiresAtMs: LATER_MS }),
      );
      const outcomes = await Promise.all(counts);
      expect(outcomes.filter((isCounted) => isCounted)).toHaveLength(7);
      expect(await kit.store.count(id, { max: 7, expiresAtMs: LATER_MS })).toBe(false);
      expect(await kit.store.count(id, { max: 8, expiresAtMs: LATER_MS })).toBe(true);
    });

    // guarantee: count-not-negative
    test('take a count back, and no more than was counted', async () => {
      const id = `count#${makeId()}`;
      const bounds = { max: 1, expiresAtMs: LATER_MS };
      await kit.store.uncount(id);
      expect(await kit.store.count(id, bounds)).toBe(true);
      expect(await kit.store.count(id, bounds)).toBe(false);
      await kit.store.uncount(id);
      await kit.store.uncount(id);
      expect(await kit.store.count(id, bounds)).toBe(true);
      expect(await kit.store.count(id, bounds)).toBe(false);
    });
  });
}
