/**
 * Each preset through the whole gateway, against an issuer on this machine whose tokens are shaped as the provider's:
 * those of its users are taken, and each that the provider signs for somebody or something else is refused.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CASES, type Claims } from '../support/preset-cases.ts';
import { inTime, type PresetGateway, startPresetGateway } from '../support/preset-gateway.ts';
import { mintWith } from '../support/user-jwts.ts';

let gateway: PresetGateway;
beforeAll(async () => {
  gateway = await startPresetGateway();
});
afterAll(() => gateway.close());

describe.each(CASES)('the preset of $provider', (each) => {
  const { provider, preset, alg, claims, user, taken = [], refused } = each;
  const sign = (other: Claims = {}) =>
    gateway.issuers[alg].sign({ ...inTime(), ...claims, ...other });
  let key: string;

  beforeAll(async () => {
    key = await gateway.makeKey(
      provider,
      '--preset',
      preset,
      '--jwks-url',
      gateway.issuers[alg].jwksUrl,
    );
  });

  test('takes the tokens of its users', async () => {
    expect(await gateway.ask(key, sign())).toBe(user);
    for (const [name, other] of taken)
      expect([name, await gateway.ask(key, sign(other))]).toEqual([name, user]);
  });

  test('refuses tokens issued for another application or purpose', async () => {
    const found = [];
    for (const [name, other] of refused) found.push([name, await gateway.ask(key, sign(other))]);
    expect(found).toEqual(refused.map(([name, , code]) => [name, code]));
  });

  test('refuses a token signed by another issuer', async () => {
    const secret = mintWith({ ...inTime(), ...claims }, 'x'.repeat(40));
    expect(await gateway.ask(key, secret)).toBe('invalid_api_key');
  });
});
