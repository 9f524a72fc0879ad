/**
 * The organisation's OpenID provider, by `openid-client`. ID tokens' signatures are always verified; each call has 5 s and
 * 256 kB, and goes to a public address only. An outage is `service_unavailable`; what the provider refuses, or answers
 * wrongly, is `access_denied`.
 */
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  type CustomFetch,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  ResponseBodyError,
  refreshTokenGrant,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
} from 'openid-client';
import { isYoung } from '../../core/base/bounded-map.ts';
import { GatewayError } from '../../core/base/errors.ts';
import type { Clock } from '../../core/base/ports.ts';
import { OAuthError } from '../../core/sign-in/oauth-error.ts';
import type { IdentityProvider, ProviderAnswer } from '../../core/sign-in/ports.ts';
import { askGuarded, type GuardOptions } from './guarded-request.ts';

export interface ProviderOptions extends GuardOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** Asked for beside `openid`, `email` and `profile`. */
  readonly scopes: readonly string[];
  /** Finds the client's secret. @default a public client */
  readonly findSecret?: (() => Promise<string | undefined>) | undefined;
}

/** The library's own limit; that of each request is in guarded-request.ts. */
const TIMEOUT_SECONDS = 5;
/** A provider's endpoints and keys are fetched again after this time. */
const DISCOVERED_MAX_MS = 600_000;
const PURPOSE = 'the identity provider cannot be used';
const GOOGLE = 'https://accounts.google.com';

export function makeIdentityProvider(options: ProviderOptions, clock: Clock): IdentityProvider {
  let known: { readonly config: Promise<Configuration>; readonly atMs: number } | undefined;

  async function discover(): Promise<Configuration> {
    const { issuer, clientId, findSecret, allowLocal } = options;
    const secret = await findSecret?.();
    if (findSecret !== undefined && secret === undefined) {
      throw new GatewayError('service_unavailable', {
        detail: 'sign-in: the client secret is missing: run "hallpass sign-in set-client-secret"',
      });
    }
    return discovery(
      new URL(issuer),
      clientId,
      secret === undefined ? {} : { client_secret: secret },
      secret === undefined ? None() : undefined,
      {
        [customFetch]: makeFetch(options),
        timeout: TIMEOUT_SECONDS,
        execute: [enableNonRepudiationChecks, ...(allowLocal ? [allowInsecureRequests] : [])],
      },
    );
  }

  function configure(): Promise<Configuration> {
    const nowMs = clock.nowMs();
    if (known === undefined || !isYoung(known.atMs, DISCOVERED_MAX_MS, nowMs)) {
      const config = asDiscovery(discover);
      known = { config, atMs: nowMs };
      config.catch(() => {
        known = undefined; // The next request asks again.
      });
    }
    return known.config;
  }

  return {
    makeUrl: (login) =>
      asProvider(async () => {
        const config = await configure();
        const url = buildAuthorizationUrl(config, {
          redirect_uri: login.redirectUri,
          scope: scopesOf(config, options),
          state: login.state,
          nonce: login.nonce,
          code_challenge: await calculatePKCECodeChallenge(login.codeVerifier),
          code_challenge_method: 'S256',
          // Google gives a refresh token for nothing else.
          ...(options.issuer === GOOGLE && { access_type: 'offline', prompt: 'consent' }),
        });
        return url.href;
      }),

    redeem: (login, query) =>
      asProvider(async () => {
        const config = await configure();
        // The library sends this URL, less its query, as `redirect_uri`.
        const url = new URL(`${login.redirectUri}?${query}`);
        const tokens = await authorizationCodeGrant(config, url, {
          pkceCodeVerifier: login.codeVerifier,
          expectedState: login.state,
          expectedNonce: login.nonce,
          idTokenExpected: true,
        });
        return toAnswer(config, tokens);
      }),

    refresh: (refreshToken) =>
      asRefresh(async () => {
        const config = await configure();
        return toAnswer(config, await refreshTokenGrant(config, refreshToken));
      }),
  };
}

function scopesOf(config: Configuration, { scopes, issuer }: ProviderOptions): string {
  const { scopes_supported: supported = [] } = config.serverMetadata();
  const offline = issuer !== GOOGLE && supported.includes('offline_access') ? OFFLINE : [];
  return [...new Set(['openid', 'email', 'profile', ...offline, ...scopes])].join(' ');
}

const OFFLINE = ['offline_access'];

type Tokens = TokenEndpointResponse & TokenEndpointResponseHelpers;

/** Some providers put e-mail address and groups into the user's information only (Okta's own server). */
async function toAnswer(config: Configuration, tokens: Tokens): Promise<ProviderAnswer> {
  const { refresh_token: refreshToken, access_token: accessToken } = tokens;
  const claims = tokens.claims();
  const more = refreshToken === undefined ? {} : { refreshToken };
  const hasMore = config.serverMetadata().userinfo_endpoint !== undefined;
  if (claims === undefined || claims.email !== undefined || !hasMore) return { claims, ...more };
  const info = await fetchUserInfo(config, accessToken, claims.sub);
  return { claims: { ...info, ...claims }, ...more };
}

/** Turns the library's errors into ours. Their messages may quote the provider, so only their codes are kept. */
const asProvider = <T>(ask: () => Promise<T>): Promise<T> =>
  ask().catch((error: unknown) => {
    throw toOurs(error);
  });

/** A refresh ends access only where the provider says so in the one word for it. */
const asRefresh = <T>(ask: () => Promise<T>): Promise<T> =>
  asProvider(ask).catch((error: unknown) => {
    const isRefused = !(error instanceof OAuthError) || error.message === REFUSED;
    throw isRefused ? error : outage('its answer cannot be accepted');
  });

/** Metadata that cannot be accepted is a mistake of the configuration or the provider. */
const asDiscovery = <T>(ask: () => Promise<T>): Promise<T> =>
  asProvider(ask).catch((error: unknown) => {
    throw error instanceof OAuthError ? outage('its metadata cannot be accepted') : error;
  });

const REFUSED = 'the identity provider refused the sign-in';
const OUTAGES: readonly string[] = ['temporarily_unavailable', 'server_error'];

function toOurs(error: unknown): unknown {
  if (error instanceof GatewayError || error instanceof OAuthError) return error;
  const ours = findCause(error, GatewayError);
  if (ours !== undefined) return ours;
  if (error instanceof AuthorizationResponseError) {
    if (OUTAGES.includes(error.error)) return outage(`it answered ${error.error}`);
    return new OAuthError('access_denied', 'the identity provider did not sign you in');
  }
  if (error instanceof ResponseBodyError) {
    // Any other refusal is about this gateway, not about the person.
    return error.error === 'invalid_grant'
      ? new OAuthError('access_denied', REFUSED)
      : outage(`it answered ${error.status}`);
  }
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const status = findStatus(error);
  if (status !== undefined && status >= 500) return outage(`it answered ${status}`);
  if (code === 'OAUTH_TIMEOUT') return outage('it did not answer in time');
  if (typeof code === 'string' && code.startsWith('OAUTH_')) {
    return new OAuthError(
      'access_denied',
      "the identity provider's answer cannot be accepted",
      new GatewayError('invalid_api_key', { detail: `identity provider: ${code}` }),
    );
  }
  return error;
}

const outage = (reason: string): GatewayError =>
  new GatewayError('service_unavailable', { detail: `${PURPOSE}: ${reason}` });

const CAUSES_MAX = 4;

function findCause<T>(error: unknown, type: new (...args: never[]) => T): T | undefined {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth += 1) {
    if (at instanceof type) return at;
    at = at.cause;
  }
  return undefined;
}

/** Returns the status of an answer that the library could not read. */
function findStatus(error: unknown): number | undefined {
  const response: unknown = error instanceof Error ? error.cause : undefined;
  return response instanceof Response ? response.status : undefined;
}

const BODILESS: readonly number[] = [204, 205, 304];

/** The library's `fetch`, with our guards. */
const makeFetch =
  (options: GuardOptions): CustomFetch =>
  (url, { method, headers, body }) => {
    const text = body == null ? {} : { body: String(body) };
    const request = { url, purpose: PURPOSE, method, headers, ...text };
    return askGuarded(request, options, async (answer) => {
      const read = BODILESS.includes(answer.status) ? null : await answer.read();
      return new Response(read, {
        status: answer.status,
        headers: { 'content-type': answer.headers['content-type'] ?? '' },
      });
    });
  };
