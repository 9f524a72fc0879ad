import { describe, expect, test } from 'vitest';
import type { AwsCredentials } from '../../../adapters/aws/environment.ts';
import { makeSignedUpstream } from '../../../adapters/http/signed-upstream.ts';
import type { UpstreamRequest } from '../../../core/providers/ports.ts';
import { makeManualClock } from '../../support/wallet-fixtures.ts';

const FIRST: AwsCredentials = {
  accessKeyId: 'AKIDFIRST',
  secretAccessKey: 'first-secret',
  sessionToken: 'first-session',
};
const SECOND: AwsCredentials = { accessKeyId: 'AKIDSECOND', secretAccessKey: 'second-secret' };

const REQUEST: UpstreamRequest = {
  url: 'https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions',
  headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
  body: '{"a":1}',
  deadlineAtMs: 0,
};
const BEDROCK = { ...REQUEST, sign: { service: 'bedrock', region: 'eu-west-1' } };

function makeSigned(findCredentials: () => AwsCredentials | undefined) {
  const sent: UpstreamRequest[] = [];
  const recording = {
    send: async (request: UpstreamRequest) => {
      sent.push(request);
      return { status: 200, headers: {}, body: (async function* () {})() };
    },
  };
  return { sent, upstream: makeSignedUpstream(recording, makeManualClock(), findCredentials) };
}

const credentialOf = ({ headers }: UpstreamRequest): string | undefined =>
  /Credential=([^,]+),/.exec(headers.authorization ?? '')?.[1];

describe('makeSignedUpstream', () => {
  test('signs what asks for it for its service and region, every header that it has', async () => {
    const { sent, upstream } = makeSigned(() => FIRST);
    await upstream.send(BEDROCK);
    expect(sent[0]?.headers).toEqual({
      ...REQUEST.headers,
      host: 'bedrock-runtime.eu-west-1.amazonaws.com',
      'x-amz-date': '20261120T120000Z',
      'x-amz-security-token': 'first-session',
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIDFIRST\/20261120\/eu-west-1\/bedrock\/aws4_request, SignedHeaders=accept;content-type;host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$/,
      ),
    });
    expect(sent[0]?.body).toBe('{"a":1}');
  });

  test('sends on what asks for none as it is, with credentials or without', async () => {
    const { sent, upstream } = makeSigned(() => undefined);
    await upstream.send(REQUEST);
    expect(sent).toEqual([REQUEST]);
  });

  test('signs for each service and region with a key of its own', async () => {
    const { sent, upstream } = makeSigned(() => SECOND);
    await upstream.send(BEDROCK);
    await upstream.send({ ...REQUEST, sign: { service: 'bedrock', region: 'us-east-1' } });
    await upstream.send({ ...REQUEST, sign: { service: 'bedrock-mantle', region: 'us-east-1' } });
    await upstream.send(BEDROCK);
    expect(sent.map(credentialOf)).toEqual([
      'AKIDSECOND/20261120/eu-west-1/bedrock/aws4_request',
      'AKIDSECOND/20261120/us-east-1/bedrock/aws4_request',
      'AKIDSECOND/20261120/us-east-1/bedrock-mantle/aws4_request',
      'AKIDSECOND/20261120/eu-west-1/bedrock/aws4_request',
    ]);
    expect(sent[3]?.headers.authorization).toBe(sent[0]?.headers.authorization);
  });

  test.each([
    ['another key', SECOND],
    ['another secret of the same key', { ...FIRST, secretAccessKey: 'changed' }],
    ['another session of the same key', { ...FIRST, sessionToken: 'changed' }],
  ])('signs with credentials that were replaced from the next request on: %s', async (_, next) => {
    const found = [FIRST, next];
    const { sent, upstream } = makeSigned(() => found.shift());
    await upstream.send(BEDROCK);
    await upstream.send(BEDROCK);
    const fresh = makeSigned(() => next);
    await fresh.upstream.send(BEDROCK);
    expect(sent[1]).toEqual(fresh.sent[0]);
    expect(sent[1]?.headers.authorization).not.toBe(sent[0]?.headers.authorization);
  });

  test('sends nothing when there are no credentials, and says what is missing', async () => {
    const { sent, upstream } = makeSigned(() => undefined);
    await expect(upstream.send(BEDROCK)).rejects.toMatchObject({
      code: 'service_unavailable',
      message:
        'The gateway has no AWS credentials to call "bedrock" with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
      transient: true,
    });
    expect(sent).toEqual([]);
  });
});
