/**
 * Families of refresh tokens: each token is used once and followed by the next (RFC 9700, 4.14). One item holds a family.
 * Flow: code or device > **family** > refresh. Invariant: the item holds hashes, and texts that are sealed under a token;
 * the end of a family revokes every access token that it gave and that still lives.
 */
import { sha256 } from '../base/ids.ts';
import { type AccessToken, signAccess } from './access-token.ts';
import { OAuthError } from './oauth-error.ts';
import type { SignInPorts, SignInRandom, StoredGrant } from './ports.ts';
import type { SignedIn } from './purpose.ts';
import { drawSecret, isSecret, seal } from './seal.ts';
import { requireSigningKey, type SigningKey } from './signing-key.ts';

/** The stored part of a family. */
export interface Family {
  readonly user: string;
  readonly keyName: string;
  readonly models?: readonly string[] | undefined;
  readonly asked?: readonly string[] | undefined;
  readonly clientId: string;
  /** The one of the last token. */
  readonly hash: string;
  /** The last but one, and until then its successor, sealed under it. */
  readonly former?: { readonly hash: string; readonly untilMs: number; readonly sealed: string };
  readonly endsAtMs: number;
  /** Access tokens that may still live, and the key that signed each; absent: the family's. */
  readonly live: readonly {
    readonly jti: string;
    readonly expiresAtMs: number;
    readonly keyName?: string;
  }[];
  /** The provider's refresh token, sealed under the last token. */
  readonly sealedProvider?: string | undefined;
  /** The end of the time in which one refresh asks the provider and others wait. */
  readonly busyUntilMs?: number;
  readonly ended?: true;
}

/** The tokens for a client. */
export interface GivenTokens {
  readonly access: AccessToken;
  readonly refreshToken: string;
}

const LIFETIME_MS = 14 * 86_400_000;
const IDLE_MS = 3 * 86_400_000;
const TRIES_MAX = 20;
/** The most access tokens of a family that live at once. */
const LIVE_MAX = 32;
const TOMBSTONE_MS = 86_400_000;

const PREFIX = 'hpr';
/** Returns the id of a family's item. */
export const idOf = (familyId: string): string => `family#${familyId}`;

/** The one refusal of a refresh token, whatever is wrong with it. */
export const dead = (): OAuthError =>
  new OAuthError('invalid_grant', 'this refresh token is not in force');

/** Draws the id of a family: 128 random bits, which only its tokens name. */
export const drawFamilyId = (random: Pick<SignInRandom, 'bytes'>): string =>
  Buffer.from(random.bytes(16)).toString('base64url');

/** Splits a refresh token; undefined for any other text. */
export function parseRefreshToken(
  token: string,
): { readonly familyId: string; readonly secret: string } | undefined {
  const [prefix, familyId = '', secret = '', ...more] = token.split('.');
  const isToken = prefix === PREFIX && /^[\w-]{22}$/.test(familyId) && isSecret(secret);
  return isToken && more.length === 0 ? { familyId, secret } : undefined;
}

/** Returns true for a text that looks like a refresh token, whether or not it is one. */
export const isRefreshToken = (token: string): boolean => token.startsWith(`${PREFIX}.`);

/** Writes a refresh token. */
export const toToken = (familyId: string, secret: string): string =>
  `${PREFIX}.${familyId}.${secret}`;

/** Reads what `toItem` wrote. */
export const parseFamily = ({ data }: StoredGrant): Family => JSON.parse(data) as Family;

/** Writes a family's item, which goes three days after its last use. */
export const toItem = (family: Family, nowMs: number) => ({
  expiresAtMs: Math.min(family.endsAtMs, nowMs + IDLE_MS),
  data: JSON.stringify(family),
});

/** Signs an access token, and adds it to those that live. One too many ends now, because the list is all that an end revokes. */
export async function nextAccess(
  signing: SigningKey,
  family: Pick<Family, 'user' | 'keyName' | 'models' | 'live'>,
  ports: SignInPorts,
): Promise<Pick<GivenTokens, 'access'> & Pick<Family, 'live'>> {
  const lifetimeSeconds = ports.settings.clientLifetimeSeconds;
  const access = signAccess(signing, { ...family, lifetimeSeconds }, ports);
  const nowMs = ports.clock.nowMs();
  const expiresAtMs = nowMs + access.expiresInSeconds * 1000;
  const alive = family.live.filter((each) => each.expiresAtMs > nowMs);
  for (const { jti, keyName = family.keyName } of alive.slice(0, 1 - LIVE_MAX)) {
    await ports.people.revokeToken(keyName, family.user, jti);
  }
  const signed = { jti: access.jti, expiresAtMs, keyName: signing.record.name };
  return { access, live: [...alive, signed].slice(-LIVE_MAX) };
}

/**
 * Starts a family.
 * @throws invalid_grant if it was ended before it began
 */
export async function startFamily(
  { person, providerToken }: SignedIn,
  { familyId, clientId }: { readonly familyId: string; readonly clientId: string },
  ports: SignInPorts,
): Promise<GivenTokens> {
  const { store, clock, random } = ports;
  const signing = await requireSigningKey(person.keyName, ports);
  const { access, live } = await nextAccess(signing, { ...person, live: [] }, ports);
  const secret = drawSecret(random);
  const nowMs = clock.nowMs();
  const family: Family = {
    ...person,
    clientId,
    hash: sha256(secret),
    endsAtMs: nowMs + LIFETIME_MS,
    live,
    ...(providerToken !== undefined && { sealedProvider: seal(secret, providerToken, random) }),
  };
  if (!(await store.create({ id: idOf(familyId), ...toItem(family, nowMs) }))) throw dead();
  return { access, refreshToken: toToken(familyId, secret) };
}

/**
 * Ends a family, and revokes its access tokens that still live. May be repeated. A family that is not there yet is ended
 * before it begins.
 */
export async function endFamily(familyId: string, ports: SignInPorts): Promise<void> {
  const { store, clock, people } = ports;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const nowMs = clock.nowMs();
    const seen = await store.find(idOf(familyId), nowMs);
    if (seen === undefined) {
      const data = JSON.stringify({ ended: true });
      const tombstone = { id: idOf(familyId), expiresAtMs: nowMs + TOMBSTONE_MS, data };
      if (await store.create(tombstone)) return;
      continue;
    }
    const family = parseFamily(seen);
    const { expiresAtMs } = seen;
    const data = JSON.stringify({ ...family, ended: true });
    if (!family.ended && !(await store.replace(seen, { expiresAtMs, data }))) continue;
    for (const { jti, keyName = family.keyName } of family.live ?? []) {
      await people.revokeToken(keyName, family.user, jti);
    }
    return;
  }
  throw new OAuthError('temporarily_unavailable', 'the grant keeps changing');
}

/** Returns the family of which a token is the last one, or the one before it; undefined: there is none. */
export async function ownsFamily(token: string, ports: SignInPorts): Promise<string | undefined> {
  const parsed = parseRefreshToken(token);
  if (parsed === undefined) return undefined;
  const seen = await ports.store.find(idOf(parsed.familyId), ports.clock.nowMs());
  const family = seen && parseFamily(seen);
  const hash = sha256(parsed.secret);
  return family?.hash === hash || family?.former?.hash === hash ? parsed.familyId : undefined;
}
