/**
 * Refresh (RFC 6749, 6; RFC 9700, 4.14): the next tokens for a refresh token.
 *
 * Steps, in order:
 * 1. find the family; a token that is neither its last one, nor the one before in its grace, ends it;
 * 2. ask the provider whether the person still is who they were, one refresh at a time;
 * 3. write the next token's hash as it was seen, so that one of two wins; the loser gets the winner's token.
 *
 * Guarantees: an outage changes nothing, so the client tries again with what it has; of a stolen token and its original,
 * the second use ends both.
 */
import { sha256 } from '../base/ids.ts';
import {
  dead,
  endFamily,
  type Family,
  type GivenTokens,
  idOf,
  nextAccess,
  parseFamily,
  parseRefreshToken,
  toItem,
  toToken,
} from './family.ts';
import { denied, OAuthError } from './oauth-error.ts';
import { narrowPerson, readPerson } from './person.ts';
import type { SignInPorts, StoredGrant } from './ports.ts';
import { drawSecret, seal, unseal } from './seal.ts';
import { requireSigningKey, type SigningKey } from './signing-key.ts';

/** Two processes of one client share a token and refresh at once. */
const GRACE_MS = 10_000;
/** The provider has 5 s for each of three calls, which together take one of them as a rule. */
const BUSY_MS = 15_000;
const WAIT_MS = 250;
/** A refresh waits five seconds at most for another one. */
const TRIES_MAX = 20;

/**
 * Gives the next tokens for a refresh token.
 * @throws invalid_grant for a token that is not in force, and when access has ended; temporarily_unavailable
 */
export async function refreshFamily(
  token: string,
  clientId: string | undefined,
  ports: SignInPorts,
): Promise<GivenTokens> {
  const parsed = parseRefreshToken(token);
  if (parsed === undefined) throw dead();
  const { familyId, secret } = parsed;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const nowMs = ports.clock.nowMs();
    const seen = await ports.store.find(idOf(familyId), nowMs);
    const family = seen && parseFamily(seen);
    if (seen === undefined || family === undefined || family.ended) throw dead();
    if (clientId !== undefined && clientId !== family.clientId) throw dead();
    const hash = sha256(secret);
    const isLast = hash === family.hash;
    if (!isLast && !isInGrace(family, hash, nowMs)) {
      // Nothing shows which one is the thief, so both lose it.
      await endFamily(familyId, ports);
      throw dead();
    }
    if (isLast && (family.busyUntilMs ?? 0) > nowMs) {
      await ports.clock.sleep(WAIT_MS);
      continue;
    }
    const given = await tryToRefresh({ familyId, secret, seen, family }, ports);
    if (given !== undefined) return given;
  }
  throw new OAuthError('temporarily_unavailable', 'another refresh of this token is under way');
}

const isInGrace = ({ former }: Family, hash: string, nowMs: number): boolean =>
  former !== undefined && former.hash === hash && nowMs < former.untilMs;

interface Seen {
  readonly familyId: string;
  readonly secret: string;
  readonly seen: StoredGrant;
  readonly family: Family;
}

/** Returns undefined if the family was changed in between. */
async function tryToRefresh(at: Seen, ports: SignInPorts): Promise<GivenTokens | undefined> {
  const { family, secret } = at;
  const signing = await requireAccess(at, ports);
  if (sha256(secret) !== family.hash) return repeat(at, signing, ports);
  const providerToken = family.sealedProvider && unseal(secret, family.sealedProvider);
  if (providerToken === undefined || ports.provider === undefined) {
    return rotate(at, { signing }, ports);
  }
  return askProvider(at, providerToken, ports);
}

/** @throws invalid_grant if the key, the configuration or a block has ended access */
async function requireAccess({ familyId, family }: Seen, ports: SignInPorts): Promise<SigningKey> {
  if (!ports.settings.keyNames.includes(family.keyName)) throw dead();
  const signing = await requireSigningKey(family.keyName, ports);
  if (!(await ports.people.isBlocked(signing.record.id, family.user))) return signing;
  await endFamily(familyId, ports);
  throw new OAuthError('invalid_grant', 'access has been blocked');
}

/** Gives the successor again, to a client that refreshed twice at once. */
async function repeat(
  { familyId, secret, seen, family }: Seen,
  signing: SigningKey,
  ports: SignInPorts,
): Promise<GivenTokens | undefined> {
  const successor = unseal(secret, family.former?.sealed ?? '');
  if (successor === undefined) throw dead();
  const { access, live } = await nextAccess(signing, family, ports);
  const next = toItem({ ...family, live }, ports.clock.nowMs());
  const isWritten = await ports.store.replace(seen, next);
  return isWritten ? { access, refreshToken: toToken(familyId, successor) } : undefined;
}

/** Asks the provider, while the family says so to others. A refusal ends the family; an outage leaves it as it was. */
async function askProvider(
  at: Seen,
  providerToken: string,
  ports: SignInPorts,
): Promise<GivenTokens | undefined> {
  const { familyId, seen, family } = at;
  const { store, provider, settings, clock } = ports;
  const busyUntilMs = clock.nowMs() + BUSY_MS;
  const busy = { ...family, busyUntilMs };
  if (!(await store.replace(seen, toItem(busy, clock.nowMs())))) return undefined;
  const held = { ...at, seen: { ...seen, rev: seen.rev + 1 } };
  try {
    const answer = await provider?.refresh(providerToken);
    const claims = answer?.claims;
    const person = claims && narrowPerson(readPerson(claims, settings), family.asked);
    if (person !== undefined && person.user !== family.user) {
      throw denied('the provider named somebody else');
    }
    const signing = await requireSigningKey(person?.keyName ?? family.keyName, ports);
    const next = answer?.refreshToken ?? providerToken;
    const renewed = person === undefined ? family : { ...family, models: undefined, ...person };
    return await rotate({ ...held, family: renewed }, { signing, providerToken: next }, ports);
  } catch (error) {
    if (error instanceof OAuthError && error.code === 'access_denied') {
      await endFamily(familyId, ports);
      throw new OAuthError('invalid_grant', `access has ended: ${error.message}`);
    }
    await store.replace(held.seen, toItem(family, clock.nowMs()));
    throw error;
  }
}

/** Writes the next token. */
async function rotate(
  { familyId, secret, seen, family }: Seen,
  { signing, providerToken }: { readonly signing: SigningKey; readonly providerToken?: string },
  ports: SignInPorts,
): Promise<GivenTokens | undefined> {
  const { store, clock, random } = ports;
  const { access, live } = await nextAccess(signing, family, ports);
  const successor = drawSecret(random);
  const nowMs = clock.nowMs();
  const { busyUntilMs: _, ...kept } = family;
  const next: Family = {
    ...kept,
    live,
    hash: sha256(successor),
    former: {
      hash: sha256(secret),
      untilMs: nowMs + GRACE_MS,
      sealed: seal(secret, successor, random),
    },
    sealedProvider: providerToken && seal(successor, providerToken, random),
  };
  const isWritten = await store.replace(seen, toItem(next, nowMs));
  return isWritten ? { access, refreshToken: toToken(familyId, successor) } : undefined;
}
