/**
 * For whom a request is made, and in which conversation. Flow: verify > **identity** > Grant.
 * Invariant: an identity comes from what was verified, never from a bare word of the caller's.
 */
import { GatewayError } from './errors.ts';
import type { Identity } from './grant.ts';
import type { Headers } from './http.ts';
import type { KeyRecord } from './key-record.ts';

/** The user a personal key speaks for; undefined for other keys. */
export const identityOfKey = ({ user }: KeyRecord): Identity | undefined =>
  user === undefined ? undefined : { source: 'personal', issuer: '', id: user };

/** The user a scoped token was given to, if it names one. */
export const identityOfToken = (user: string | undefined): Identity | undefined =>
  user === undefined ? undefined : { source: 'token', issuer: '', id: user };

/**
 * `X-Conversation-Id`: kept with usage, never sent upstream.
 * @throws invalid_request when it is sent twice or is not 1 to 128 of A-Za-z0-9._-
 */
export function readConversation(headers: Headers): string | undefined {
  const values = headers.get('x-conversation-id');
  if (values === undefined || values.length === 0) return undefined;
  const [conversation = '', ...more] = values;
  if (more.length > 0 || !/^[A-Za-z0-9._-]{1,128}$/.test(conversation)) {
    throw new GatewayError('invalid_request', {
      message: 'the header "x-conversation-id" must be sent once, as 1 to 128 of A-Za-z0-9._-',
    });
  }
  return conversation;
}
