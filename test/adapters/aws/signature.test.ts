import { createHash } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeRequestSigner, type RequestToSign } from '../../../adapters/aws/signature.ts';
import { expectedAuthorization } from '../../support/sigv4.ts';

const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const SUITE = { service: 'service', region: 'us-east-1', credentials: CREDENTIALS };
const SUITE_AT_MS = Date.UTC(2015, 7, 30, 12, 36);
const SUITE_TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';

const requestOf = (more: Partial<RequestToSign>): RequestToSign => ({
  method: 'GET',
  url: 'https://example.amazonaws.com/',
  headers: {},
  body: '',
  atMs: SUITE_AT_MS,
  ...more,
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#signature-v4-test-suite */
describe("AWS's own test suite", () => {
  test.each<[string, Partial<RequestToSign>, string, string]>([
    [
      'get-vanilla',
      {},
      'host;x-amz-date',
      '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    ],
    [
      'get-vanilla-query-order-key-case',
      { url: 'https://example.amazonaws.com/?Param2=value2&Param1=value1' },
      'host;x-amz-date',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-utf8-query',
      { url: 'https://example.amazonaws.com/?ሴ=bar' },
      'host;x-amz-date',
      '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
    ],
    [
      'get-unreserved',
      {
        url: 'https://example.amazonaws.com/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
      },
      'host;x-amz-date',
      '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
    ],
    [
      'get-header-value-trim',
      { headers: { 'my-header1': ' value1', 'my-header2': ' "a   b   c"' } },
      'host;my-header1;my-header2;x-amz-date',
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    [
      'post-vanilla',
      { method: 'POST' },
      'host;x-amz-date',
      '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    ],
    [
      'post-x-www-form-urlencoded',
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'Param1=value1',
      },
      'content-type;host;x-amz-date',
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('%s', (_name, request, signedHeaders, signature) => {
    expect(makeRequestSigner(SUITE)(requestOf(request))).toEqual({
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    });
  });

  test('post-sts-header-before', () => {
    const credentials = { ...CREDENTIALS, sessionToken: SUITE_TOKEN };
    const signed = makeRequestSigner({ ...SUITE, credentials })(requestOf({ method: 'POST' }));
    expect(signed['x-amz-security-token']).toBe(SUITE_TOKEN);
    expect(signed.authorization).toContain(
      'SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    );
  });
});

interface Oracle {
  sign(request: object, options: object): Promise<{ headers: Record<string, string> }>;
}

const sdkSigners = new Map<string, Promise<Oracle>>();

/** The SDK's own signer for a service and region, as its clients make it. Each is made once, because that is slow. */
function sdkSigner(service: string, region: string, sessionToken?: string): Promise<Oracle> {
  const id = `${service} ${region} ${sessionToken}`;
  const known = sdkSigners.get(id) ?? makeSdkSigner(service, region, sessionToken);
  sdkSigners.set(id, known);
  return known;
}

async function makeSdkSigner(
  service: string,
  region: string,
  sessionToken?: string,
): Promise<Oracle> {
  const credentials = { ...CREDENTIALS, ...(sessionToken && { sessionToken }) };
  const client = new DynamoDBClient({ region, credentials });
  const scheme = { name: 'sigv4', signingName: service, signingRegion: region, properties: {} };
  return (await client.config.signer(scheme as never)) as unknown as Oracle;
}

const hashOf = (body: string): string => createHash('sha256').update(body).digest('hex');

/** Signs a request with both signers. The SDK sends the body's hash in a header, so here both do. */
async function signBoth(
  request: RequestToSign,
  { service, region, sessionToken }: { service: string; region: string; sessionToken?: string },
): Promise<{ readonly ours: string | undefined; readonly sdks: string | undefined }> {
  const { method, url, body, atMs } = request;
  const headers = { ...request.headers, 'x-amz-content-sha256': hashOf(body) };
  const { host, hostname, pathname, search, searchParams } = new URL(url);
  const query = search === '' ? {} : Object.fromEntries(searchParams);
  const oracle = await sdkSigner(service, region, sessionToken);
  const sent = { method, protocol: 'https:', hostname, path: pathname, query, body };
  const signed = await oracle.sign(
    { ...sent, headers: { ...headers, host } },
    { signingDate: new Date(atMs) },
  );
  const credentials = { ...CREDENTIALS, ...(sessionToken && { sessionToken }) };
  const ours = makeRequestSigner({ service, region, credentials })({ ...request, headers });
  return { ours: ours.authorization, sdks: signed.headers.authorization };
}

describe("the SDK's own signer", () => {
  test('signs a model id with a colon, a slash and a percent sign in the path the same way', async () => {
    const model = encodeURIComponent('eu.anthropic/claude-v1:0 100%');
    const { ours, sdks } = await signBoth(
      requestOf({
        method: 'POST',
        url: `https://bedrock-runtime.eu-west-1.amazonaws.com/model/${model}/invoke`,
        body: '{"messages":"Zoë 🎓"}',
      }),
      { service: 'bedrock', region: 'eu-west-1', sessionToken: 'a-token' },
    );
    expect(ours).toBe(sdks);
    expect(ours).toContain('/20150830/eu-west-1/bedrock/aws4_request, SignedHeaders=host;');
  });

  const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  // The SDK's signer gathers the query in an object, where this one name is lost.
  const queryName = segment.filter((text) => text !== '__proto__');
  const isDots = (text: string): boolean => /^\.{1,2}$/.test(text);
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);

  test('signs any path, query, headers and body the same way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          method: fc.constantFrom('GET', 'POST', 'PUT'),
          path: fc.array(
            segment.filter((text) => !isDots(text)),
            { maxLength: 4 },
          ),
          query: fc.uniqueArray(fc.tuple(queryName, segment), {
            maxLength: 4,
            selector: ([name]) => name,
          }),
          headers: fc.dictionary(
            word.map((name) => `x-${name}`),
            value,
            { maxKeys: 4 },
          ),
          body: fc.string({ unit: 'binary', maxLength: 50 }),
          atMs: fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2099, 0) }),
          sessionToken: fc.constantFrom(undefined, 'token/+='),
        }),
        async ({ path, query, sessionToken, ...rest }) => {
          const pairs = query.map((pair) => pair.map(encodeURIComponent).join('='));
          const search = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
          const url = `https://b.example/${path.map(encodeURIComponent).join('/')}${search}`;
          const to = { service: 'bedrock-mantle', region: 'us-west-2' };
          const token = sessionToken === undefined ? {} : { sessionToken };
          const { ours, sdks } = await signBoth({ ...rest, url }, { ...to, ...token });
          expect(ours).toBe(sdks);
        },
      ),
      { numRuns: 150 },
    );
  });
});

test('signs a query named "__proto__", which the SDK\'s signer would lose', () => {
  const url = 'https://example.amazonaws.com/?__proto__=1&a=2';
  const headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' };
  const { authorization } = makeRequestSigner(SUITE)(requestOf({ url }));
  const sent = { method: 'GET', path: '/', body: '', headers: { ...headers, authorization } };
  expect(authorization).toBe(expectedAuthorization(sent, CREDENTIALS, '__proto__=1&a=2'));
});

test('signs with the key of each day', () => {
  const sign = makeRequestSigner(SUITE);
  const first = sign(requestOf({}));
  const next = sign(requestOf({ atMs: SUITE_AT_MS + 86_400_000 }));
  expect(next.authorization).toContain('/20150831/');
  expect(sign(requestOf({}))).toEqual(first);
});
