import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { findCallerIdentity } from '../../../adapters/aws/caller-identity.ts';
import { listen } from '../../../local/listen.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x', sessionToken: 'CANARY' };

/** Asks a service that gives this answer: returns the request and the result. */
async function ask(status: number, answer: string) {
  let asked: object = {};
  const server = createServer(async (request, response) => {
    const { authorization = '', host } = request.headers;
    asked = { method: request.method, host, authorization, body: await text(request) };
    response.writeHead(status).end(answer);
  });
  servers.push(server);
  const url = await listen(server);
  const { host } = new URL(url);
  const options = { url, region: 'eu-west-1', credentials: CREDENTIALS };
  return { identity: await findCallerIdentity(options), asked, host };
}

const ARN = 'arn:aws:sts::123456789012:assumed-role/Admin/grace';

test('returns the ARN, by a call signed for STS in the region', async () => {
  const { identity, asked, host } = await ask(
    200,
    `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>${ARN}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`,
  );
  expect(identity).toBe(ARN);
  expect(asked).toEqual({
    method: 'POST',
    host,
    authorization: expect.stringMatching(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/sts\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$/,
    ),
    body: 'Action=GetCallerIdentity&Version=2011-06-15',
  });
});

test('returns nothing when AWS refuses or is out of reach', async () => {
  const { identity } = await ask(403, '<ErrorResponse><Error><Code>ExpiredToken</Code></Error>');
  expect(identity).toBeUndefined();
  const nowhere = { url: 'http://127.0.0.1:1', region: 'eu-west-1', credentials: CREDENTIALS };
  expect(await findCallerIdentity(nowhere)).toBeUndefined();
});

test('takes the session token to no other address', async () => {
  let isReached = false;
  const other = createServer((_, response) => {
    isReached = true;
    response.end(`<Arn>${ARN}</Arn>`);
  });
  const location = await listen(other);
  const server = createServer((_, response) => {
    response.writeHead(307, { location }).end();
  });
  servers.push(server, other);
  const options = { url: await listen(server), region: 'eu-west-1', credentials: CREDENTIALS };

  expect(await findCallerIdentity(options)).toBeUndefined();
  expect(isReached).toBe(false);
});
