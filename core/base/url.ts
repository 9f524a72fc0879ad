/**
 * URLs that others wrote. No step of the flow by itself.
 * Invariant: a text that is no URL is undefined, and never an exception.
 */

/** Reads a URL. `URL.parse` does so in Node 22 and later; an installed package runs on Node 20 too. */
export const parseUrl = (text: string): URL | undefined =>
  URL.canParse(text) ? new URL(text) : undefined;

/** True for a host name of this machine. */
export const isLoopbackHost = (hostname: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);

/** True for a URL to which secrets may be sent: by https, or by http to this machine. */
export const isSafeForSecrets = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
