/**
 * URLs that others wrote. No step of the flow by itself.
 * Invariant: a text that is no URL is undefined, and never an exception.
 */

/** Reads a URL. `URL.parse` does so in Node 22 and later; an installed package runs on Node 20 too. */
export const parseUrl = (text: string): URL | undefined =>
  URL.canParse(text) ? new URL(text) : undefined;
