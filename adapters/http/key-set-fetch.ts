/**
 * Issuers' key sets, over HTTPS. The URL is an administrator's, the network is ours: so an address inside it is refused,
 * also when a name leads there, and the connection goes to the very address that was looked at.
 * Fails closed: `service_unavailable`. One try; 5 s and 256 kB at most for everything; no redirect is followed.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { GatewayError } from '../../core/base/errors.ts';
import type { KeySetFetch } from '../../core/jwt/ports.ts';
import { isLoopbackAddress, isPublicAddress } from './public-address.ts';

export interface KeySetFetchOptions {
  /** Lets loopback addresses through, by plain HTTP too: for an issuer on this machine. Never when deployed. */
  readonly allowLocal: boolean;
  /** @default 5,000 */
  readonly timeoutMs?: number;
  /** Certificates to trust, as PEM. @default those that Node trusts */
  readonly ca?: string;
  /** All addresses of a host. @default the system's resolver */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

const TIMEOUT_MS = 5_000;
const KEY_SET_BYTES_MAX = 262_144;

const resolveAll = (hostname: string): Promise<LookupAddress[]> => lookup(hostname, { all: true });

export function makeKeySetFetch(options: KeySetFetchOptions): KeySetFetch {
  const { timeoutMs = TIMEOUT_MS } = options;
  return async (text) => {
    const url = requireUrl(text, options.allowLocal);
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const address = await within(signal, findAddress(url, options));
      return await exchange(url, { address, signal, ca: options.ca });
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      // Causes name hosts and addresses, which the log's reader may need.
      throw outage(signal.aborted ? 'it did not answer in time' : failureOf(error), error);
    }
  };
}

const outage = (reason: string, cause?: unknown): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: `an issuer's key set cannot be fetched: ${reason}`,
    cause,
  });

/** With Node's own word for it, such as ENOTFOUND or CERT_HAS_EXPIRED, which names nobody. */
function failureOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const isWord = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code);
  return isWord ? `the exchange failed: ${code}` : 'the exchange failed';
}

function requireUrl(text: string, allowLocal: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isProtocol = url?.protocol === 'https:' || (allowLocal && url?.protocol === 'http:');
  if (!url || !isProtocol || url.username !== '' || url.password !== '') {
    throw outage('its URL is not one of https without a user');
  }
  return url;
}

/** The system's resolver cannot be called off, so whoever waits for it is. */
function within<Value>(signal: AbortSignal, value: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    value.then(resolve, reject);
  });
}

/** One address that may be connected to. All that the name has must be such: one that is not tells of a trap. */
async function findAddress(url: URL, options: KeySetFetchOptions): Promise<LookupAddress> {
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const family = isIP(hostname);
  const { resolve = resolveAll } = options;
  const all = family === 0 ? await resolve(hostname) : [{ address: hostname, family }];
  const [first] = all;
  if (first === undefined) throw outage('its host has no address');
  const isLocal = options.allowLocal && all.every(({ address }) => isLoopbackAddress(address));
  // Plain HTTP is for this machine alone.
  const isAllowed = isLocal || (url.protocol === 'https:' && all.every(isPublic));
  if (!isAllowed) throw outage('its host has an address that is not public');
  return first;
}

const isPublic = ({ address }: LookupAddress): boolean => isPublicAddress(address);

interface Exchange {
  readonly address: LookupAddress;
  readonly signal: AbortSignal;
  readonly ca: string | undefined;
}

/** Gives the address that was looked at, whatever the name leads to by now. */
const lookupOf =
  ({ address, family }: LookupAddress): LookupFunction =>
  (_, { all }, callback) => {
    if (all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };

function exchange(url: URL, { address, signal, ca }: Exchange): Promise<string> {
  const options: RequestOptions = {
    agent: false, // A connection of its own, so that none is left to another address.
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
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > KEY_SET_BYTES_MAX) throw outage('it answered with more than 256 kB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
