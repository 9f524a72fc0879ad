/**
 * Who is this? request > credential > key record > verify > identity -> Grant, a refusal, or a denial.
 * Invariant: whatever cannot be decided is an outage (503), never a denial and never a grant.
 */
import { readCredential } from './access/credential.ts';
import type { Grant } from './access/grant.ts';
import {
  type Claimant,
  claimantOfJwt,
  claimantOfKey,
  claimantOfToken,
  readConversation,
  requireAllowedIdentity,
} from './access/identity.ts';
import { ANY_ORIGIN, requireAllowedOrigin } from './access/origin.ts';
import { GatewayError } from './base/errors.ts';
import type { Headers } from './base/http.ts';
import type { Clock, Secrets } from './base/ports.ts';
import { verifyClientJwt } from './jwt/client-jwt.ts';
import type { KeySets } from './jwt/ports.ts';
import type { Verifier } from './jwt/verifier.ts';
import { hashOfKey, isWellFormed } from './keys/api-key.ts';
import type { FormerVersion, KeyRecord } from './keys/key-record.ts';
import type { KeyRecords } from './keys/ports.ts';
import {
  parseScopedClaims,
  requireInForce,
  type ScopedClaims,
  tokenIdOf,
} from './tokens/scoped-claims.ts';
import {
  isSignedWith,
  parsePayload,
  parseScopedToken,
  type ScopedToken,
} from './tokens/scoped-token.ts';

/** What an authorizer sees of a request. */
export interface CredentialRequest {
  readonly headers: Headers;
}

/** `refusal`: known who, yet 400 or 403, told by the function in the route's dialect. `denied`: 401. */
export type Authorization =
  | { readonly kind: 'grant'; readonly grant: Grant }
  | { readonly kind: 'refusal'; readonly error: GatewayError }
  | { readonly kind: 'denied'; readonly error: GatewayError };

export interface AuthorizePorts {
  /** The gateway's account: keys and tokens of others are unknown here. */
  readonly account: string;
  /** Of the configuration. */
  readonly allowedOrigins: readonly string[];
  readonly keys: KeyRecords;
  readonly secrets: Secrets;
  readonly keySets: KeySets;
  readonly clock: Clock;
  /** Told of each check that is passed, in order, and what was found: `hallpass explain` prints them. @default nobody */
  readonly onPassed?: (check: string, found: string) => void;
}

/**
 * Decides on a request's credential.
 * @throws service_unavailable when keys or secrets cannot be read
 */
export async function authorize(
  request: CredentialRequest,
  ports: AuthorizePorts,
): Promise<Authorization> {
  try {
    const { headers } = request;
    const { record, grant, claimant } = await find(request, ports);
    requireAllowedIdentity(claimant, record.identity);
    tellIdentity(record, claimant, ports);
    requireAllowedOrigin(headers, ports.allowedOrigins);
    requireAllowedOrigin(headers, record.allowedOrigins ?? [ANY_ORIGIN]);
    if (headers.has('origin')) ports.onPassed?.('origin', 'pages of it may call');
    const conversation = readConversation(headers, record.identity);
    if (conversation !== undefined) ports.onPassed?.('conversation', 'there is one');
    return {
      kind: 'grant',
      grant: {
        ...grant,
        ...(claimant && { identity: claimant.identity }),
        ...(conversation !== undefined && { conversation }),
      },
    };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.status === 401) return { kind: 'denied', error };
    if (error.status === 400 || error.status === 403) return { kind: 'refusal', error };
    throw error;
  }
}

/** Whose key it is, what it grants, and for whom it is asked. */
interface Found {
  readonly record: KeyRecord;
  readonly grant: Grant;
  readonly claimant: Claimant | undefined;
}

function find({ headers }: CredentialRequest, ports: AuthorizePorts): Promise<Found> {
  const credential = readCredential(headers);
  ports.onPassed?.('credential', CREDENTIAL_NAMES[credential.kind]);
  switch (credential.kind) {
    case 'key':
      return findByKey(credential.key, headers, ports);
    case 'scoped-token':
      return findByToken(parseToken(credential.jws, ports), ports);
    case 'client-access':
      return findByJwt(credential, ports);
  }
}

const CREDENTIAL_NAMES = {
  key: 'a key',
  'scoped-token': 'a scoped token',
  'client-access': 'a key with a JWT',
};

/** One answer for every credential that is not known, whatever the reason, so that none can be told from another. */
const unknown = (detail: string): GatewayError => new GatewayError('invalid_api_key', { detail });

async function findByKey(key: string, headers: Headers, ports: AuthorizePorts): Promise<Found> {
  const { record, signer } = await requirePresented(key, 'alone', ports);
  const grant: Grant = { ...grantBase(record), credential: 'key', former: signer.former };
  return { record, grant, claimant: claimantOfKey(record, headers) };
}

/** A key with the JWT of its holder. The header that names users is not looked at: the JWT says who it is. */
async function findByJwt(
  { key, jwt }: { readonly key: string; readonly jwt: string },
  ports: AuthorizePorts,
): Promise<Found> {
  const { record, signer } = await requirePresented(key, 'with-jwt', ports);
  const { id, verifier, identity } = record;
  if (verifier === undefined) throw unknown('client access on a key without a verifier');
  ports.onPassed?.('verifier', wordsOf(verifier));
  const trustEmail = identity?.trustEmail ?? false;
  const user = await verifyClientJwt(jwt, { id, verifier, trustEmail }, ports);
  const grant: Grant = { ...grantBase(record), credential: 'client-access', former: signer.former };
  return { record, grant, claimant: claimantOfJwt(user) };
}

const VERIFIER_NAMES = {
  secret: 'the key has a shared secret for JWTs',
  pem: 'the key has a public key for JWTs',
  jwks: 'the key names a key set for JWTs',
};

const wordsOf = ({ key, algorithms }: Verifier): string =>
  `${VERIFIER_NAMES[key.kind]} of ${algorithms.join(', ')}`;

/** The record of a key whose string was sent, and which of its versions that string is. */
async function requirePresented(
  key: string,
  use: 'alone' | 'with-jwt',
  ports: AuthorizePorts,
): Promise<{ readonly record: KeyRecord; readonly signer: Signer }> {
  if (!isWellFormed(key)) throw unknown('not a key of this gateway');
  ports.onPassed?.('form', 'a key of Hallpass, with its checksum');
  const hash = hashOfKey(key);
  const found = await ports.keys.findByKeyHash(hash);
  if (found === undefined) throw unknown('no such key');
  const { record, version } = found;
  const signer = signersOf(record, ports.clock.nowMs()).find((other) => other.version === version);
  if (signer === undefined || (!signer.former && record.keyHash !== hash)) {
    throw unknown('a version of the key that is no longer in force');
  }
  const usable = usableOr(record, ports.account, use);
  if (typeof usable === 'string') throw unknown(usable);
  tellKey(usable, ports);
  tellSigner(signer, 'version', ports);
  return { record: usable, signer };
}

function parseToken(jws: string, { onPassed }: AuthorizePorts): ScopedToken {
  const token = parseScopedToken(jws);
  onPassed?.('form', `it says it is of the key "${token.keyName}" of "${token.account}"`);
  return token;
}

/** How old a record may be by which a signature does not hold: its key may have been given a new string since. */
const UNSIGNED_AGE_MAX_MS = 1_000;

/** @param seen the record by which the signature did not hold */
async function findByToken(
  token: ScopedToken,
  ports: AuthorizePorts,
  seen?: KeyRecord,
): Promise<Found> {
  const { account, keyName } = token;
  const ageMaxMs = seen && UNSIGNED_AGE_MAX_MS;
  const record =
    account === ports.account ? await ports.keys.findByName(account, keyName, ageMaxMs) : undefined;
  const usable = record === undefined ? 'no such key' : usableOr(record, ports.account, 'signer');
  if (typeof usable === 'string') {
    isSignedWith(token, ''); // So that this takes as long as a wrong signature does.
    throw unknown(usable);
  }
  if (seen?.version === usable.version) throw unknown('the signature does not hold');
  tellKey(usable, ports);
  for (const signer of signersOf(usable, ports.clock.nowMs())) {
    const key = await ports.secrets.readKey(usable.id, signer.version);
    if (isSignedWith(token, key)) {
      return foundBySigner(token, { record: usable, signer }, ports);
    }
  }
  if (seen !== undefined) throw unknown('the signature does not hold');
  return findByToken(token, ports, usable);
}

/** What a token grants whose signature held: only now is anything believed that it says. */
function foundBySigner(
  token: ScopedToken,
  { record, signer }: { readonly record: KeyRecord; readonly signer: Signer },
  ports: AuthorizePorts,
): Found {
  tellSigner(signer, 'signature', ports);
  const claims = parseScopedClaims(parsePayload(token), record);
  ports.onPassed?.('claims', 'each is as a token may have it');
  requireInForce(claims, record.maxTokenLifetimeSeconds, ports.clock.nowMs(), signer.ends);
  ports.onPassed?.('times', `in force until ${endOf(claims, signer)}`);
  const id = tokenIdOf(claims.token.jti, token.signingInput);
  const grant: Grant = {
    ...grantBase(record),
    credential: 'scoped-token',
    former: signer.former,
    token: { ...claims.token, id, revoked: record.revoked.includes(id) },
  };
  return { record, grant, claimant: claimantOfToken(claims.user) };
}

const endOf = ({ token }: ScopedClaims, { ends }: Signer): string =>
  new Date(Math.min(token.expiresAtMs, ends?.untilMs ?? token.expiresAtMs)).toISOString();

/** The record, or why its key may not be presented alone, or may not sign. */
function usableOr(
  record: KeyRecord,
  account: string,
  use: 'alone' | 'with-jwt' | 'signer',
): KeyRecord | string {
  if (record.account !== account) return 'a key of another account';
  if (record.disabled) return 'a disabled key';
  if (record.kind === 'client' && use !== 'with-jwt') return 'a client key without a JWT';
  return use === 'signer' && record.kind === 'personal' ? 'a personal key as signer' : record;
}

function tellIdentity(
  { identity = {} }: KeyRecord,
  claimant: Claimant | undefined,
  { onPassed }: AuthorizePorts,
): void {
  if (identity.enforceIdentity) onPassed?.('enforced', 'there is an identity');
  if (claimant && identity.allowedDomains) onPassed?.('domain', 'of an allowed e-mail address');
}

const tellKey = ({ name, kind }: KeyRecord, { onPassed }: AuthorizePorts): void =>
  onPassed?.('key', `"${name}", a ${kind} key that is in force`);

const tellSigner = ({ former }: Signer, check: string, { onPassed }: AuthorizePorts): void =>
  onPassed?.(
    check,
    `of the key's ${former ? 'former string, which still holds' : 'string in force'}`,
  );

/** A version of a key that holds now. */
interface Signer {
  readonly version: string;
  readonly former: boolean;
  /** Of a former one. */
  readonly ends?: FormerVersion;
}

function signersOf({ version, former }: KeyRecord, nowMs: number): readonly Signer[] {
  const current: Signer = { version, former: false };
  if (former === undefined || nowMs >= former.untilMs) return [current];
  return [current, { version: former.version, former: true, ends: former }];
}

const grantBase = (record: KeyRecord) => ({
  account: record.account,
  keyId: record.id,
  keyName: record.name,
  keyKind: record.kind,
  ...(record.models && { models: record.models }),
  limits: record.limits,
  maxTokenLifetimeSeconds: record.maxTokenLifetimeSeconds,
});
