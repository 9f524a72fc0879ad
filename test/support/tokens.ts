/**
 * Scoped tokens minted by hand with node:crypto, member by member as PyJWT writes them. Nothing of core/ is in them.
 */
import { createHmac } from 'node:crypto';
import { ACCOUNT, KEY } from './memory-keys.ts';

/** 2026-11-20T12:00:00Z */
export const NOW_MS = 1795176000000;
export const NOW_SECONDS = 1795176000;

const base64Url = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');

/** `course` in base64. */
export const KID = 'acct_test:Y291cnNl';

export interface Mint {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: string;
  /** The exact text of a part, in place of an object. */
  readonly headerText?: string | Uint8Array;
  readonly payloadText?: string | Uint8Array;
}

/** A member set to undefined is left out. Without options: a token that is valid for an hour. */
export function mint({ header, claims, key = KEY, headerText, payloadText }: Mint = {}): string {
  const head = headerText ?? JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: KID, ...header });
  const payload =
    payloadText ?? JSON.stringify({ sub: ACCOUNT, exp: NOW_SECONDS + 3600, ...claims });
  const signingInput = `${base64Url(head)}.${base64Url(payload)}`;
  const signature = createHmac('sha256', key).update(signingInput).digest('base64url');
  return `jwt:${signingInput}.${signature}`;
}
