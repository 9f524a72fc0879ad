import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { hashOfKey, isWellFormed } from '../../../core/keys/api-key.ts';
import { createKey, listChanges, noteRevocation, setKey } from '../../../core/keys/key-admin.ts';
import { disableKey, rotateKey } from '../../../core/keys/key-rotation.ts';
import { type MemoryKeyAdmin, makeMemoryKeyAdmin } from '../../support/memory-key-admin.ts';
import { NOW_MS } from '../../support/tokens.ts';

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
  test('writes a mark first, then its secret, and its record last, which ends the mark', async () => {
    const { record, key } = await make();
    expect(admin.calls).toEqual([
      ...['point id', 'mark secret', 'create secret', 'note create', 'create record'],
    ]);
    expect(admin.endings.size).toBe(0);
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

  test('with a user makes a key that speaks for that user only', async () => {
    const { record } = await make('mine', 'ada');
    expect(record).toMatchObject({ kind: 'personal', user: 'ada' });
  });

  test('is refused if the name was used, before anything is written', async () => {
    await make();
    await disableKey('course', admin);
    admin.calls.length = 0;
    await expect(make()).rejects.toThrow(refusal('names are not used again'));
    expect(admin.calls).toEqual([]);
  });
});

describe('setting a key', () => {
  test('changes only the named settings, and lists their old values', async () => {
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

  test('to any model removes the list', async () => {
    await make();
    expect(await setKey('course', { models: undefined }, admin)).not.toHaveProperty('models');
  });

  test('to its current values writes nothing', async () => {
    const { record } = await make();
    expect(await setKey('course', { models: ['demo/*'] }, admin)).toEqual(record);
    expect(await actions()).toEqual(['create']);
  });

  test('is refused if another change came between, and is then not in the list of changes', async () => {
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

describe('a key that knows its users', () => {
  const JWT_SECRET = 'CANARY-secret-of-the-issuer-long-enough';
  const VERIFIER = { material: { kind: 'secret', secret: JWT_SECRET } } as const;
  const makeClient = (more: Partial<Parameters<typeof createKey>[0]['settings']> = {}) =>
    createKey(
      {
        name: 'course',
        clientAccess: true,
        settings: { ...SETTINGS, verifier: VERIFIER, ...more },
      },
      admin,
    );

  test('is made a client key: its secrets come before its record, and no secret is in the list of changes', async () => {
    const { record, key } = await makeClient({ allowedOrigins: ['https://app.example.edu'] });
    expect(admin.calls).toEqual(['add JWT secret', 'note create', 'create record']);
    expect(record).toMatchObject({
      kind: 'client',
      verifier: { key: { kind: 'secret' }, algorithms: ['HS256'] },
      allowedOrigins: ['https://app.example.edu'],
    });
    const { key: verifies } = record.verifier ?? {};
    const version = verifies?.kind === 'secret' ? verifies.version : '';
    expect(admin.secrets.get(`${record.id} jwt ${version}`)).toBe(JWT_SECRET);
    const [first] = await listChanges(record, admin.store);
    expect(first?.fields).toEqual({
      kind: 'client',
      models: 'demo/*',
      limits: 'user:usd:week=5',
      maxTokenLifetime: '3600s',
      verifier: `shared secret ${version}`,
      algorithms: 'HS256',
      clockTolerance: '5s',
      allowedOrigins: 'https://app.example.edu',
    });
    const written = inspect([...admin.changes.values(), ...admin.records.values()], { depth: 9 });
    expect(written).not.toContain(JWT_SECRET);
    expect(written).not.toContain(key);
  });

  test.each([
    [
      'a client key without a verifier',
      { clientAccess: true },
      {},
      'a client key needs a verifier',
    ],
    [
      'a client key of one user',
      { clientAccess: true, user: 'ada' },
      { verifier: VERIFIER },
      'not for one user',
    ],
    [
      'a personal key with a verifier',
      { user: 'ada' },
      { verifier: VERIFIER },
      'a personal key has none',
    ],
    [
      'a personal key that reads a header',
      { user: 'ada' },
      { identity: { identityHeader: true } },
      'only a server key',
    ],
    [
      'a short secret',
      {},
      { verifier: { material: { kind: 'secret', secret: 'short' } } },
      '32 bytes',
    ],
  ] as const)('is not made: %s', async (_, kind, settings, message) => {
    const made = createKey(
      { name: 'course', ...kind, settings: { ...SETTINGS, ...settings } },
      admin,
    );
    await expect(made).rejects.toThrow(refusal(message));
    expect(admin.calls).toEqual([]);
  });

  test('gets a new secret before its record names it, and a running rotation goes on', async () => {
    await makeClient();
    const rotated = await rotateKey('course', HOUR_MS, admin);
    admin.calls.length = 0;
    const secret = 'another-secret-of-the-issuer-long-enough';
    const changed = await setKey(
      'course',
      { verifier: { material: { kind: 'secret', secret } } },
      admin,
    );
    expect(admin.calls).toEqual(['add JWT secret', 'note set', 'replace']);
    expect(changed.former).toEqual(rotated.record.former);
    expect(changed.keyHash).toBe(rotated.record.keyHash);
    const [last] = await listChanges(changed, admin.store);
    expect(last?.fields).toEqual({
      verifier: expect.stringMatching(/^shared secret \S+ -> shared secret \S+$/),
    });
  });

  test('keeps the settings that are not named, and loses those that are cleared', async () => {
    await make();
    const identity = { identityHeader: true, allowedDomains: ['example.edu'] };
    await setKey('course', { identity, verifier: VERIFIER }, admin);
    const enforced = await setKey('course', { identity: { enforceIdentity: true } }, admin);
    expect(enforced.identity).toEqual({ ...identity, enforceIdentity: true });
    expect(enforced.verifier?.algorithms).toEqual(['HS256']);
    const off = { identityHeader: false, allowedDomains: [], enforceIdentity: false };
    const cleared = await setKey('course', { identity: off, allowedOrigins: undefined }, admin);
    expect(cleared).not.toHaveProperty('identity');
    expect(cleared.kind).toBe('server');
  });

  test('may use key sets on this machine if that is allowed', async () => {
    const url = 'http://127.0.0.1:9/jwks';
    const verifier = { material: { kind: 'jwks', url }, anyAudience: true } as const;
    await expect(makeClient({ verifier })).rejects.toThrow(refusal('must be an https URL'));
    const local = { ...admin, allowLoopback: true };
    const { record } = await createKey(
      { name: 'course', clientAccess: true, settings: { ...SETTINGS, verifier } },
      local,
    );
    expect(record.verifier?.key).toEqual({ kind: 'jwks', url });
  });
});

describe('rotating a key', () => {
  test('makes its secret and its pointer before the record names them', async () => {
    const first = await make();
    admin.calls.length = 0;
    const { record, key } = await rotateKey('course', 2 * HOUR_MS, admin);
    expect(admin.calls).toEqual([
      ...['mark secret', 'create secret', 'point', 'note rotate', 'replace'],
    ]);
    expect(key).not.toBe(first.key);
    expect(record).toEqual({
      ...first.record,
      version: record.version,
      keyHash: hashOfKey(key),
      former: {
        version: first.record.version,
        untilMs: NOW_MS + 2 * HOUR_MS,
        rotatedAtMs: NOW_MS,
      },
      revision: record.revision,
    });
    expect(admin.secrets.get(`${record.id} ${record.version}`)).toBe(key);
    expect(admin.pointers.get(hashOfKey(first.key))).toBe('course');
  });

  test('keeps the former string valid for the longest token lifetime, unless another overlap is given', async () => {
    await make();
    const { record } = await rotateKey('course', undefined, admin);
    expect(record.former?.untilMs).toBe(NOW_MS + HOUR_MS);
  });

  test('with --now leaves no former string', async () => {
    await make();
    await rotateKey('course', HOUR_MS, admin);
    expect((await rotateKey('course', 0, admin)).record).not.toHaveProperty('former');
  });

  test('is refused until the overlap has ended, to the millisecond', async () => {
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

  test('that lost against another leaves the record with a version that has a secret', async () => {
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

  test('is refused for a key that is disabled or does not exist', async () => {
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
  test('tries again if another change came between, three times in all', async () => {
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
      refusal('are revoked, but the list of changes could not be written'),
    );
  });
});

test('every change lists who, what and when in one chain, and the id of a key never changes', async () => {
  const ids = new Set<string>();
  const steps: readonly (() => Promise<unknown>)[] = [
    () => make(),
    () => setKey('course', { models: ['openai/*'] }, admin),
    () => rotateKey('course', HOUR_MS, admin),
    () => noteRevocation('course', { jti: 'a' }, admin),
    () => disableKey('course', admin),
  ];
  for (const step of steps) {
    await step();
    ids.add(current()?.id ?? '');
    admin.nowMs += 1_000;
  }
  const record = current();
  const rows = record === undefined ? [] : await listChanges(record, admin.store);
  expect(
    rows.map(({ action, by, atMs, fields }) => [action, by, atMs, Object.keys(fields)]),
  ).toEqual([
    ['disable', 'grace', NOW_MS + 4_000, []],
    ['revoke', 'grace', NOW_MS + 3_000, ['jti']],
    ['rotate', 'grace', NOW_MS + 2_000, ['former']],
    ['set', 'grace', NOW_MS + 1_000, ['models']],
    ['create', 'grace', NOW_MS, ['models', 'limits', 'maxTokenLifetime']],
  ]);
  expect(rows.map(({ after }) => after)).toEqual([...rows.slice(1).map(({ id }) => id), undefined]);
  expect(ids.size).toBe(1);
});
