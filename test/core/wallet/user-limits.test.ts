/**
 * The limits of a user, from the credential to the counter: whoever says who they are by a header, by a JWT or by a
 * scoped token has each limit of the key alone.
 */
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { authorize } from '../../../core/authorize.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import type { LimitUnit, LimitWindow } from '../../../core/base/limits.ts';
import type { KeyRecord } from '../../../core/keys/key-record.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { makeAuthorizePorts } from '../../support/authorize-ports.ts';
import { mintJwt } from '../../support/jwts.ts';
import { KEY, makeMemoryKeys, SERVER_RECORD } from '../../support/memory-keys.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeMemoryWallets } from '../../support/memory-wallets.ts';
import { mint } from '../../support/tokens.ts';
import { SECRET_VERIFIER } from '../../support/user-jwts.ts';
import { fixedRandom, makeManualClock, usd } from '../../support/wallet-fixtures.ts';

type Sent = Readonly<Record<string, string>>;
const bearer = (credential: string): Sent => ({ authorization: `Bearer ${credential}` });

const WAYS: readonly (readonly [string, Partial<KeyRecord>, (user: string) => Sent])[] = [
  [
    'a header',
    { identity: { identityHeader: true } },
    (user) => ({ ...bearer(KEY), 'x-user-email': user }),
  ],
  [
    'client access',
    { kind: 'client', verifier: SECRET_VERIFIER },
    (user) => bearer(`${KEY}:${mintJwt({ claims: { sub: user } })}`),
  ],
  [
    'a JWT behind a server key',
    { verifier: SECRET_VERIFIER },
    (user) => bearer(`${KEY}:${mintJwt({ claims: { sub: user } })}`),
  ],
  ['a scoped token', {}, (user) => bearer(mint({ claims: { user } }))],
];

/** 100 tokens or ten cents: what one request takes. */
const LIMITS: readonly (readonly [LimitUnit, LimitWindow, string])[] = [
  ['requests', 'minute', '1'],
  ['requests', 'hour', '1'],
  ['requests', 'day', '1'],
  ['requests', 'month', '1'],
  ['tokens', 'minute', '199'],
  ['tokens', 'hour', '199'],
  ['tokens', 'day', '199'],
  ['tokens', 'month', '199'],
  ['usd', 'day', '0.19'],
  ['usd', 'week', '0.19'],
  ['usd', 'month', '0.19'],
];

const CODES: Readonly<Record<LimitUnit, string>> = {
  requests: 'rate_limit_exceeded',
  tokens: 'rate_limit_exceeded',
  // The first request is still in flight, and may give its money back.
  usd: 'budget_in_use',
};

/** Noon of Friday, 20 November 2026, is followed by another of each of these at: */
const NEXT_AT: Readonly<Record<LimitWindow, string>> = {
  minute: '2026-11-20T12:01:00Z',
  hour: '2026-11-20T13:00:00Z',
  day: '2026-11-21T00:00:00Z',
  week: '2026-11-23T00:00:00Z',
  month: '2026-12-01T00:00:00Z',
  total: '9999-12-31T00:00:00Z',
};

async function grantOf(record: KeyRecord, sent: Sent): Promise<Grant> {
  const keys = makeMemoryKeys(record);
  const headers = new Map(Object.entries(sent).map(([name, value]) => [name, [value]]));
  const decision = await authorize({ headers }, makeAuthorizePorts(keys));
  if (decision.kind !== 'grant') throw decision.error;
  return decision.grant;
}

describe.each(WAYS)('a user by %s', (_, more, sentOf) => {
  test.each(LIMITS)('has the limit of %s a %s alone', async (unit, window, amount) => {
    const limits = [parseLimit(`user:${unit}:${window}=${amount}`)];
    const record: KeyRecord = { ...SERVER_RECORD, ...more, limits };
    const clock = makeManualClock();
    const usage = makeMemoryUsage();
    const ports = { wallets: makeMemoryWallets(), usage, clock, random: fixedRandom };
    let requests = 0;
    const ask = async (user: string): Promise<string> => {
      requests += 1;
      const grant = await grantOf(record, sentOf(user));
      const amounts = usd(100_000_000, 100n);
      const requestId = asRequestId(`r${requests}`);
      const leaseEndsAtMs = Date.parse('2027-01-01T00:00:00Z');
      return reserve({ grant, requestId, amounts, leaseEndsAtMs }, ports).then(
        () => 'served',
        (error) => (error instanceof GatewayError ? error.code : `not ours: ${error}`),
      );
    };
    expect(await ask('ada')).toBe('served');
    expect(await ask('ada')).toBe(CODES[unit]);
    expect(await ask('grace')).toBe('served');
    expect(await ask('grace')).toBe(CODES[unit]);
    clock.advance(Date.parse(NEXT_AT[window]) - clock.nowMs() - 1);
    expect(await ask('ada')).toBe(CODES[unit]);
    clock.advance(1);
    expect(await ask('ada')).toBe('served');
  });
});
