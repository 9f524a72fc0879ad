/**
 * The end of every way to sign in: an ordinary scoped token. Flow: person > key > **token**.
 * Invariant: a token has a `jti` and a `user` of its own, and never outlives its key.
 */
import { signScopedToken } from '../tokens/scoped-token.ts';
import { OAuthError } from './oauth-error.ts';
import type { ExchangePorts } from './ports.ts';
import type { SigningKey } from './signing-key.ts';

/** The rights of a token. */
export interface AccessRequest {
  readonly user: string;
  readonly models?: readonly string[] | undefined;
  /** Dollars for the whole life of the token. */
  readonly spendingLimit?: number | undefined;
  readonly lifetimeSeconds: number;
  /** The token's name. @default a new one */
  readonly jti?: string | undefined;
  /** No token ends after this instant. */
  readonly endsAtMs?: number | undefined;
}

export interface AccessToken {
  /** With its leading `jwt:`. */
  readonly token: string;
  readonly jti: string;
  readonly user: string;
  readonly expiresInSeconds: number;
}

/** Signs a token. @throws invalid_grant if it would end at once */
export function signAccess(
  { record, key, endsAtMs: keyEndsAtMs = Infinity }: SigningKey,
  { user, models, spendingLimit, lifetimeSeconds, endsAtMs = Infinity, jti: given }: AccessRequest,
  { clock, random }: Pick<ExchangePorts, 'clock' | 'random'>,
): AccessToken {
  const iat = Math.floor(clock.nowMs() / 1000);
  const longest = Math.min(lifetimeSeconds, record.maxTokenLifetimeSeconds);
  const exp = Math.floor(Math.min(iat + longest, keyEndsAtMs / 1000, endsAtMs / 1000));
  if (exp <= iat) throw new OAuthError('invalid_grant', 'access has ended');
  const jti = given ?? random.uuid();
  const claims = {
    sub: record.account,
    iat,
    exp,
    models,
    spending_limit: spendingLimit,
    user,
    jti,
  };
  const signer = { account: record.account, keyName: record.name, key };
  return { token: signScopedToken(signer, claims), jti, user, expiresInSeconds: exp - iat };
}
