import { expect, test } from 'vitest';
import { config } from '#config';
import { parsePayload, parseScopedToken } from '../../core/tokens/scoped-token.ts';
import { signDemoToken } from '../../local/provision.ts';

/** 2026-11-20T12:00:00Z */
const NOW_MS = 1795176000000;
const demo = { account: 'acct_test', keyName: 'demo', key: 'sk-hp-test' };

const claimsAt = (nowMs: number, maxTokenLifetimeSeconds = 604_800) => {
  const defaults = { ...config.defaults, maxTokenLifetimeSeconds };
  const token = signDemoToken(demo, { ...config, defaults }, nowMs);
  return parsePayload(parseScopedToken(token.slice('jwt:'.length)));
};

test('the demo token spends 2 USD and lives for a day', () => {
  expect(claimsAt(NOW_MS)).toEqual({
    sub: 'acct_test',
    iat: 1795176000,
    exp: 1795262400,
    jti: 'demo-2026-11-20',
    spending_limit: 2,
  });
});

test('the demo token has one allowance a day, however often the gateway is started', () => {
  expect(claimsAt(NOW_MS + 43_199_999).jti).toBe('demo-2026-11-20');
  expect(claimsAt(NOW_MS + 43_200_000).jti).toBe('demo-2026-11-21');
});

test("the demo token expires within the key's longest lifetime", () => {
  expect(claimsAt(NOW_MS, 3_600).exp).toBe(1795179600);
});
