/**
 * Fetches issuers' key sets over HTTPS. An administrator chose the URL, but the network is ours: an address inside it
 * is refused, also when a name leads there, and the connection goes to the address that was checked.
 * Fails closed: `service_unavailable`. One try; 5 s and 256 kB at most for everything; no redirect is followed.
 */
import type { LookupAddress } from 'node:dns';
import type { IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import { GatewayError } from '../../core/base/errors.ts';
import { readBytes } from '../../core/base/read-bytes.ts';
import type { KeySetFetch } from '../../core/jwt/ports.ts';
import { untilAborted } from '../system.ts';
import { AddressRefused, findAddress, lookupOf, parseAllowedUrl } from './checked-address.ts';

// An import of it loads undici too, which takes 40 ms (docs/performance.md).
const http = process.getBuiltinModule('node:http');

export interface KeySetFetchOptions {
  /** Allows loopback addresses, by plain HTTP too, for an issuer on this machine. Never when deployed. */
  readonly allowLocal: boolean;
  /** @default 5,000 */
  readonly timeoutMs?: number;
  /** Certificates to trust, as PEM. @default Node's own list */
  readonly ca?: string;
  /** Finds all addresses of a host. @default the system's resolver */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

const TIMEOUT_MS = 5_000;
const KEY_SET_BYTES_MAX = 262_144;

export function makeKeySetFetch(options: KeySetFetchOptions): KeySetFetch {
  const { timeoutMs = TIMEOUT_MS } = options;
  return async (text) => {
    const url = parseAllowedUrl(text, options.allowLocal);
    if (url === undefined) throw outage('its URL must begin with "https:" and name no user');
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      // The system's resolver cannot be aborted.
      const address = await untilAborted(signal, findAddress(url, options));
      return await fetchText(url, { address, signal, ca: options.ca });
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      if (error instanceof AddressRefused) throw outage(error.message);
      throw outage(signal.aborted ? 'it did not answer in time' : failureOf(error), error);
    }
  };
}

const outage = (reason: string, cause?: unknown): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: `an issuer's key set cannot be fetched: ${reason}`,
    cause,
  });

/** Words a failure with Node's own code, such as ENOTFOUND or CERT_HAS_EXPIRED, which names no host. */
function failureOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const isWord = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code);
  return isWord ? `the request failed: ${code}` : 'the request failed';
}

interface FetchTarget {
  readonly address: LookupAddress;
  readonly signal: AbortSignal;
  readonly ca: string | undefined;
}

function fetchText(url: URL, { address, signal, ca }: FetchTarget): Promise<string> {
  const options: RequestOptions = {
    agent: false, // A kept connection could lead to an address that nobody checked.
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    lookup: lookupOf(address),
    signal,
  };
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      readText(response).then(resolve, (error: unknown) => {
        response.destroy();
        reject(error);
      });
    };
    const request =
      url.protocol === 'https:'
        ? https.get(url, { ...options, ...(ca !== undefined && { ca }) }, onResponse)
        : http.get(url, options, onResponse);
    request.on('error', reject);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) throw outage(`it answered ${response.statusCode}`);
  const tooLong = () => outage('it answered with more than 256 kB');
  return (await readBytes(response, KEY_SET_BYTES_MAX, tooLong)).toString();
}
