/**
 * Bedrock on loopback: computes the signature of each request by AWS's page, refuses a wrong one in AWS's words, and
 * answers a right one with the reply that a test gives it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { AwsCredentials } from '../../adapters/aws/environment.ts';
import { endServer, listen } from '../../local/listen.ts';
import type { Reply } from './fake-provider.ts';

export interface BedrockRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `<region>/<service>` that it was signed for; undefined: it came with an API key. */
  readonly scope: string | undefined;
}

export interface FakeBedrock {
  readonly url: string;
  /** Those whose signature or key held. */
  readonly requests: readonly BedrockRequest[];
  /** The number of refused requests. */
  refusedCount(): number;
  /** The text of the last refusal. */
  lastRefusal(): string;
  reply(reply: Reply): void;
  close(): Promise<void>;
}

export interface FakeBedrockOptions {
  readonly credentials: AwsCredentials & { readonly sessionToken: string };
  readonly apiKey: string;
}

const CLOCKS_DIFFER_MS_MAX = 300_000;
const SIGNED_ALWAYS = ['content-type', 'host', 'x-amz-date', 'x-amz-security-token'];

export async function startFakeBedrock(options: FakeBedrockOptions): Promise<FakeBedrock> {
  const requests: BedrockRequest[] = [];
  let reply: Reply = { status: 500, steps: [] };
  let refused = 0;
  let lastRefusal = '';
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const checked = check(request, body, options);
    if ('refusal' in checked) {
      refused += 1;
      lastRefusal = checked.refusal;
      response.writeHead(403, {
        'content-type': 'application/json',
        'x-amzn-errortype': 'InvalidSignatureException:http://internal.amazon.com/coral/',
      });
      response.end(JSON.stringify({ message: checked.refusal }));
      return;
    }
    const { url: path = '', headers } = request;
    requests.push({ path, headers, body: body.toString(), scope: checked.scope });
    response.writeHead(
      reply.status ?? 200,
      reply.headers ?? { 'content-type': 'text/event-stream' },
    );
    for (const step of reply.steps) {
      if (step === 'die') return void response.destroy();
      if (typeof step === 'object' && 'until' in step) await step.until;
      if (typeof step === 'object' && 'write' in step) response.write(step.write);
    }
    response.end();
  });
  return {
    url: await listen(server),
    requests,
    refusedCount: () => refused,
    lastRefusal: () => lastRefusal,
    reply: (next) => {
      reply = next;
    },
    close: () => endServer(server),
  };
}

type Checked = { readonly scope: string | undefined } | { readonly refusal: string };

function check(
  request: IncomingMessage,
  body: Buffer,
  { credentials, apiKey }: FakeBedrockOptions,
): Checked {
  const authorization = request.headers.authorization ?? '';
  if (authorization === `Bearer ${apiKey}`) return { scope: undefined };
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (parts === null) return { refusal: 'Missing Authentication Token' };
  const [, id, day = '', region = '', service = '', names = '', signature] = parts;
  if (id !== credentials.accessKeyId) {
    return { refusal: 'The security token included in the request is invalid.' };
  }
  const at = String(request.headers['x-amz-date']);
  const atMs = Date.parse(at.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
  if (!(Math.abs(Date.now() - atMs) < CLOCKS_DIFFER_MS_MAX) || !at.startsWith(day)) {
    return { refusal: `Signature expired: ${at}` };
  }
  if (request.headers['x-amz-security-token'] !== credentials.sessionToken) {
    return { refusal: 'The security token included in the request is expired' };
  }
  const unsigned = SIGNED_ALWAYS.filter((name) => !names.split(';').includes(name));
  if (unsigned.length > 0) return { refusal: `not signed: ${unsigned.join(', ')}` };
  const canonical = toCanonical(request, names, body);
  const scope = [day, region, service, 'aws4_request'];
  const toSign = ['AWS4-HMAC-SHA256', at, scope.join('/'), hash(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  if (hmac(key, toSign).toString('hex') === signature) return { scope: `${region}/${service}` };
  return {
    refusal: `The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'${canonical}'\n\nThe String-to-Sign should have been\n'${toSign}'\n`,
  };
}

function toCanonical({ method, url = '', headers }: IncomingMessage, names: string, body: Buffer) {
  const [path = '', query = ''] = url.split('?');
  const segments = path.split('/').map((segment) =>
    // Once more, as for every service but S3.
    encodeURIComponent(segment).replace(
      /[!'()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );
  const lines = names
    .split(';')
    .map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`);
  const pairs = query.split('&').sort().join('&');
  return [method, segments.join('/'), pairs, lines.join(''), names, hash(body)].join('\n');
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();
const hash = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
