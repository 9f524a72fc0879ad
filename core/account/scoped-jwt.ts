/**
 * `/v1/scoped-jwt`: a server key issues scoped tokens and reads their state. Flow: Grant > **answer**.
 * Invariant: a token is signed with the key that the request carries, and only if the gateway would accept it.
 */
import { readCredential } from '../access/credential.ts';
import { type Grant, isBareServerKey } from '../access/grant.ts';
import { GatewayError, invalidField, invalidRequest, toGatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import type { TokenId } from '../base/ids.ts';
import { type JsonObject, parseStrictObject } from '../base/json.ts';
import { usdFromNano } from '../base/money.ts';
import type { Clock, Random } from '../base/ports.ts';
import type { RevokedList } from '../keys/ports.ts';
import { type ModelLists, unmatchedEntries } from '../models/catalogue.ts';
import {
  CLAIM_RULES,
  parseScopedClaims,
  requireInForce,
  type ScopedClaims,
  tokenIdOf,
} from '../tokens/scoped-claims.ts';
import {
  isSignedWith,
  parsePayload,
  parseScopedToken,
  signScopedToken,
} from '../tokens/scoped-token.ts';
import type { Wallets } from '../wallet/ports.ts';
import { findTokenWallet } from './find-wallet.ts';
import { tokenSpendOf } from './key-info.ts';

const DEFAULT_LIFETIME_SECONDS = 86_400;
const FIELD_NAME_CHARS_MAX = 64;

/** The body's fields that become claims of the same name. */
const CLAIM_FIELDS = ['models', 'spending_limit', 'user', 'jti', 'tags'] as const;
const FIELDS: readonly string[] = [...CLAIM_FIELDS, 'expires_delta', 'expires_at', 'api_key_name'];

interface IssuePorts {
  readonly clock: Clock;
  readonly random: Pick<Random, 'uuid'>;
  readonly models: ModelLists;
}

/**
 * `POST`: issues a token. A field that is null counts as absent.
 * @throws route_not_allowed for anything but a server key in force, invalid_request with the field
 */
export function issueToken(
  request: HttpRequest,
  grant: Grant,
  { clock, random, models }: IssuePorts,
): JsonObject {
  const key = requireCurrentKey(request, grant, 'signs');
  const fields = parseFields(request.body);
  const { api_key_name: keyName } = fields;
  if (keyName !== undefined && keyName !== grant.keyName) {
    throw invalidField('api_key_name', 'must be the name of the key in the request');
  }
  const issuedAtSeconds = Math.floor(clock.nowMs() / 1000);
  const exp = tokenExpiryOf(fields, issuedAtSeconds, lifetimeMaxOf(grant, issuedAtSeconds));
  const claims: Record<string, unknown> = { sub: grant.account, iat: issuedAtSeconds, exp };
  for (const name of CLAIM_FIELDS) if (fields[name] !== undefined) claims[name] = fields[name];
  claims.jti ??= random.uuid();
  requireAcceptable(claims, grant, { nowMs: clock.nowMs(), models });
  const { account, keyName: name } = grant;
  return { token: signScopedToken({ account, keyName: name, key }, claims), expires_at: exp };
}

/**
 * Returns the key string of a request that carries a server key alone, in force and not replaced.
 * @throws route_not_allowed for any other credential
 */
export function requireCurrentKey(
  request: HttpRequest,
  grant: Grant,
  action: 'signs' | 'revokes',
): string {
  const key = requireServerKey(request, grant);
  if (!grant.former) return key;
  throw new GatewayError('route_not_allowed', {
    message: `a key that has been replaced ${action} no tokens; use the new one`,
  });
}

function requireServerKey({ headers }: HttpRequest, grant: Grant): string {
  const credential = readCredential(headers);
  if (!isBareServerKey(grant) || credential.kind !== 'key') {
    throw new GatewayError('route_not_allowed', {
      message: 'only a server key without a token or JWT may use this route',
    });
  }
  return credential.key;
}

function parseFields(body = ''): JsonObject {
  const parsed = parseStrictObject(body);
  if (parsed === undefined) {
    throw invalidRequest('the body must be one JSON object in which no field is repeated');
  }
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (!FIELDS.includes(name))
      throw invalidField(
        name.slice(0, FIELD_NAME_CHARS_MAX),
        `is unknown, allowed are ${FIELDS.join(', ')}`,
      );
    if (value !== null) fields[name] = value;
  }
  return fields;
}

/** Returns the longest lifetime of a token in seconds: no token is signed beyond its key's end. */
const lifetimeMaxOf = ({ maxTokenLifetimeSeconds, keyExpiresAtMs }: Grant, nowSeconds: number) =>
  keyExpiresAtMs === undefined
    ? maxTokenLifetimeSeconds
    : Math.min(maxTokenLifetimeSeconds, Math.floor(keyExpiresAtMs / 1000) - nowSeconds);

/** Returns the token's `exp` in unix seconds. */
function tokenExpiryOf(fields: JsonObject, nowSeconds: number, lifetimeSeconds: number): number {
  const { expires_delta: delta, expires_at: at } = fields;
  if (delta !== undefined && at !== undefined) {
    throw invalidField('expires_at', 'must not be given together with "expires_delta"');
  }
  if (at !== undefined) {
    const last = nowSeconds + lifetimeSeconds;
    if (isWithin(at, nowSeconds + 1, last)) return Math.floor(at);
    throw invalidField('expires_at', `must be unix seconds from ${nowSeconds + 1} to ${last}`);
  }
  if (delta === undefined) return nowSeconds + Math.min(DEFAULT_LIFETIME_SECONDS, lifetimeSeconds);
  if (isWithin(delta, 1, lifetimeSeconds)) return nowSeconds + Math.floor(delta);
  throw invalidField('expires_delta', `must be seconds from 1 to ${lifetimeSeconds}`);
}

const isWithin = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && value >= least && value <= most;

/** Refuses a list with an entry that no model of this gateway can match. */
function requireMatching(entries: readonly string[] = [], models: ModelLists): void {
  const unmatched = unmatchedEntries(entries, models);
  if (unmatched.length === 0) return;
  throw invalidField('models', `has entries that match no model here: ${unmatched.join(', ')}`);
}

/** Checks claims as the authorizer will, and refuses with the name of the body's field. */
function requireAcceptable(
  claims: JsonObject,
  grant: Grant,
  { nowMs, models }: { readonly nowMs: number; readonly models: ModelLists },
): void {
  try {
    const read = parseScopedClaims(claims, grant);
    requireInForce(read, grant.maxTokenLifetimeSeconds, nowMs);
    requireMatching(read.token.models, models);
  } catch (error) {
    const { code, facts } = toGatewayError(error);
    const { param } = facts;
    const field = CLAIM_FIELDS.find((name) => name === param);
    throw field === undefined || code === 'invalid_request'
      ? error
      : invalidField(field, `must be ${CLAIM_RULES[field]}`);
  }
}

/**
 * `GET`: describes a token of this key, also an expired one: what it allows and has spent.
 * `expires_at` is in unix seconds, amounts are dollars, null means no limit.
 * @throws route_not_allowed, invalid_request if this key did not sign the token, service_unavailable
 */
export async function describeToken(
  request: HttpRequest,
  grant: Grant,
  ports: {
    readonly wallets: Pick<Wallets, 'find' | 'findSpilled'>;
    readonly revokedList: RevokedList;
    readonly clock: Clock;
  },
): Promise<JsonObject> {
  const key = requireServerKey(request, grant);
  const { id, claims } = parseOwnToken(request.query.jwtoken ?? '', key, grant);
  const { user, token } = claims;
  const { wallets, revokedList, clock } = ports;
  const [wallet, isListed] = await Promise.all([
    findTokenWallet(grant.keyId, { id, user }, wallets),
    revokedList.has(grant, id),
  ]);
  const limit = token.spendingLimitNanoUsd;
  return {
    expires_at: Math.floor(token.expiresAtMs / 1000),
    models: token.models ?? null,
    spending_limit: limit === undefined ? null : usdFromNano(limit),
    ...tokenSpendOf({ ...token, id }, wallet, { isListed, atMs: clock.nowMs() }),
    user: user ?? null,
  };
}

/**
 * Reads a token that this key signed, in force or not, with or without its `jwt:`.
 * @throws invalid_request if this key did not sign it
 */
export function parseOwnToken(
  text: string,
  key: string,
  grant: Pick<Grant, 'account' | 'keyName' | 'maxTokenLifetimeSeconds'>,
): { readonly id: TokenId; readonly claims: ScopedClaims } {
  try {
    const token = parseScopedToken(text.replace(/^jwt:/, ''));
    const isOwn = token.account === grant.account && token.keyName === grant.keyName;
    if (isOwn && isSignedWith(token, key)) {
      const claims: ScopedClaims = parseScopedClaims(parsePayload(token), grant);
      return { claims, id: tokenIdOf(claims.token.jti, token.signingInput) };
    }
  } catch {
    // The refusal is the same for every reason.
  }
  throw invalidField('jwtoken', 'must be a scoped token that the key of this request signed');
}
