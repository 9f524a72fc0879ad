import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeLog } from '../../adapters/log.ts';
import { decodeGrant } from '../../core/access/grant-codec.ts';
import { makeAuthorizerHandler } from '../../lambdas/authorizer.ts';
import {
  authorizerEvent,
  CONTEXT,
  startFunctionSettings,
  type TestFunctions,
  unreachable,
} from '../support/function-settings.ts';
import { ACCOUNT, KEY, UNKNOWN_KEY } from '../support/memory-keys.ts';
import { hasPyJwt, mintWithPyJwt, PYJWT_ABSENT } from '../support/pyjwt.ts';
import { mint } from '../support/tokens.ts';

let functions: TestFunctions;
beforeAll(async () => {
  functions = await startFunctionSettings();
});
afterAll(() => functions.close());

function makeHandler(settings = functions.settings) {
  const lines: string[] = [];
  const handler = makeAuthorizerHandler(
    settings,
    makeLog((line) => lines.push(line)),
  );
  const decide = (credential: string) =>
    handler(authorizerEvent({ Authorization: [`Bearer ${credential}`] }), CONTEXT);
  return { decide, lines };
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

describe('the authorizer', () => {
  test('grants a key and a token of it', async () => {
    const { decide, lines } = makeHandler();
    for (const credential of [KEY, mint({ claims: { exp: inAnHour(), user: 'ada' } })]) {
      const result = await decide(credential);
      expect(decodeGrant(String(result.context?.grant))).toMatchObject({ keyName: 'course' });
    }
    expect(lines).toEqual([]);
  });

  test.skipIf(!hasPyJwt)(
    `grants a token that PyJWT made${hasPyJwt ? '' : `: ${PYJWT_ABSENT}`}`,
    async () => {
      const token = mintWithPyJwt({
        account: ACCOUNT,
        keyName: 'course',
        key: KEY,
        lifetimeSeconds: 3600,
        claims: { models: ['deepinfra/deepseek-ai/DeepSeek-V3'], spending_limit: 1.0 },
      });
      const { decide } = makeHandler();
      expect(decodeGrant(String((await decide(token)).context?.grant))).toMatchObject({
        credential: 'scoped-token',
        token: {
          models: ['deepinfra/deepseek-ai/DeepSeek-V3'],
          spendingLimitNanoUsd: 1_000_000_000n,
        },
      });
    },
  );

  test('denies unknown credentials, and logs the reason without the credential', async () => {
    const { decide, lines } = makeHandler();
    const forged = mint({ key: UNKNOWN_KEY, claims: { exp: inAnHour() } });
    for (const credential of [UNKNOWN_KEY, forged, 'sk-other']) {
      const { context } = await decide(credential);
      expect(context).toEqual({
        type: 'authentication_error',
        code: 'invalid_api_key',
        message: 'The API key is missing or not valid.',
      });
    }
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { level: 'info', event: 'denied', code: 'invalid_api_key', detail: 'no such key' },
      {
        level: 'info',
        event: 'denied',
        code: 'invalid_api_key',
        detail: 'the signature does not hold',
      },
      {
        level: 'info',
        event: 'denied',
        code: 'invalid_api_key',
        detail: 'not a key of this gateway',
      },
    ]);
  });

  test('throws only a code when the table is down, so API Gateway answers 503', async () => {
    const { decide, lines } = makeHandler(unreachable(functions.settings));
    const error = await decide(KEY).catch((thrown: unknown) => thrown);
    expect(error).toEqual(new Error('service_unavailable'));
    expect(Object.keys(Object(error))).toEqual([]);
    expect(Object(error).cause).toBeUndefined();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'error',
        event: 'authorizer failed',
        code: 'service_unavailable',
        detail: 'dynamodb GetItem: NetworkError (0)',
        cause: 'NetworkError',
      },
    ]);
  });

  test('throws for a malformed event', async () => {
    const handler = makeAuthorizerHandler(
      functions.settings,
      makeLog(() => {}),
    );
    const result = handler({ multiValueHeaders: { 'x-api-key': 5 } } as never, CONTEXT);
    await expect(result).rejects.toEqual(new Error('internal_error'));
  });
});
