/**
 * The list of models as clients get it, with the configuration of this repository: small on the wire, and not sent again
 * to a client that has it.
 */

import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { open } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const PROVIDER_KEYS = ['OPENAI', 'ANTHROPIC', 'GEMINI', 'DEEPINFRA', 'OPENROUTER', 'GROQ'];

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    variables: Object.fromEntries(PROVIDER_KEYS.map((name) => [`${name}_API_KEY`, 'sk-any'])),
  });
});
afterAll(() => gateway.close());

async function list(headers: Readonly<Record<string, string>>) {
  const { response } = await open(`${gateway.url}/models`, {
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
  });
  const { etag, 'content-encoding': encoding, 'content-length': length } = response.headers;
  const body = await buffer(response);
  expect(length).toBe(response.statusCode === 304 ? '0' : String(body.length));
  return { status: response.statusCode, etag, encoding, body };
}

// guarantee: model-list-small
test('the list of all models is at most 32 kB for a client that accepts gzip, and the same for one that does not', async () => {
  const plain = await list({});
  const small = await list({ 'accept-encoding': 'gzip, deflate, br' });

  expect(plain).toMatchObject({ status: 200, encoding: undefined });
  expect(plain.body.length).toBeGreaterThan(150_000);
  expect(small).toMatchObject({ status: 200, encoding: 'gzip', etag: plain.etag });
  expect(small.body.length).toBeLessThan(32_000);
  expect(gunzipSync(small.body).equals(plain.body)).toBe(true);
});

test.each(['identity', 'br', 'gzip;q=0', 'gzip;q=0.0, identity', 'xgzip'])(
  'a client that accepts %s gets it as it is',
  async (accepted) => {
    expect(await list({ 'accept-encoding': accepted })).toMatchObject({ encoding: undefined });
  },
);

test.each(['gzip', 'gzip;q=0.5', 'br, GZIP ; q=1.0'])(
  'a client that accepts %s gets it compressed',
  async (accepted) => {
    expect(await list({ 'accept-encoding': accepted })).toMatchObject({ encoding: 'gzip' });
  },
);

test('a client that has the list gets 304 without it', async () => {
  const { etag = '' } = await list({ 'accept-encoding': 'gzip' });
  const again = await list({ 'accept-encoding': 'gzip', 'if-none-match': etag });
  expect(again).toMatchObject({ status: 304, etag, body: Buffer.alloc(0) });
});
