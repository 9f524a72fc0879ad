import { describe, expect, it } from 'vitest';
import { type VerifyingKey, verifyClientJwt } from '../../core/client-jwt.ts';
import type { Secrets } from '../../core/ports.ts';
import { ISSUER, makeJwtSecrets, makeVerifyingKey, mintJwt, NO_KEY_SETS } from '../support/jwts.ts';
import { NOW_MS } from '../support/tokens.ts';

const clock = { nowMs: () => NOW_MS, sleep: async () => {} };
const verify = (
  jwt: string,
  key: VerifyingKey = makeVerifyingKey(),
  secrets: Secrets = makeJwtSecrets(),
) => verifyClientJwt(jwt, key, { secrets, keySets: NO_KEY_SETS, clock });

describe('verifyClientJwt', () => {
  it('says whose a JWT is', async () => {
    expect(await verify(mintJwt())).toEqual({ issuer: ISSUER, id: 'ada' });
  });

  it('refuses a JWT of another secret', async () => {
    await expect(verify(mintJwt({ key: 'x'.repeat(64) }))).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_api_key' }),
    );
  });
});
