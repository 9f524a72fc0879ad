import { beforeEach, describe, expect, test } from 'vitest';
import { hashOfKey, isWellFormed } from '../../core/api-key.ts';
import {
  createKey,
  disableKey,
  listChanges,
  noteRevocation,
  rotateKey,
  setKey,
} from '../../core/key-admin.ts';
import { parseLimit } from '../../core/limits.ts';
import { type MemoryKeyAdmin, makeMemoryKeyAdmin } from '../support/memory-key-admin.ts';
import { NOW_MS } from '../support/tokens.ts';

const SETTINGS = {
  models: ['demo/*'],
  limits: [parseLimit('user:usd:week=5')],
  maxTokenLifetimeSeconds: 3_600,
};
const HOUR_MS = 3_600_000;

let admin: MemoryKeyAdmin;
const make = (name = 'course', user?: string) =>
  createKey({ name, user, settings: SETTINGS }, admin);
const current = () => admin.records.get('course');
const refusal = (message: string) =>
  expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(message) });
const actions = async () => {
  const record = current();
  const changes = record === undefined ? [] : await listChanges(record, admin.store);
  return changes.map(({ action }) => action);
};

beforeEach(() => {
  admin = makeMemoryKeyAdmin();
});

describe('making a key', () => {
  test('writes its secret first and its record last', async () => {
    const { record, key } = await make();
    expect(admin.calls).toEqual(['create secret', 'note create', 'create record']);
    expect(isWellFormed(key)).toBe(true);
    expect(admin.secrets.get(`${record.id} ${record.version}`)).toBe(key);
    expect(admin.pointers.get(hashOfKey(key))).toBe('course');
    expect(current()).toEqual({
      id: record.id,
      account: 'acct_test',
      name: 'course',
      kind: 'server',
      version: record.version,
      keyHash: hashOfKey(key),
      disabled: false,
      ...SETTINGS,
      revoked: [],
      createdAtMs: NOW_MS,
      revision: record.revision,
    });
    expect(JSON.stringify([...admin.changes.values()])).not.toContain(key);
  });

  test('with a user makes one that speaks for them alone', async () => {
    const { record } = await make('mine', 'ada');
    expect(record).toMatchObject({ kind: 'personal', user: 'ada' });
  });

  test('is refused where the name was used, before anything is written', async () => {
    await make();
    await disableKey('course', admin);
    admin.calls.length = 0;
    await expect(make()).rejects.toThrow(refusal('names are not used again'));
    expect(admin.calls).toEqual([]);
  });
});

describe('setting a key', () => {
  test('changes what is named and nothing else, and says what it was', async () => {
    const { record } = await make();
    admin.nowMs += 1;
    const changed = await setKey('course', { maxTokenLifetimeSeconds: 60 }, admin);
    expect(changed).toEqual({
      ...record,
      maxTokenLifetimeSeconds: 60,
      revision: changed.revision,
    });
    const [last] = await listChanges(changed, admin.store);
    expect(last).toEqual({
      id: changed.revision,
      keyId: record.id,
      after: record.revision,
      atMs: NOW_MS + 1,
      by: 'grace',
      action: 'set',
      fields: { maxTokenLifetime: '3600s -> 60s' },
    });
  });

  test('to any model leaves no list', async () => {
    await make();
    expect(await setKey('course', { models: undefined }, admin)).not.toHaveProperty('models');
  });

  test('to what it has changes nothing and writes nothing down', async () => {
    const { record } = await make();
    expect(await setKey('course', { models: ['demo/*'] }, admin)).toEqual(record);
    expect(await actions()).toEqual(['create']);
  });

  test('is refused when another change came in between, and is no part of the chain then', async () => {
    await make();
    admin.beforeReplace = () => {
      admin.beforeReplace = () => {};
      const record = current();
      if (record) admin.records.set('course', { ...record, revision: 'theirs' });
      admin.changes.set('theirs', change('theirs', record?.revision));
    };
    await expect(setKey('course', { limits: [] }, admin)).rejects.toThrow(
      refusal('was changed by another command'),
    );
    expect(current()?.limits).toEqual(SETTINGS.limits);
    expect(await actions()).toEqual(['disable', 'create']);
  });

  const change = (id: string, after: string | undefined) => ({
    id,
    keyId: current()?.id ?? ('' as never),
    ...(after !== undefined && { after }),
    atMs: 1,
    by: 'other',
    action: 'disable' as const,
    fields: {},
  });
});

describe('rotating a key', () => {
  test('adds its secret and its pointer before the record names them', async () => {
    const first = await make();
    admin.calls.length = 0;
    const { record, key } = await rotateKey('course', 2 * HOUR_MS, admin);
    expect(admin.calls).toEqual(['add secret', 'point', 'note rotate', 'replace']);
    expect(key).not.toBe(first.key);
    expect(record).toEqual({
      ...first.record,
      version: record.version,
      keyHash: hashOfKey(key),
      former: { version: first.record.version, untilMs: NOW_MS + 2 * HOUR_MS },
      revision: record.revision,
    });
    expect(admin.secrets.get(`${record.id} ${record.version}`)).toBe(key);
    expect(admin.pointers.get(hashOfKey(first.key))).toBe('course');
  });

  test('lets the former string hold as long as its tokens may live, unless told', async () => {
    await make();
    const { record } = await rotateKey('course', undefined, admin);
    expect(record.former?.untilMs).toBe(NOW_MS + HOUR_MS);
  });

  test('now leaves no former string, whatever there was', async () => {
    await make();
    await rotateKey('course', HOUR_MS, admin);
    expect((await rotateKey('course', 0, admin)).record).not.toHaveProperty('former');
  });

  test('waits for the end of an overlap, to the millisecond', async () => {
    await make();
    await rotateKey('course', HOUR_MS, admin);
    admin.nowMs = NOW_MS + HOUR_MS - 1;
    await expect(rotateKey('course', HOUR_MS, admin)).rejects.toThrow(
      refusal('its former string holds until 2026-11-20T13:00:00.000Z'),
    );
    admin.nowMs = NOW_MS + HOUR_MS;
    expect((await rotateKey('course', HOUR_MS, admin)).record.former?.untilMs).toBe(
      NOW_MS + 2 * HOUR_MS,
    );
  });

  test('that lost to another one leaves the record with a version that has a secret', async () => {
    await make();
    admin.beforeReplace = () => {
      const record = current();
      admin.beforeReplace = () => {};
      if (record) admin.records.set('course', { ...record, revision: 'theirs' });
    };
    await expect(rotateKey('course', 0, admin)).rejects.toThrow(refusal('by another command'));
    const record = current();
    expect(admin.secrets.has(`${record?.id} ${record?.version}`)).toBe(true);
  });

  test('is refused for a key that is disabled, or is not there', async () => {
    await make();
    await disableKey('course', admin);
    await expect(rotateKey('course', 0, admin)).rejects.toThrow(refusal('"course" is disabled'));
    await expect(rotateKey('other', 0, admin)).rejects.toThrow(refusal('no key "other"'));
  });
});

describe('disabling a key', () => {
  test('happens once', async () => {
    await make();
    expect(await disableKey('course', admin)).toBe(true);
    expect(current()?.disabled).toBe(true);
    expect(await disableKey('course', admin)).toBe(false);
    expect(await actions()).toEqual(['disable', 'create']);
  });
});

describe('noting a revocation', () => {
  test('tries again when another change came in between, three times in all', async () => {
    await make();
    let rivals = 2;
    const rival = (): void => {
      const record = current();
      if (rivals > 0 && record) admin.records.set('course', { ...record, revision: `r${rivals}` });
      rivals -= 1;
    };
    admin.beforeReplace = rival;
    await noteRevocation('course', { jti: 'a' }, admin);
    expect((await actions())[0]).toBe('revoke');
    rivals = 3;
    await expect(noteRevocation('course', { jti: 'b' }, admin)).rejects.toThrow(
      refusal('are revoked, but that could not be written down'),
    );
  });
});
