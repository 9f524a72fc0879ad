/**
 * For whom a request is made, and in which conversation. Flow: verify > **identity** > Grant.
 * Invariant: an identity comes from what was verified; a header names a user only beside a bare server key whose record
 * says so, for a token or a JWT beside such a header would let anyone name anyone.
 */
import { GatewayError } from '../base/errors.ts';
import type { Headers } from '../base/http.ts';
import { isName, USER_CHARS_MAX } from '../base/names.ts';
import type { VerifiedUser } from '../jwt/verifier.ts';
import { DEFAULT_USER_HEADER, type IdentityControls, type KeyRecord } from '../keys/key-record.ts';
import type { Grant, Identity } from './grant.ts';

export const CONVERSATION_HEADER = 'x-conversation-id';

/** Whom a request is for. */
export interface Claimant {
  readonly identity: Identity;
  /** What domain rules look at; undefined: there is no address, or nobody vouches for it. */
  readonly email: string | undefined;
}

const claimantOf = (source: Identity['source'], id: string): Claimant => ({
  identity: { source, issuer: '', id },
  email: id,
});

/**
 * Whom a bare key speaks for: a personal key for its user, whatever a header says; a server key for the user its header
 * names, if its record lets it.
 * @throws invalid_request for the header twice, and for one that names nobody
 */
export function claimantOfKey(
  { kind, user, identity }: Pick<KeyRecord, 'kind' | 'user' | 'identity'>,
  headers: Headers,
): Claimant | undefined {
  if (user !== undefined) return claimantOf('personal', user);
  if (kind !== 'server' || !identity?.identityHeader) return undefined;
  const name = identity.userHeader ?? DEFAULT_USER_HEADER;
  const [sent, ...others] = headers.get(name) ?? [];
  if (sent === undefined) return undefined;
  const id = sent.trim();
  if (others.length > 0 || !isName(id, USER_CHARS_MAX)) {
    throw new GatewayError('invalid_request', {
      message: `the header "${name}" must be sent once, as 1 to ${USER_CHARS_MAX} characters, none a control character`,
      param: name,
    });
  }
  return claimantOf('header', id);
}

/** The user a scoped token was given to, if it names one. */
export const claimantOfToken = (user: string | undefined): Claimant | undefined =>
  user === undefined ? undefined : claimantOf('token', user);

/** The holder of a JWT: the same subject of another issuer is another user. */
export const claimantOfJwt = ({ issuer, id, email }: VerifiedUser): Claimant => ({
  identity: { source: 'jwt', issuer, id },
  email,
});

/**
 * The domain of an address as domain rules compare it: after the last `@`, lower-case. Undefined where there is none.
 * ASCII only, since letters of other scripts fall together with these when they are made lower-case.
 */
export function domainOf(email: string): string | undefined {
  const [, domain] = /^[^\s\p{Cc}]+@([!-?A-~]+)$/u.exec(email) ?? [];
  return domain?.toLowerCase();
}

/**
 * Holds a claimant against a key's controls. Nobody passes domain rules, unless somebody is asked for.
 * @throws identity_required, domain_not_allowed
 */
export function requireAllowedIdentity(
  claimant: Claimant | undefined,
  { enforceIdentity, allowedDomains }: IdentityControls = {},
): void {
  if (claimant === undefined) {
    if (enforceIdentity) throw new GatewayError('identity_required');
    return;
  }
  if (allowedDomains === undefined) return;
  const domain = claimant.email === undefined ? undefined : domainOf(claimant.email);
  if (domain !== undefined && allowedDomains.includes(domain)) return;
  const detail =
    domain === undefined ? 'the identity has no e-mail address that counts' : 'another domain';
  throw new GatewayError('domain_not_allowed', { detail });
}

/**
 * `X-Conversation-Id`: kept with usage, never sent upstream.
 * @throws invalid_request when it is sent twice, is not 1 to 128 of A-Za-z0-9._-, or is missing where it is enforced
 */
export function readConversation(
  headers: Headers,
  { enforceConversation }: IdentityControls = {},
): Grant['conversation'] {
  const [conversation, ...more] = headers.get(CONVERSATION_HEADER) ?? [];
  if (conversation === undefined) {
    if (!enforceConversation) return undefined;
    throw new GatewayError('invalid_request', {
      message: 'this API key requires the header "x-conversation-id"',
      param: CONVERSATION_HEADER,
    });
  }
  if (more.length > 0 || !/^[A-Za-z0-9._-]{1,128}$/.test(conversation)) {
    throw new GatewayError('invalid_request', {
      message: 'the header "x-conversation-id" must be sent once, as 1 to 128 of A-Za-z0-9._-',
      param: CONVERSATION_HEADER,
    });
  }
  return conversation;
}
