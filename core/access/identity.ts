/**
 * The user and the conversation of a request. Flow: verify > **identity** > grant.
 * Invariant: an identity comes from a verified credential. A header names a user only beside a bare server key whose
 * record allows it; beside a token or a JWT it would let anyone name anyone.
 */
import { GatewayError, invalidRequest } from '../base/errors.ts';
import type { Headers } from '../base/http.ts';
import { shortDigest } from '../base/ids.ts';
import { foldUser, isName, USER_CHARS_MAX } from '../base/names.ts';
import { parseTagList, TAGS_FORM, type Tags } from '../base/tags.ts';
import type { VerifiedUser } from '../jwt/verifier.ts';
import {
  DEFAULT_CONVERSATION_HEADER,
  DEFAULT_USER_HEADER,
  type IdentityControls,
  type KeyRecord,
} from '../keys/key-record.ts';
import type { Grant, Identity } from './grant.ts';

/** The user of a request, before the key's rules are checked. */
export interface Claimant {
  readonly identity: Identity;
  /** The e-mail address for domain rules; undefined: there is none, or it is not verified. */
  readonly email: string | undefined;
  /** The user as they were named, if that is not the one form of their id. Their wallet of before may be under it. */
  readonly formerUser?: string;
}

/** Returns the user in the one form of their id, so that `Ann@X.edu` and `ann@x.edu` are one person. */
function claimantOf(source: Identity['source'], named: string): Claimant {
  const id = foldUser(named) || named;
  return {
    identity: { source, issuer: '', id },
    email: id,
    ...(id !== named && { formerUser: named }),
  };
}

/**
 * Returns the user of a bare key: the user of a personal key, whatever a header says; for a server key the user in the
 * header, if its record allows the header.
 * @throws invalid_request if the header is sent twice or names nobody
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
    throw invalidRequest(
      `the header "${name}" must be sent once, as 1 to ${USER_CHARS_MAX} characters without control characters`,
      name,
    );
  }
  return claimantOf('header', id);
}

/** Returns the user of a scoped token, if the token names one. */
export const claimantOfToken = (user: string | undefined): Claimant | undefined =>
  user === undefined ? undefined : claimantOf('token', user);

/** Returns the user of a JWT. The same subject of another issuer is another user. */
export const claimantOfJwt = ({ issuer, id, email }: VerifiedUser): Claimant => ({
  identity: { source: 'jwt', issuer, id },
  email,
});

/**
 * Joins users of headers, tokens and JWTs into one name space, that of tokens, if the key says so. A user of a JWT is
 * then the verified e-mail address.
 * @throws identity_required for a JWT without a verified e-mail address
 */
export function joinNamespaces(
  claimant: Claimant | undefined,
  { identityNamespace }: IdentityControls = {},
): Claimant | undefined {
  if (claimant === undefined || identityNamespace === undefined) return claimant;
  const { identity, email } = claimant;
  if (identity.source === 'header') return claimantOf('token', identity.id);
  if (identity.source !== 'jwt') return claimant;
  if (email !== undefined && domainOf(email) !== undefined)
    return { ...claimantOf('token', email), email };
  throw new GatewayError('identity_required', {
    detail: 'the JWT has no verified e-mail address',
  });
}

/**
 * Returns the domain of an address for domain rules: the part after the last `@`, in lower case; undefined if there is
 * none. ASCII only, because lower-casing turns some letters of other scripts into ASCII letters.
 */
export function domainOf(email: string): string | undefined {
  const [, domain] = /^[^\s\p{Cc}]+@([!-?A-~]+)$/u.exec(email) ?? [];
  return domain?.toLowerCase();
}

/**
 * Checks the user against a key's rules. A request without an identity passes domain rules, unless an identity is enforced.
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
 * Reads the conversation, which is kept with usage and never sent upstream: from the key's conversation header, else
 * from the first session header of a coding agent or chat front end. The value of a session header is not the caller's
 * choice, so one that is too long or has other characters is hashed.
 * @throws invalid_request when the conversation header is sent twice, is not 1 to 128 of A-Za-z0-9._-, or when no header
 *   names a conversation where one is enforced
 */
export function readConversation(
  headers: Headers,
  {
    enforceConversation,
    conversationHeader: name = DEFAULT_CONVERSATION_HEADER,
  }: IdentityControls = {},
): Grant['conversation'] {
  const [sent, ...more] = headers.get(name) ?? [];
  const conversation = sent ?? readSession(headers);
  if (conversation === undefined) {
    if (!enforceConversation) return undefined;
    throw invalidRequest(`this API key requires the header "${name}"`, DEFAULT_CONVERSATION_HEADER);
  }
  if (more.length > 0 || !CONVERSATION.test(conversation)) {
    throw invalidRequest(
      `the header "${name}" must be sent once, as 1 to 128 of A-Za-z0-9._-`,
      DEFAULT_CONVERSATION_HEADER,
    );
  }
  return conversation;
}

const TAGS_HEADER = 'x-hallpass-tags';

/**
 * Reads the tags of a bare server or personal key. A token has its own, and a JWT's holder may not choose any.
 * @throws invalid_request when the header is sent twice or has another form
 */
export function readTags(headers: Headers): Tags | undefined {
  const [sent, ...more] = headers.get(TAGS_HEADER) ?? [];
  if (sent === undefined) return undefined;
  const tags = parseTagList(sent);
  if (tags !== undefined && more.length === 0) return tags;
  throw invalidRequest(
    `the header "${TAGS_HEADER}" must be sent once, as name=value with commas between: ${TAGS_FORM}`,
    TAGS_HEADER,
  );
}

const CONVERSATION = /^[A-Za-z0-9._-]{1,128}$/;

/** The headers in which clients name their session: Claude Code, Codex, Open WebUI. */
const SESSION_HEADERS = ['x-claude-code-session-id', 'session-id', 'x-openwebui-chat-id'] as const;

function readSession(headers: Headers): string | undefined {
  for (const name of SESSION_HEADERS) {
    const session = headers.get(name)?.[0]?.trim();
    if (session) return CONVERSATION.test(session) ? session : shortDigest('session', session);
  }
  return undefined;
}
