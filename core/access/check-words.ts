/**
 * The words of the checks of a credential, for a person who asks why it is accepted or refused.
 * Flow: credential > checks > **words**. Invariant: no word is a secret.
 */
import type { ErrorCode, GatewayError } from '../base/errors.ts';
import type { VerifierKey } from '../jwt/verifier.ts';
import { DEFAULT_CONVERSATION_HEADER } from '../keys/key-record.ts';
import type { AccessFact } from './authorization.ts';
import type { Credential } from './credential.ts';
import type { Grant, IdentitySource } from './grant.ts';

const CREDENTIALS: Readonly<Record<Credential['kind'], string>> = {
  key: 'a key',
  'scoped-token': 'a scoped token',
  'client-access': 'a key with a JWT',
};

const VERIFIERS: Readonly<Record<VerifierKey['kind'], string>> = {
  secret: 'a shared secret',
  pem: 'a public key',
  jwks: "an issuer's key set",
};

/** Returns what is found at a check that a credential passed. */
export function wordsOfFact(fact: AccessFact): string {
  switch (fact.check) {
    case 'credential':
      return CREDENTIALS[fact.kind];
    case 'form':
      return fact.names
        ? `it names the key "${fact.names.keyName}" of the account "${fact.names.account}"`
        : 'a key of Hallpass, with its checksum';
    case 'key':
      return `"${fact.name}", a ${fact.kind} key that is in force${untilText(fact.expiresAtMs)}`;
    case 'version':
    case 'signature':
      return `of the key's ${fact.isFormer ? 'former string, which still holds' : 'string in force'}`;
    case 'verifier':
      return `the key has ${VERIFIERS[fact.kind]} for JWTs of ${fact.algorithms.join(', ')}`;
    case 'jwt form':
      return `it names the algorithm ${fact.alg}`;
    case 'issuer':
    case 'audience':
    case 'azp':
      return fact.isRestricted ? 'one that the key names' : 'any is allowed';
    case 'tier':
      return fact.when ?? "no rule fits, so the key's own limits and models apply";
    case 'times':
      return `in force${untilText(fact.untilMs)}`;
    default:
      return WORDS[fact.check];
  }
}

/** The facts that carry no value. */
const WORDS = {
  claims: 'each has a type and a value that a token may have',
  'jwt signature': 'it holds',
  'jwt times': 'in force now',
  user: 'the JWT names one',
  'required claims': 'each is present and allowed',
  enforced: 'there is an identity',
  domain: 'an allowed domain of e-mail addresses',
  origin: 'its pages may call',
  conversation: 'there is one',
} as const;

const untilText = (untilMs: number | undefined): string =>
  untilMs === undefined ? '' : ` until ${new Date(untilMs).toISOString()}`;

/** Returns the check that failed. For a denial and for an outage it is the one after the last that passed. */
export function failedCheck(
  last: AccessFact | undefined,
  { code, status, facts }: GatewayError,
): string {
  if (last === undefined) return 'credential';
  if (status === 401 || status === 503) return NEXT_CHECK[last.check] ?? 'request';
  if (facts.param === DEFAULT_CONVERSATION_HEADER) return 'conversation';
  return facts.param === undefined ? (REFUSED_BY[code] ?? 'request') : 'user header';
}

const NEXT_CHECK: Readonly<Partial<Record<AccessFact['check'], AccessFact['check']>>> = {
  credential: 'form',
  form: 'key',
  key: 'signature',
  signature: 'claims',
  claims: 'times',
  version: 'verifier',
  verifier: 'jwt form',
  'jwt form': 'jwt signature',
  'jwt signature': 'issuer',
  issuer: 'audience',
  audience: 'azp',
  azp: 'jwt times',
  'jwt times': 'user',
};

const REFUSED_BY: Readonly<Partial<Record<ErrorCode, string>>> = {
  claim_not_allowed: 'required claims',
  identity_required: 'identity',
  domain_not_allowed: 'domain',
  origin_not_allowed: 'origin',
};

const SOURCES: Readonly<Record<IdentitySource, string>> = {
  header: ', named by a header',
  token: '',
  jwt: ', whose JWT it is',
  personal: '',
};

/** Returns what is found about the user and the conversation of a grant. */
export function identityWords({ identity, conversation }: Grant): string {
  const who =
    identity === undefined
      ? 'none: no user'
      : `the user "${identity.id}"${SOURCES[identity.source]}`;
  return conversation === undefined ? who : `${who}, conversation "${conversation}"`;
}
