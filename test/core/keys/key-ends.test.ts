/**
 * Keys that end, that keep no secret, and that another key's owner manages.
 */
import { beforeEach, expect, test } from 'vitest';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { createKey, setKey } from '../../../core/keys/key-admin.ts';
import { disableKey, rotateKey } from '../../../core/keys/key-rotation.ts';
import { type KeySettings, mergeControls } from '../../../core/keys/key-settings.ts';
import { type MemoryKeyAdmin, makeMemoryKeyAdmin } from '../../support/memory-key-admin.ts';
import { JWT_SECRET } from '../../support/memory-keys.ts';
import { NOW_MS } from '../../support/tokens.ts';

const SETTINGS: KeySettings = { models: undefined, limits: [], maxTokenLifetimeSeconds: 3_600 };
const VERIFIER = { material: { kind: 'secret', secret: JWT_SECRET } } as const;

let admin: MemoryKeyAdmin;
const refusal = (message: string) =>
  expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(message) });
const makePersonal = (settings: Partial<KeySettings> = {}, name = 'laptop') =>
  createKey({ name, user: 'ada', settings: { ...SETTINGS, ...settings } }, admin);

beforeEach(() => {
  admin = makeMemoryKeyAdmin();
});

test('500 personal keys, each rotated, keep no secret', async () => {
  for (let index = 0; index < 500; index += 1) {
    await makePersonal({}, `laptop ${index}`);
    await rotateKey(`laptop ${index}`, undefined, admin);
  }
  expect(admin.records.size).toBe(500);
  expect(admin.secrets.size).toBe(0);
});

test('a client key keeps only the secret of its JWTs', async () => {
  const settings = { ...SETTINGS, verifier: VERIFIER };
  const { record } = await createKey({ name: 'app', clientAccess: true, settings }, admin);
  expect([...admin.secrets.keys()]).toEqual([expect.stringContaining(`${record.id} jwt`)]);
});

test('an end is set, changed and removed, and each change is listed', async () => {
  const { record } = await makePersonal({ expiresAtMs: NOW_MS + 1_000 });
  expect(record.expiresAtMs).toBe(NOW_MS + 1_000);
  const later = await setKey('laptop', { expiresAtMs: NOW_MS + 2_000 }, admin);
  expect(later.expiresAtMs).toBe(NOW_MS + 2_000);
  expect([...admin.changes.values()].at(-1)?.fields).toEqual({
    expires: `${new Date(NOW_MS + 1_000).toISOString()} -> ${new Date(NOW_MS + 2_000).toISOString()}`,
  });
  expect(await setKey('laptop', { expiresAtMs: undefined }, admin)).not.toHaveProperty(
    'expiresAtMs',
  );
  expect(await setKey('laptop', { limits: [parseLimit('user:usd:day=1')] }, admin)).toMatchObject({
    name: 'laptop',
  });
});

test('only a client or personal key is managed, and only by a server key in force', async () => {
  await expect(makePersonal({ managedBy: 'course' })).rejects.toThrow(refusal('no key "course"'));
  await createKey({ name: 'course', settings: SETTINGS }, admin);
  expect((await makePersonal({ managedBy: 'course' })).record.managedBy).toBe('course');
  await expect(makePersonal({ managedBy: 'laptop' }, 'phone')).rejects.toThrow(
    refusal('must be a server key in force'),
  );
  await expect(setKey('course', { managedBy: 'course' }, admin)).rejects.toThrow(
    refusal('only a client or personal key'),
  );
});

test('a personal key has no limits of a whole key', async () => {
  const limits = [parseLimit('key:usd:month=5')];
  await expect(makePersonal({ limits })).rejects.toThrow(refusal('has no "key:" limits'));
});

test('joined name spaces go with neither a trusted e-mail address nor a personal key', async () => {
  const identity = { identityNamespace: 'email', trustEmail: true } as const;
  const settings = { ...SETTINGS, identity };
  await expect(createKey({ name: 'chat', settings }, admin)).rejects.toThrow(
    refusal('users are joined by verified e-mail'),
  );
  await expect(makePersonal({ identity: { identityNamespace: 'email' } })).rejects.toThrow(
    refusal('users are joined by verified e-mail'),
  );
});

test('the usual name of the conversation header is no rule of its own', () => {
  expect(mergeControls(undefined, { conversationHeader: 'x-conversation-id' })).toBeUndefined();
  expect(mergeControls(undefined, { conversationHeader: 'x-thread' })).toEqual({
    conversationHeader: 'x-thread',
  });
});

test('the secrets of a disabled key end a minute after its overlap, and are marked again if that is repeated', async () => {
  await createKey({ name: 'course', settings: SETTINGS }, admin);
  const { record } = await rotateKey('course', 3_600_000, admin);
  await disableKey('course', admin);
  const first = `secret#${record.id}`;
  const second = `${first}#${record.version}`;
  const endsAtMs = NOW_MS + 3_660_000;
  expect([...admin.endings]).toEqual([
    [first, endsAtMs],
    [second, endsAtMs],
  ]);

  admin.nowMs += 2 * 3_600_000;
  await disableKey('course', admin);
  expect([...admin.endings]).toEqual([
    [first, NOW_MS + 7_260_000],
    [second, NOW_MS + 7_260_000],
  ]);
});

test('a second rotation ends the secrets of both strings before it in a minute', async () => {
  await createKey({ name: 'course', settings: SETTINGS }, admin);
  const { record } = await rotateKey('course', 3_600_000, admin);
  await rotateKey('course', 0, admin);
  expect([...admin.endings]).toEqual([
    [`secret#${record.id}`, NOW_MS + 60_000],
    [`secret#${record.id}#${record.version}`, NOW_MS + 60_000],
  ]);
});
