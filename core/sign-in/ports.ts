/**
 * Ports of sign-in: what it remembers, and its secret. Each fails closed: `service_unavailable`.
 */
import type { KeyId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { NanoUsd } from '../base/money.ts';
import type { Clock, Log } from '../base/ports.ts';
import type { JwtKeys } from '../jwt/ports.ts';
import type { KeyRecords } from '../keys/ports.ts';
import type { SignInSettings } from './settings.ts';

/** The memory of one grant: a login, a device, a code or a family of refresh tokens. */
export interface StoredGrant {
  /** A prefix that names the kind, and a hash or a random id: never a secret. */
  readonly id: string;
  /** From 1; grows with each change. */
  readonly rev: number;
  /** From this instant on the grant is not found. */
  readonly expiresAtMs: number;
  /** JSON, without a secret in clear. */
  readonly data: string;
}

/** Grants, one item each. What has expired is as good as gone, whenever the table deletes it. */
export interface SignInStore {
  /** Finds a grant as the last write left it. */
  find(id: string, nowMs: number): Promise<StoredGrant | undefined>;
  /** Writes a grant whose id is not taken. False: it is. */
  create(grant: Omit<StoredGrant, 'rev'>): Promise<boolean>;
  /** Replaces a grant by its next state. False: it was changed since it was seen. */
  replace(seen: StoredGrant, next: Pick<StoredGrant, 'expiresAtMs' | 'data'>): Promise<boolean>;
  /**
   * Counts one more, of at most `max`. False: `max` is reached, and nothing was counted.
   * @param expiresAtMs of a counter that is new
   */
  count(
    id: string,
    bounds: { readonly max: number; readonly expiresAtMs: number },
  ): Promise<boolean>;
  /** Takes one back that was counted. */
  uncount(id: string): Promise<void>;
}

/** Random values, from a cryptographic source. */
export interface SignInRandom {
  uuid(): string;
  bytes(count: number): Uint8Array;
}

/** The wallets of those who signed in. */
export interface PeopleOfKeys {
  /** True for a person whom the owner of the key has blocked. */
  isBlocked(keyId: KeyId, user: string): Promise<boolean>;
  /**
   * Gives a person a limit of their own for good, unless they have one. Safe to repeat under the same key.
   * @param idempotencyKey 1 to 64 characters
   */
  giveLimit(keyId: KeyId, user: string, amount: NanoUsd, idempotencyKey: string): Promise<void>;
  /** Revokes one token: its next request is refused. */
  revokeToken(keyName: string, user: string, jti: string): Promise<void>;
}

/** The secrets of one login, all of this browser's. */
export interface ProviderLogin {
  /** Built from the public URL. */
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** The facts that the provider vouches for. */
export interface ProviderAnswer {
  /** The claims of a verified ID token and the user's information; undefined: a refresh that brought none. */
  readonly claims: JsonObject | undefined;
  readonly refreshToken?: string;
}

/**
 * The organisation's OpenID provider. An outage is `service_unavailable`. What it refuses, and an answer that is not to be
 * believed, is `access_denied`.
 */
export interface IdentityProvider {
  /** Returns the URL that a browser is sent to. */
  makeUrl(login: ProviderLogin): Promise<string>;
  /** @param query of the callback, as it was sent */
  redeem(login: ProviderLogin, query: string): Promise<ProviderAnswer>;
  refresh(refreshToken: string): Promise<ProviderAnswer>;
}

/** The texts that only sign-in may read: the keys that sign for it, and its secret at the provider. */
export interface SignInSecrets {
  /** Finds the whole key string `sk-…` of a key, at most a minute old. */
  findKey(keyName: string): Promise<string | undefined>;
  /** Finds the client's secret at the provider. */
  findClientSecret(name: string): Promise<string | undefined>;
}

/** The ports by which a key is found that may sign. */
export interface SigningKeyPorts {
  readonly account: string;
  readonly keys: Pick<KeyRecords, 'findByName'>;
  readonly secrets: SignInSecrets;
  readonly clock: Clock;
}

/** The ports of an exchange, which stores nothing. */
export interface ExchangePorts extends SigningKeyPorts {
  readonly jwtKeys: JwtKeys;
  readonly random: SignInRandom;
  /** The issuer: the audience of JWTs unless a rule names another. */
  readonly publicUrl: string;
}

/** The ports of every other route. */
export interface SignInPorts extends ExchangePorts {
  readonly settings: SignInSettings;
  /** The names of the configured providers of models. */
  readonly providers: readonly string[];
  readonly store: SignInStore;
  /** Undefined where none is configured. */
  readonly provider: IdentityProvider | undefined;
  readonly people: PeopleOfKeys;
  readonly log: Log;
}
