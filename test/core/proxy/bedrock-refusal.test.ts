/** AWS's words about the gateway's own signature and role go to no caller, and to the log by their name alone. */
import { describe, expect, test } from 'vitest';
import type { GatewayError } from '../../../core/base/errors.ts';
import { ask, makeProxy, readAnswer } from '../../support/proxy-fixtures.ts';

const refusal = (status: number, message: string, name?: string) =>
  makeProxy({
    status,
    headers: {
      'content-type': 'application/json',
      ...(name === undefined ? {} : { 'x-amzn-errortype': name }),
    },
    reads: [JSON.stringify({ message })],
  });

const errorOf = async (proxy: ReturnType<typeof refusal>, model: string) =>
  proxy.serve(ask({ model })).then(
    () => {
      throw new Error('it was not refused');
    },
    (error: GatewayError) => error,
  );

describe('a request to Bedrock with the role', () => {
  test('names the service it is signed for, and has no key in a header', async () => {
    const proxy = makeProxy({ status: 500 });
    await errorOf(proxy, 'bedrock/m');
    expect(proxy.sent).toMatchObject([
      {
        url: 'https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions',
        sign: { service: 'bedrock', region: 'us-east-1' },
      },
    ]);
    expect(proxy.sent[0]?.headers).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
    });
  });

  test('is not signed for any other provider', async () => {
    const proxy = makeProxy({ status: 500 });
    await errorOf(proxy, 'openai/m');
    expect(proxy.sent[0]).not.toHaveProperty('sign');
  });
});

describe('a refusal of AWS', () => {
  test.each([
    ['AccessDeniedException', 'the provider answered HTTP 403 AccessDeniedException'],
    [
      'InvalidSignatureException:http://internal.amazon.com/coral/',
      'the provider answered HTTP 403 InvalidSignatureException',
    ],
    ['Not a name at all', 'the provider answered HTTP 403'],
    ['accessDenied', 'the provider answered HTTP 403'],
    [`A${'a'.repeat(64)}`, 'the provider answered HTTP 403'],
    [undefined, 'the provider answered HTTP 403'],
  ])('by 403 is the gateway’s own fault, logged by its name: %s', async (name, detail) => {
    const proxy = refusal(403, 'a word too many', name);
    expect(await errorOf(proxy, 'bedrock/m')).toMatchObject({
      code: 'upstream_error',
      message: "The provider refused the gateway's own credentials (HTTP 403).",
      detail,
    });
    expect(proxy.rows()).toMatchObject([{ cost: { usd: 0n } }]);
  });

  test.each([
    'the canonical string was x-amz-security-token:IQoJ',
    'expected X-Amz-Security-Token',
    'the authorization header AWS4-HMAC-SHA256 Credential=',
    'User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized',
    'profile arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/x',
  ])(
    'does not go on when it speaks of the account, the role or the signature: %s',
    async (words) => {
      expect(await errorOf(refusal(400, words), 'bedrock/m')).toMatchObject({
        code: 'upstream_error',
        message: 'The provider failed (HTTP 400).',
      });
    },
  );

  test.each([
    [400, 'The provided model identifier is invalid.'],
    [400, 'arn:aws:bedrock:us-east-1::foundation-model/m has no on-demand throughput'],
    [404, 'This model version has reached the end of its life.'],
    [429, 'Too many tokens, please wait before trying again.'],
  ])('goes on in its own words when it speaks of the request: %i %s', async (status, words) => {
    const answer = await refusal(status, words).serve(ask({ model: 'bedrock/m' }));
    expect(answer.status).toBe(status);
    expect(await readAnswer(answer)).toBe(JSON.stringify({ message: words }));
  });
});

test('a 403 of any other provider is the caller’s, in its own words', async () => {
  const words = 'arn:aws:sts::123456789012:role and x-amz-security-token are words like others';
  const answer = await refusal(403, words).serve(ask({ model: 'openai/m' }));
  expect(answer.status).toBe(403);
  expect(await readAnswer(answer)).toContain(words);
});
