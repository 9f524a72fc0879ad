import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { describeKey } from '../../../core/account/key-info.ts';
import { ownedUsersOf } from '../../../core/account/owned-users.ts';
import type { UserChangeRow } from '../../../core/account/ports.ts';
import { describeUsers } from '../../../core/account/user-list.ts';
import { changeUser, describeUser, type UsersPorts } from '../../../core/account/users.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId, asWalletId, type WalletId } from '../../../core/base/ids.ts';
import { makeIntroductions } from '../../../core/wallet/introduce.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { rowOf, settle } from '../../../core/wallet/settle.ts';
import { type MemoryPorts, makeMemoryPorts } from '../../support/memory-ports.ts';
import { MODEL_NAMES } from '../../support/model-names.ts';
import { makeGrant, NOW_MS, usd } from '../../support/wallet-fixtures.ts';

const LIMITS = ['user:usd:month=10', 'user:usd:total=20'];
const DOLLAR = 1_000_000_000;

let memory: MemoryPorts;
let ports: UsersPorts;
let listed: UserChangeRow[];
let drawn: number;
/** The key of the owner, sent alone. */
let owner: Grant;

const next = (): string => {
  drawn += 1;
  return String(drawn);
};

beforeEach(() => {
  memory = makeMemoryPorts();
  listed = [];
  drawn = 0;
  ports = {
    ...memory,
    random: { uuid: () => next().padStart(8, '0'), fraction: () => 0 },
    people: memory.wallets.people,
    userChanges: {
      put: async (row) => {
        if (!listed.some(({ id }) => id === row.id)) listed.push(row);
      },
      list: async () => listed,
      forget: async () => {},
    },
  };
  const { identity: _, token: __, ...bare } = makeGrant(LIMITS);
  owner = { ...bare, credential: 'key' };
});

const userGrant = (id: string, source: 'token' | 'header' | 'jwt' = 'token'): Grant => {
  const { token: _, ...grant } = makeGrant(LIMITS);
  const issuer = source === 'jwt' ? 'https://id.example' : '';
  return { ...grant, identity: { source, issuer, id } };
};

/** Spends as a user; holds what is not settled. */
async function spend(grant: Grant, dollars: number, isSettled = true): Promise<void> {
  const amounts = usd(dollars * DOLLAR);
  const requestId = asRequestId(`r${next()}`);
  const { hold } = await reserve(
    { grant, requestId, amounts, leaseEndsAtMs: NOW_MS + 900_000 },
    memory,
  );
  makeIntroductions(ports.people, ports.clock).introduce(grant);
  if (isSettled) await settle(hold, { ...rowOf(hold, 'swept'), status: 'exact' }, memory);
}

const owned = (grant = owner, query: Record<string, string> = {}) => ownedUsersOf(grant, query);
const patch = async (user: string, body: object, key?: string, grant = owner) =>
  changeUser(
    user,
    {
      body: JSON.stringify(body),
      headers: new Map(key === undefined ? [] : [['idempotency-key', [key]]]),
    },
    { owned: owned(grant), by: 'key class' },
    ports,
  );
const list = (query: Record<string, string> = {}) => describeUsers({ query }, owned(), ports);
const idsOf = ({ data }: { readonly data?: unknown }) =>
  (data as { id: string }[]).map(({ id }) => id);
const refusal = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

describe('GET /v1/users/{user}', () => {
  test('shows spend, holds, limits, the nearest of them and the last day', async () => {
    await spend(userGrant('ada@x.edu'), 2);
    await spend(userGrant('ada@x.edu'), 6, false);

    expect(await describeUser('token:ada@x.edu', owned(), ports)).toEqual({
      data: {
        id: 'token:ada@x.edu',
        user: 'ada@x.edu',
        email: 'ada@x.edu',
        source: 'token',
        usage_usd: 2,
        reserved_usd: 6,
        limits: [
          expect.objectContaining({ window: 'total', limit: 20, used: 8, own: false, until: null }),
          expect.objectContaining({ window: 'month', limit: 10, remaining: 2, reserved: 6 }),
        ],
        nearest: { per: 'user', unit: 'usd', window: 'month', percent: 80 },
        last_seen: '2026-11-20',
        minutes_refused: 0,
        blocked: null,
        note: null,
        credit_usd: 0,
      },
    });
  });

  test('finds one person by their e-mail address alone, and names the ids of several', async () => {
    await spend(userGrant('ada@x.edu'), 1);
    expect(await describeUser('ada@x.edu', owned(), ports)).toMatchObject({
      data: { id: 'token:ada@x.edu' },
    });
    await spend(userGrant('ada@x.edu', 'header'), 1);
    await expect(describeUser('ada@x.edu', owned(), ports)).rejects.toThrow(
      refusal('invalid_request', '"token:ada@x.edu", "header:ada@x.edu"'),
    );
    await expect(describeUser('bob@x.edu', owned(), ports)).rejects.toThrow(refusal('not_found'));
  });

  test('finds the user of a JWT by issuer and subject, and by verified e-mail address', async () => {
    await spend({ ...userGrant('s-1', 'jwt'), email: 'ada@x.edu' }, 1);
    const id = 'jwt:https://id.example s-1';
    expect(await describeUser(id, owned(), ports)).toMatchObject({ data: { id, source: 'jwt' } });
    expect(await describeUser('ada@x.edu', owned(), ports)).toMatchObject({
      data: { id, user: 's-1', email: 'ada@x.edu' },
    });
  });

  test('refuses an address alone where the key has more users than are searched for it', async () => {
    await spend(userGrant('ada@x.edu'), 1);
    const ids = (count: number) => Array<WalletId>(count).fill(asWalletId('w'));
    let users = 10_000;
    const findListed = async (_: string, __: string, size: number) => {
      const page = ids(Math.min(size, users));
      users -= page.length;
      return page;
    };
    ports = { ...ports, people: { ...ports.people, findListed } };
    await describeUser('ada@x.edu', owned(), ports);
    users = 10_001;
    await expect(describeUser('ada@x.edu', owned(), ports)).rejects.toThrow(
      refusal('invalid_request', 'more than 10000 users'),
    );
    expect(await describeUser('token:ada@x.edu', owned(), ports)).toHaveProperty(
      'data.usage_usd',
      1,
    );
  });
});

describe('PATCH /v1/users/{user}', () => {
  test("puts own limits in the place of the key's, larger or smaller, until their end", async () => {
    const until = new Date(NOW_MS + 3_600_000).toISOString();
    const limits = [{ per: 'user', unit: 'usd', window: 'month', limit: 30, until }];
    await patch('token:ada', { limits });
    await patch('token:ada', {
      limits: [...limits, { per: 'user', unit: 'usd', window: 'total', limit: 25 }],
    });
    await spend(userGrant('ada'), 24);
    await expect(spend(userGrant('ada'), 2)).rejects.toThrow(refusal('insufficient_quota'));
    memory.clock.advance(3_600_000);
    await expect(spend(userGrant('ada'), 0.5)).rejects.toThrow(refusal('insufficient_quota'));
  });

  test('blocks at the next request, in the words of the owner, and unblocks', async () => {
    await spend(userGrant('ada'), 1);
    await patch('token:ada', { blocked: 'left the course' });
    const error = await spend(userGrant('ada'), 1).catch((thrown: GatewayError) => thrown);
    const words = await makeIntroductions(ports.people, ports.clock).refused(
      userGrant('ada'),
      error as GatewayError,
    );
    expect(words).toEqual(refusal('user_blocked', 'Reason: left the course'));
    expect(await patch('token:ada', { blocked: null })).toMatchObject({ data: { blocked: null } });
    await spend(userGrant('ada'), 1);
  });

  test('by e-mail address alone blocks every wallet of a person, also those not made yet', async () => {
    await patch('ada@x.edu', { blocked: 'gone' });
    for (const source of ['token', 'header'] as const) {
      await expect(spend(userGrant('ada@x.edu', source), 1)).rejects.toThrow(
        refusal('user_blocked'),
      );
    }
    await expect(patch('ada@x.edu', { credit_usd: 1 })).rejects.toThrow(
      refusal('invalid_request', 'use one of "token:ada@x.edu", "header:ada@x.edu"'),
    );
  });

  test('credits once, although the same key is sent 20 times at once', async () => {
    await spend(userGrant('ada'), 1);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => patch('token:ada', { credit_usd: 5 }, 'top-up-1')),
    );
    for (const answer of answers) expect(answer).toMatchObject({ data: { credit_usd: 5 } });
    expect(listed).toHaveLength(1);
    await expect(patch('token:ada', { credit_usd: 6 }, 'top-up-1')).rejects.toThrow(
      refusal('invalid_request', 'used for another change'),
    );
    expect(await patch('token:ada', { credit_usd: 5 }, 'top-up-2')).toMatchObject({
      data: { credit_usd: 10, limits: [{ window: 'total', limit: 30 }, { window: 'month' }] },
    });
  });

  test('lets a prepaid user go on after a credit', async () => {
    const prepaid = [{ per: 'user', unit: 'usd', window: 'total', limit: 0 }];
    await patch('token:ada', { limits: [...prepaid], credit_usd: 2 });
    await spend(userGrant('ada'), 2);
    await expect(spend(userGrant('ada'), 1)).rejects.toThrow(refusal('insufficient_quota'));
    await patch('token:ada', { credit_usd: 1 });
    await spend(userGrant('ada'), 1);
  });

  test('takes back credit, but never below a limit of zero, and lists no refused change', async () => {
    await expect(patch('token:ada', { credit_usd: -21 })).rejects.toThrow(
      refusal('invalid_request', 'below 0'),
    );
    expect(listed).toEqual([]);
    expect(await patch('token:ada', { credit_usd: -20 })).toMatchObject({
      data: { credit_usd: -20 },
    });
    owner = { ...owner, limits: [] };
    await expect(patch('token:bob', { credit_usd: 1 })).rejects.toThrow(
      refusal('invalid_request', 'needs a limit user:usd:total'),
    );
  });

  test('lists who changed whom, before the change is made', async () => {
    await patch('token:ada', { note: 'extra time' }, 'n-1');
    expect(listed).toEqual([
      {
        keyId: 'k',
        id: expect.any(String),
        atMs: NOW_MS,
        by: 'key class',
        user: 'token:ada',
        fields: '{"note":"extra time"}',
      },
    ]);
  });

  test.each<[string, Partial<Grant>]>([
    ['a personal key', { keyKind: 'personal' }],
    ['a former key', { former: true }],
    ['a token', { credential: 'scoped-token' }],
    ['a key that speaks for a user', { identity: { source: 'header', issuer: '', id: 'ada' } }],
  ])('is refused for %s', async (_, other) => {
    const grant = { ...owner, ...other };
    await expect(patch('token:ada', { credit_usd: 1 }, 'k', grant)).rejects.toThrow(
      refusal('route_not_allowed'),
    );
  });

  test.each<[string, unknown]>([
    ['allowed are limits, credit_usd, blocked, note', { limit: [] }],
    ['must have one of', {}],
    ['"limits" must be a list', { limits: 1 }],
    ['two limits of one unit and window', { limits: [limitOf(1), limitOf(2)] }],
    ['"per": "user"', { limits: [{ ...limitOf(1), per: 'key' }] }],
    ['of a limit is unknown', { limits: [{ ...limitOf(1), Limit: 1 }] }],
    ['"limit" must be 0, or dollars', { limits: [limitOf(-1)] }],
    ['"until" must be', { limits: [{ ...limitOf(1), until: 'soon' }] }],
    ['"credit_usd" must be', { credit_usd: 0 }],
    ['"credit_usd" must be', { credit_usd: 1_000_001 }],
    ['"blocked" must be null or 1 to 200', { blocked: '' }],
    ['"note" must be null or 0 to 500', { note: 'x'.repeat(501) }],
  ])('is refused with the words: %s', async (words, body) => {
    await expect(patch('token:ada', body as object)).rejects.toThrow(
      refusal('invalid_request', words),
    );
    expect(listed).toEqual([]);
  });
});

function limitOf(limit: number) {
  return { per: 'user', unit: 'usd', window: 'week', limit };
}

describe('GET /v1/users', () => {
  beforeEach(async () => {
    await spend(userGrant('ada'), 2);
    await spend(userGrant('bob'), 9);
    await spend(userGrant('cyd'), 8, false);
  });

  test('lists all users, a page at a time', async () => {
    const first = await list({ limit: '2' });
    const second = await list({ limit: '2', after: String(first.next) });
    expect(second.next).toBeNull();
    expect([...idsOf(first), ...idsOf(second)].sort()).toEqual([
      'token:ada',
      'token:bob',
      'token:cyd',
    ]);
  });

  test('lists those near a limit, settled and held together, and sorts by any figure', async () => {
    expect(idsOf(await list({ near: '80' }))).toEqual(['token:bob', 'token:cyd']);
    expect(idsOf(await list({ sort: 'left' }))).toEqual(['token:bob', 'token:cyd', 'token:ada']);
    const first = await list({ sort: 'spent', limit: '1' });
    expect(idsOf(first)).toEqual(['token:bob']);
    const rest = await list({ sort: 'spent', after: String(first.next) });
    expect(idsOf(rest)).toEqual(['token:ada', 'token:cyd']);
  });

  test.each([
    [{ limit: '0' }, '"limit" must be a whole number from 1 to 200'],
    [{ limit: '201' }, '"limit" must be'],
    [{ near: '101' }, '"near" must be'],
    [{ sort: 'name' }, '"sort" must be one of'],
    [{ after: 'x' }, '"after" must be'],
    [{ page: '1' }, 'a parameter is unknown'],
  ])('refuses %j', async (query, words) => {
    await expect(list(query as Record<string, string>)).rejects.toThrow(
      refusal('invalid_request', words),
    );
  });
});

test('a refused minute is counted once, however often a script tries', async () => {
  await spend(userGrant('ada'), 10);
  const introductions = makeIntroductions(ports.people, memory.clock);
  const full = new GatewayError('insufficient_quota');
  for (const waitMs of [0, 10, 59_000, 1_000, 60_000]) {
    memory.clock.advance(waitMs);
    await introductions.refused(userGrant('ada'), full);
  }
  expect(await describeUser('token:ada', owned(), ports)).toMatchObject({
    data: { minutes_refused: 3 },
  });
});

test('a person sees in their own GET /v1/key what the owner changed: limits, credit, and why they are blocked', async () => {
  await spend(userGrant('ada'), 2);
  const own = { per: 'user', unit: 'usd', window: 'month', limit: 3 };
  await patch('token:ada', { limits: [own], credit_usd: 5, blocked: 'left the course' });
  const models = { names: MODEL_NAMES };
  const { data } = await describeKey(userGrant('ada'), { ...ports, ...memory, models });
  expect(data).toMatchObject({
    blocked: 'left the course',
    limit_remaining: 1,
    limits: [
      { window: 'total', limit: 25, remaining: 23 },
      { window: 'month', limit: 3, remaining: 1 },
    ],
  });
});
