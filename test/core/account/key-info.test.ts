import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asTokenId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { bodyOf, EMPTY, errorOf, hold, J1, TOKEN } from '../../support/account.ts';
import { NOW_MS } from '../../support/tokens.ts';

describe('GET /v1/key', () => {
  test('describes a server key', async () => {
    const counters = new Map([['usd:total', 1_500_000_000n]]);
    const wallets = { 'K1#k': { ...EMPTY, counters } };
    expect(await bodyOf('GET /v1/key', { wallets })).toEqual({
      data: {
        label: 'course',
        limit: null,
        limit_remaining: null,
        limit_reset: null,
        usage: 1.5,
        reserved: 0,
        overrun: 0,
        expires_at: null,
        models: null,
        user: null,
        blocked: null,
        limits: [],
      },
    });
  });

  test('describes what a token has spent, what is held and what is left', async () => {
    const held = hold(250_000_000n);
    const wallet: Wallet = {
      ...EMPTY,
      counters: new Map([[`t:${J1}:usd:total`, 750_000_000n]]),
      holds: new Map([[held.requestId, held]]),
    };
    const grant = { ...TOKEN, models: ['openai/*'] };
    expect(await bodyOf('GET /v1/key', { grant, wallets: { [`K1#t${J1}`]: wallet } })).toEqual({
      data: {
        label: 'j1',
        limit: 2,
        limit_remaining: 1.25,
        limit_reset: null,
        usage: 0.5,
        reserved: 0.25,
        overrun: 0,
        expires_at: '2026-11-20T12:00:01.000Z',
        models: ['openai/*'],
        user: null,
        blocked: null,
        limits: [
          {
            per: 'token',
            unit: 'usd',
            window: 'total',
            limit: 2,
            used: 0.75,
            reserved: 0.25,
            remaining: 1.25,
            percent: 25,
            resets_at: null,
          },
        ],
      },
    });
  });

  test('names the USD limit with the least left, and lists all', async () => {
    const limits = ['user:usd:week=5', 'user:requests:minute=20'].map(parseLimit);
    const identity = { source: 'token', issuer: '', id: 'ada' } as const;
    const wallet: Wallet = {
      ...EMPTY,
      counters: new Map([
        ['usd:week:2026-11-16', 4_500_000_000n],
        ['usd:total', 9_000_000_000n],
        ['requests:minute:29919600', 3n],
      ]),
    };
    const wallets = { 'K1#ug1CRPRPoT7skVK4PBEcM9L': wallet };
    const { data } = await bodyOf('GET /v1/key', {
      grant: { ...TOKEN, identity, limits },
      wallets,
    });
    expect(data).toMatchObject({
      limit: 5,
      limit_remaining: 0.5,
      limit_reset: 'weekly',
      usage: 0,
      user: 'ada',
      limits: [
        { per: 'token', unit: 'usd', remaining: 2 },
        { window: 'week', used: 4.5, remaining: 0.5, resets_at: '2026-11-23T00:00:00.000Z' },
        {
          unit: 'requests',
          limit: 20,
          used: 3,
          remaining: 17,
          resets_at: '2026-11-20T12:01:00.000Z',
        },
      ],
    });
  });

  test('shows nothing left of a limit that was lowered below the spend', async () => {
    const wallet = { ...EMPTY, counters: new Map([[`t:${J1}:usd:total`, 3_000_000_000n]]) };
    const { data } = await bodyOf('GET /v1/key', {
      grant: TOKEN,
      wallets: { [`K1#t${J1}`]: wallet },
    });
    expect(data).toMatchObject({ limit: 2, limit_remaining: 0, usage: 3 });
  });

  test("names the token's limit if the others leave more", async () => {
    const limits = [parseLimit('user:usd:day=5')];
    expect((await bodyOf('GET /v1/key', { grant: { ...TOKEN, limits } })).data).toMatchObject({
      limit: 2,
      limit_reset: null,
    });
  });

  test('shows the models that both lists allow', async () => {
    const token = { ...TOKEN.token, models: ['openai/*', 'google/x'] } as Grant['token'] & object;
    const grant = { ...TOKEN, token, models: ['openai/gpt-5', 'demo/*'] };
    expect((await bodyOf('GET /v1/key', { grant })).data).toMatchObject({
      models: ['openai/gpt-5'],
    });
  });

  test.each<[string, Partial<Wallet>, string | undefined]>([
    ['by its name', { revokedTokens: new Set([J1]) }, 'token_revoked'],
    ['by its age', { notBeforeMs: NOW_MS - 1000 }, 'token_revoked'],
    ['not, when it is younger', { notBeforeMs: NOW_MS - 1001 }, undefined],
    ['not, when another is', { revokedTokens: new Set([asTokenId('T2')]) }, undefined],
    ['not, however many are in flight', { inFlight: 1_000_000 }, undefined],
  ])('refuses a revoked token: %s', async (_, fields, code) => {
    const wallets = { [`K1#t${J1}`]: { ...EMPTY, ...fields } };
    expect((await errorOf('GET /v1/key', { grant: TOKEN, wallets })).code).toBe(code);
  });
});
