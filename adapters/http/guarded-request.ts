/**
 * One request to an issuer or identity provider, to an address that was checked (checked-address.ts).
 * Fails closed: `service_unavailable`. One try; 5 s and 256 kB at most for everything; no redirect is followed.
 */
import type { IncomingMessage, RequestOptions } from 'node:http';
import { GatewayError } from '../../core/base/errors.ts';
import { readBytes } from '../../core/base/read-bytes.ts';
import { http, loadHttps, untilAborted } from '../system.ts';
import {
  type AddressOptions,
  AddressRefused,
  findAddress,
  lookupOf,
  parseAllowedUrl,
} from './checked-address.ts';

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
  const outage = (reason: string, cause?: unknown) =>
    new GatewayError('service_unavailable', { detail: `${request.purpose}: ${reason}`, cause });
  const url = parseAllowedUrl(request.url, options.allowLocal);
  if (url === undefined) throw outage('its URL must begin with "https:" and name no user');
  const signal = AbortSignal.timeout(timeoutMs);
  const tooMany = () => outage('it answered with more than 256 kB');
  const headers = {
    accept: 'application/json',
    ...request.headers,
    'accept-encoding': 'identity',
  };
  try {
    return await sendChecked(url, { ...request, headers }, { ...options, signal }, (response) =>
      use({
        status: response.statusCode ?? 0,
        headers: response.headers,
        read: async () => (await readBytes(response, BODY_BYTES_MAX, tooMany)).toString(),
      }),
    );
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if (error instanceof AddressRefused) throw outage(error.message);
    throw outage(signal.aborted ? 'it did not answer in time' : failureOf(error), error);
  }
}

/** Words a failure with Node's own code, such as ENOTFOUND or CERT_HAS_EXPIRED, which names no host. */
function failureOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const isWord = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code);
  return isWord ? `the request failed: ${code}` : 'the request failed';
}

/**
 * Sends a request to an address that was checked and uses the response, the unread rest of which is dropped.
 * @throws AddressRefused, or the error of the resolver, the connection or the signal
 */
export async function sendChecked<T>(
  url: URL,
  { method = 'GET', headers, body }: Pick<GuardedRequest, 'method' | 'headers' | 'body'>,
  { signal, ...options }: GuardOptions & { readonly signal: AbortSignal },
  use: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  // The system's resolver cannot be aborted.
  const address = await untilAborted(signal, findAddress(url, options));
  const settings: RequestOptions & { readonly ca?: string } = {
    method,
    agent: false, // A kept connection could lead to an address that nobody checked.
    headers: {
      ...headers,
      ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
    },
    lookup: lookupOf(address),
    signal,
    ...(options.ca !== undefined && { ca: options.ca }),
  };
  const { request } = url.protocol === 'https:' ? loadHttps() : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, settings, (response) => {
      use(response)
        .finally(() => response.destroy())
        .then(resolve, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
