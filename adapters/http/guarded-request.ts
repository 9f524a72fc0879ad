/**
 * One request to an issuer or identity provider, to an address that was checked (checked-address.ts).
 * Fails closed: `service_unavailable`. One try; 5 s and 256 kB at most for everything; no redirect is followed.
 */
import type { LookupAddress } from 'node:dns';
import type { IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import { GatewayError } from '../../core/base/errors.ts';
import { readBytes } from '../../core/base/read-bytes.ts';
import { untilAborted } from '../system.ts';
import {
  type AddressOptions,
  AddressRefused,
  findAddress,
  lookupOf,
  parseAllowedUrl,
} from './checked-address.ts';

// An import of it loads undici too, which takes 40 ms (docs/performance.md).
const http = process.getBuiltinModule('node:http');

export interface GuardOptions extends AddressOptions {
  /** @default 5,000 */
  readonly timeoutMs?: number;
  /** Certificates to trust, as PEM. @default Node's own list */
  readonly ca?: string;
}

export interface GuardedRequest {
  readonly url: string;
  /** The step that fails without the answer, for errors: `an issuer's key set cannot be fetched`. */
  readonly purpose: string;
  /** @default GET */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer whose body may be read once, up to 256 kB. */
export interface GuardedAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  read(): Promise<string>;
}

const TIMEOUT_MS = 5_000;
const BODY_BYTES_MAX = 262_144;

/**
 * Sends a request and uses its answer, all within the time.
 * @throws service_unavailable
 */
export async function askGuarded<T>(
  request: GuardedRequest,
  options: GuardOptions,
  use: (answer: GuardedAnswer) => Promise<T>,
): Promise<T> {
  const { timeoutMs = TIMEOUT_MS } = options;
  const outage: Outage = (reason, cause) =>
    new GatewayError('service_unavailable', { detail: `${request.purpose}: ${reason}`, cause });
  const url = parseAllowedUrl(request.url, options.allowLocal);
  if (url === undefined) throw outage('its URL must begin with "https:" and name no user');
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    // The system's resolver cannot be aborted.
    const address = await untilAborted(signal, findAddress(url, options));
    return await send(url, { request, address, signal, ca: options.ca, outage }, use);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if (error instanceof AddressRefused) throw outage(error.message);
    throw outage(signal.aborted ? 'it did not answer in time' : failureOf(error), error);
  }
}

type Outage = (reason: string, cause?: unknown) => GatewayError;

/** Words a failure with Node's own code, such as ENOTFOUND or CERT_HAS_EXPIRED, which names no host. */
function failureOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const isWord = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code);
  return isWord ? `the request failed: ${code}` : 'the request failed';
}

interface Target {
  readonly request: GuardedRequest;
  readonly address: LookupAddress;
  readonly signal: AbortSignal;
  readonly ca: string | undefined;
  readonly outage: Outage;
}

function send<T>(
  url: URL,
  { request, address, signal, ca, outage }: Target,
  use: (answer: GuardedAnswer) => Promise<T>,
): Promise<T> {
  const { method = 'GET', headers = {}, body } = request;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options: RequestOptions = {
    method,
    agent: false, // A kept connection could lead to an address that nobody checked.
    headers: {
      accept: 'application/json',
      ...headers,
      ...length,
      'accept-encoding': 'identity',
    },
    lookup: lookupOf(address),
    signal,
  };
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      const { statusCode: status = 0 } = response;
      const tooMany = () => outage('it answered with more than 256 kB');
      const read = async () => (await readBytes(response, BODY_BYTES_MAX, tooMany)).toString();
      use({ status, headers: response.headers, read }).then(
        (value) => {
          response.destroy();
          resolve(value);
        },
        (error: unknown) => {
          response.destroy();
          reject(error);
        },
      );
    };
    const sent =
      url.protocol === 'https:'
        ? https.request(url, { ...options, ...(ca !== undefined && { ca }) }, onResponse)
        : http.request(url, options, onResponse);
    sent.on('error', reject);
    sent.end(body);
  });
}
