import { describe, expect, test } from 'vitest';
import { parseLimit } from '../../../core/base/limit-text.ts';
import type { KeyRecord } from '../../../core/keys/key-record.ts';
import { findSigningFault, requireSigningKey } from '../../../core/sign-in/signing-key.ts';
import {
  ACCOUNT,
  FORMER_KEY,
  KEY,
  makeMemoryKeys,
  SERVER_RECORD,
} from '../../support/memory-keys.ts';

const NOW_MS = 1_795_176_000_000;
const CAPPED: KeyRecord = { ...SERVER_RECORD, limits: [parseLimit('user:usd:week=10')] };

const requireKey = (record: KeyRecord, key: string | undefined = KEY) =>
  requireSigningKey('course', {
    account: ACCOUNT,
    keys: makeMemoryKeys(record),
    secrets: { findKey: async () => key, findClientSecret: async () => undefined },
    clock: { nowMs: () => NOW_MS, sleep: async () => {} },
  });

describe('a key that signs for sign-in', () => {
  // guarantee: sign-in-is-capped
  test.each([
    ['user:usd:day=1', true],
    ['user:usd:total=1', true],
    ['user:usd:hour=1', false],
    ['key:usd:month=100', false],
    ['token:usd:total=1', false],
    ['user:requests:day=100', false],
  ])('with the limit %s alone is accepted: %s', (limit, accepted) => {
    const fault = findSigningFault({ kind: 'server', limits: [parseLimit(limit)] });
    expect(fault === undefined).toBe(accepted);
  });

  test('is refused if its limit was taken away since', async () => {
    await expect(requireKey(SERVER_RECORD)).rejects.toMatchObject({
      code: 'service_unavailable',
      detail: expect.stringContaining('must have a limit of dollars for each user'),
    });
  });

  test('may not be personal or a client key', () => {
    expect(findSigningFault({ ...CAPPED, kind: 'personal' })).toBe('must be a server key');
    expect(findSigningFault({ ...CAPPED, kind: 'client' })).toBe('must be a server key');
  });

  test.each([
    ['disabled', { disabled: true }],
    ['expired', { expiresAtMs: NOW_MS }],
  ])('that is %s switches access off', async (_, change) => {
    await expect(requireKey({ ...CAPPED, ...change })).rejects.toMatchObject({
      code: 'invalid_grant',
      message: 'access is switched off',
    });
  });

  test('that is missing in the table or the secret is an outage, not a refusal', async () => {
    const code = 'service_unavailable';
    await expect(requireKey({ ...CAPPED, name: 'other' })).rejects.toMatchObject({ code });
    await expect(requireKey(CAPPED, '')).rejects.toMatchObject({ code });
  });

  test('signs on after a rotation, but nothing beyond the overlap', async () => {
    const former = { version: '1', untilMs: NOW_MS + 5_000, rotatedAtMs: NOW_MS - 1 };
    expect(await requireKey({ ...CAPPED, former }, FORMER_KEY)).toMatchObject({
      endsAtMs: NOW_MS + 5_000,
    });
    await expect(
      requireKey({ ...CAPPED, former: { ...former, untilMs: NOW_MS } }, FORMER_KEY),
    ).rejects.toMatchObject({ detail: expect.stringContaining('sign-in use-key') });
  });
});
