/**
 * Finds the address of a URL that an administrator chose, and refuses one inside our network, also when a name leads
 * there. The connection then goes to the address that was checked.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { isLoopbackAddress, isPublicAddress } from './public-address.ts';

export interface AddressOptions {
  /** Allows loopback addresses, by plain HTTP too. Never when deployed. */
  readonly allowLocal: boolean;
  /** Finds all addresses of a host. @default the system's resolver */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

/** Thrown for a host that may not be called. Its message says why, and names no host. */
export class AddressRefused extends Error {}

const resolveAll = (hostname: string): Promise<LookupAddress[]> => lookup(hostname, { all: true });

/** Parses a URL that may be called; undefined unless it begins with `https:` and names no user. */
export function parseAllowedUrl(text: string, allowLocal: boolean): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isProtocol = url?.protocol === 'https:' || (allowLocal && url?.protocol === 'http:');
  return isProtocol && url?.username === '' && url.password === '' ? url : undefined;
}

/**
 * Finds an address to connect to. All addresses of the name must be allowed: one that is not shows a trap.
 * @throws AddressRefused, or the resolver's error
 */
export async function findAddress(url: URL, options: AddressOptions): Promise<LookupAddress> {
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const family = isIP(hostname);
  const { resolve = resolveAll } = options;
  const all = family === 0 ? await resolve(hostname) : [{ address: hostname, family }];
  const [first] = all;
  if (first === undefined) throw new AddressRefused('its host has no address');
  const isLocal = options.allowLocal && all.every(({ address }) => isLoopbackAddress(address));
  // Plain HTTP is allowed to this machine only.
  const isAllowed = isLocal || (url.protocol === 'https:' && all.every(isPublic));
  if (!isAllowed) throw new AddressRefused('its host has an address that is not public');
  return first;
}

const isPublic = ({ address }: LookupAddress): boolean => isPublicAddress(address);

/** Answers with the address that was checked, wherever the name leads by now. */
export const lookupOf =
  ({ address, family }: LookupAddress): LookupFunction =>
  (_, { all }, callback) => {
    if (all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
