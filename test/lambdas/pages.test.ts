import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { beforeAll, describe, expect, test } from 'vitest';
import { makePagesHandler, type PageFiles, readPagesSettings } from '../../lambdas/pages.ts';
import { installAwsLambda } from '../../local/api-gateway/lambda.ts';
import { streamOf } from '../support/stub-functions.ts';

const file = (type: string, text: string) => ({
  type,
  hash: 'abc',
  br: brotliCompressSync(text).toString('base64'),
  gzip: gzipSync(text).toString('base64'),
});
const FILES: PageFiles = {
  '/': file('text/html', 'landing'),
  '/ with sign-in': file('text/html', 'sign in'),
  '/me with sign-in': file('text/html', 'sign in again'),
  '/me': file('text/html', '<p>Zürich ↓</p>'),
  '/assets/me-abc.js': file('text/javascript', 'let a'),
};

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly fullPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

let handler: ReturnType<typeof makePagesHandler>;
beforeAll(() => {
  installAwsLambda();
  handler = makePagesHandler({ hasSignIn: false, files: FILES });
});

async function ask({ method = 'GET', path = '/me', fullPath = path, headers = {} }: Sent = {}) {
  const multiValueHeaders = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value]]),
  );
  const event: Partial<APIGatewayProxyEvent> = {
    path,
    httpMethod: method,
    multiValueHeaders,
    requestContext: { path: fullPath, requestId: 'r-1' } as APIGatewayProxyEvent['requestContext'],
  };
  const bytes = await buffer(streamOf(handler as never, event).pipe(new PassThrough()));
  const end = bytes.indexOf(Buffer.alloc(8));
  const { statusCode, headers: answered } = JSON.parse(bytes.subarray(0, end).toString());
  return { status: statusCode, headers: answered, body: bytes.subarray(end + 8) };
}

describe('the pages function', () => {
  test('allows a page its own origin alone, and no inline script or style', async () => {
    const { status, headers } = await ask();
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'r-1',
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(headers).not.toHaveProperty('set-cookie');
  });

  test.each([
    ['br, gzip', 'br', brotliDecompressSync],
    ['gzip, deflate', 'gzip', gunzipSync],
    ['GZIP;q=0.5, br;q=0', 'gzip', gunzipSync],
    ['br;q=0.0, identity', undefined, (bytes: Buffer) => bytes],
    ['', undefined, (bytes: Buffer) => bytes],
  ])('sends the bytes that "%s" accepts', async (accepted, encoding, decode) => {
    const { headers, body } = await ask({ headers: { 'Accept-Encoding': accepted } });
    expect(headers['content-encoding']).toBe(encoding);
    expect(headers.vary).toBe('accept-encoding');
    expect(decode(body).toString()).toBe('<p>Zürich ↓</p>');
  });

  test('answers 304 without a body to a client that has this form of the file', async () => {
    const headers = { 'accept-encoding': 'br', 'if-none-match': '"x", W/"abc-br"' };
    const answer = await ask({ headers });
    expect(answer.status).toBe(304);
    expect(answer.headers.etag).toBe('"abc-br"');
    expect(answer.body).toHaveLength(0);
    const other = await ask({ headers: { ...headers, 'accept-encoding': 'gzip' } });
    expect(other.status).toBe(200);
  });

  test('answers HEAD with the headers of GET and no body', async () => {
    const [head, get] = [await ask({ method: 'HEAD' }), await ask()];
    expect(head.headers).toEqual(get.headers);
    expect(head.body).toHaveLength(0);
  });

  test('lets a browser keep a file with a hash in its name, and ask about every other', async () => {
    const asset = await ask({ path: '/assets/me-abc.js' });
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await ask()).headers['cache-control']).toBe('no-cache');
  });

  test.each([
    ['/', '/prod', './prod/'],
    ['/', '/base/llm', './llm/'],
    ['/', '//evil.example', './evil.example/'],
    ['/me/', '/prod/me/', '../me'],
    ['//evil.example/', '/prod//evil.example/', '../evil.example'],
  ])('redirects %s at %s to %s, a place of its own origin', async (path, fullPath, location) => {
    const answer = await ask({ path, fullPath });
    expect(answer).toMatchObject({ status: 308, headers: { location } });
  });

  test('offers sign-in on its pages only where people may sign in', async () => {
    expect((await ask({ path: '/' })).body.toString()).toBe('landing');
    const variables = { HALLPASS_LOGIN: 'yes' };
    handler = makePagesHandler({ ...readPagesSettings(variables), files: FILES });
    expect((await ask({ path: '/' })).body.toString()).toBe('sign in');
    expect((await ask({ path: '/me' })).body.toString()).toBe('sign in again');
    handler = makePagesHandler({ ...readPagesSettings({}), files: FILES });
    expect((await ask({ path: '/' })).body.toString()).toBe('landing');
  });

  test('redirects neither a page nor the top below a stage', async () => {
    expect((await ask({ path: '/', fullPath: '/prod/' })).status).toBe(200);
    expect((await ask({ path: '/me', fullPath: '/prod/me' })).status).toBe(200);
  });

  test.each(['/assets/gone.js', '/toString', '/__proto__', '/me/else'])(
    'answers 404 for %s in the words of the gateway',
    async (path) => {
      const { status, body } = await ask({ path });
      expect(status).toBe(404);
      expect(JSON.parse(body.toString()).error.code).toBe('not_found');
    },
  );
});
