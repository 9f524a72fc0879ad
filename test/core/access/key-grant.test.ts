import { describe, expect, test } from 'vitest';
import { applyTier } from '../../../core/access/key-grant.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { formatKeyRecord, type KeyRecord, parseKeyRecord } from '../../../core/keys/key-record.ts';
import { bearer, grantOf } from '../../support/decisions.ts';
import { mintJwt } from '../../support/jwts.ts';
import { KEY, SERVER_RECORD } from '../../support/memory-keys.ts';
import { SECRET_VERIFIER } from '../../support/user-jwts.ts';

const PRO = {
  when: { claim: 'tier', values: ['pro', 'team'] },
  limits: [parseLimit('user:usd:month=20')],
  models: ['openai/*'],
};
const RECORD: KeyRecord = {
  ...SERVER_RECORD,
  kind: 'client',
  verifier: SECRET_VERIFIER,
  models: ['demo/echo'],
  limits: ['user:usd:month=5', 'user:usd:day=1', 'key:usd:month=500'].map(parseLimit),
  tiers: [PRO, { when: { claim: 'tier', values: [] }, limits: [parseLimit('user:usd:day=2')] }],
};

const grantWith = (tier?: unknown) =>
  grantOf(
    bearer(
      `${KEY}:${mintJwt({ claims: { iss: 'https://id.example', ...(tier !== undefined && { tier }) } })}`,
    ),
    RECORD,
  );

describe('a tier', () => {
  test('replaces the limits of its unit and window, and the models; other limits stay', async () => {
    expect(await grantWith('pro')).toMatchObject({
      models: ['openai/*'],
      limits: ['user:usd:day=1', 'key:usd:month=500', 'user:usd:month=20'].map(parseLimit),
    });
  });

  test("is the first one that fits, and without models the key's own stay", async () => {
    expect(await grantWith('free')).toMatchObject({
      models: ['demo/echo'],
      limits: ['user:usd:month=5', 'key:usd:month=500', 'user:usd:day=2'].map(parseLimit),
    });
  });

  test('is none for a user without the claim, who has the limits of the key', async () => {
    expect((await grantWith()).limits).toEqual(RECORD.limits);
    const own = { limits: RECORD.limits };
    expect(applyTier(own, undefined)).toBe(own);
  });

  test('fits a claim that lists several values', async () => {
    expect((await grantWith(['x', 'team'])).models).toEqual(['openai/*']);
  });
});

describe('the tiers of a record', () => {
  test('are read as they were written', () => {
    expect(parseKeyRecord(formatKeyRecord(RECORD))).toEqual(RECORD);
  });

  test('need a verifier, and limits of one user', async () => {
    const { verifier: _, ...bare } = RECORD;
    expect(() => parseKeyRecord(formatKeyRecord({ ...bare, kind: 'server' }))).toThrow();
    const wide = [{ ...PRO, limits: [parseLimit('key:usd:month=20')] }];
    expect(() => parseKeyRecord(formatKeyRecord({ ...RECORD, tiers: wide }))).toThrow();
    expect(() => parseKeyRecord(formatKeyRecord({ ...RECORD, tiers: [] }))).toThrow();
  });
});
