/**
 * A real OpenID provider on this machine (`oidc-provider`). Whoever comes is signed in at once, with the claims that the
 * test has set. A server in front of it can be slow, down, or change an answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { makePairs } from './jwts.ts';

export const CLIENT_ID = 'hallpass';

export interface LocalProvider {
  readonly issuer: string;
  /** Claims of whoever signs in or refreshes next, beside `sub`. */
  claims: Readonly<Record<string, unknown>>;
  /** Answers in the provider's place; false: it does not. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Method and path of each request. */
  readonly asked: string[];
  close(): Promise<void>;
}

export const ADA = {
  email: 'Ada@Example.edu',
  email_verified: true,
  groups: ['staff'],
};

/** @param redirectUri the callback of the gateway */
export async function startLocalProvider(findRedirectUri: () => string): Promise<LocalProvider> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let provider: Provider | undefined;
  const local: LocalProvider = {
    issuer,
    claims: ADA,
    instead: undefined,
    asked: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  function makeProvider(): Provider {
    return new Provider(issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          redirect_uris: [findRedirectUri()],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'none',
        },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups', 'azp'] },
      conformIdTokenClaims: false,
      pkce: { required: () => true },
      issueRefreshToken: async () => true,
      rotateRefreshToken: true,
      scopes: ['openid', 'email', 'profile', 'offline_access'],
      cookies: { keys: ['a-key-of-this-test'] },
      features: { devInteractions: { enabled: false } },
      interactions: { url: () => '/interaction' },
      findAccount: async (_: unknown, accountId: string) => ({
        accountId,
        claims: async () => ({ sub: accountId, ...local.claims }),
      }),
      jwks: { keys: [{ ...makePairs().rsa.privateKey.export({ format: 'jwk' }), use: 'sig' }] },
      ttl: {
        RefreshToken: 86_400,
        Interaction: 600,
        Session: 600,
        Grant: 86_400,
        AccessToken: 3_600,
        IdToken: 3_600,
      },
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    local.asked.push(`${request.method} ${request.url?.split('?')[0]}`);
    if (local.instead?.(request, response)) return;
    provider ??= makeProvider();
    if (!request.url?.startsWith('/interaction')) return provider.callback()(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const accountId = 'ada-1';
    const grant = new provider.Grant({ accountId, clientId: CLIENT_ID });
    grant.addOIDCScope(params.scope ?? 'openid');
    const grantId = await grant.save();
    await provider.interactionFinished(request, response, {
      login: { accountId },
      consent: { grantId },
    });
  }

  return local;
}
