/**
 * The client's side of sign-in, by `openid-client`: metadata, code flow with PKCE, device grant, refresh and revocation.
 */
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  initiateDeviceAuthorization,
  None,
  pollDeviceAuthorizationGrant,
  ResponseBodyError,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  type TokenEndpointResponse,
  tokenRevocation,
} from 'openid-client';
import { isSafeForSecrets, parseUrl } from '../../core/base/url.ts';
import { CommandError, wrongUse } from '../failure.ts';
import { startLoopback } from './loopback.ts';
import type { GatewaySession } from './session-files.ts';

const CLIENT_ID = 'hallpass';
const TIMEOUT_SECONDS = 10;
const METADATA_PATH = '/.well-known/oauth-authorization-server';
const ERROR_CHARS_MAX = 300;

/**
 * Reads a gateway's URL, with or without `/v1`: https, or http on this machine.
 * @throws CommandError for any other text
 */
export function parseGatewayUrl(text: string): string {
  const url = parseUrl(text);
  if (!url || !isSafeForSecrets(url) || url.search !== '' || url.username !== '') {
    throw wrongUse(`"--url" must be an https URL such as https://llm.example.edu, got "${text}"`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+(v1\/?)?$/, '');
}

/** Asks a gateway how to sign in. @throws CommandError if it does not answer, or has another name */
export async function discoverGateway(url: string): Promise<Configuration> {
  const isPlain = url.startsWith('http:');
  const config = await discovery(new URL(`${url}${METADATA_PATH}`), CLIENT_ID, {}, None(), {
    timeout: TIMEOUT_SECONDS,
    ...(isPlain && { execute: [allowInsecureRequests] }),
  }).catch((error: unknown) => {
    throw toCommandError(error, `${url} does not offer sign-in`);
  });
  // The library compares the issuer only where it builds the URL of the metadata itself.
  const metadata = config.serverMetadata();
  if (metadata.issuer !== url) {
    throw new CommandError(`the gateway calls itself "${metadata.issuer}"; use that as "--url"`);
  }
  const endpoints = Object.entries(metadata).filter(([name]) => name.endsWith('_endpoint'));
  if (endpoints.every(([, value]) => String(value).startsWith(`${url}/`))) return config;
  throw new CommandError(`the gateway at ${url} names an address of somebody else`);
}

/**
 * Signs in with a browser of this computer.
 * @param show shows the address to open
 */
export async function signInWithBrowser(
  config: Configuration,
  show: (address: string) => void,
): Promise<GatewaySession> {
  const loopback = await startLoopback();
  try {
    const pkceCodeVerifier = randomPKCECodeVerifier();
    const expectedState = randomState();
    const address = buildAuthorizationUrl(config, {
      redirect_uri: loopback.redirectUri,
      code_challenge: await calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
    });
    const back = loopback.wait(expectedState);
    show(address.href);
    const checks = { pkceCodeVerifier, expectedState };
    return toSession(config, await authorizationCodeGrant(config, await back, checks));
  } catch (error) {
    throw toCommandError(error, 'signing in failed');
  } finally {
    await loopback.close();
  }
}

/**
 * Signs in with a browser of any machine, by a short code.
 * @param show shows the page and the code to type there
 */
export async function signInByCode(
  config: Configuration,
  show: (page: string, code: string) => void,
): Promise<GatewaySession> {
  try {
    const started = await initiateDeviceAuthorization(config, {});
    show(started.verification_uri, started.user_code);
    return toSession(config, await pollDeviceAuthorizationGrant(config, started));
  } catch (error) {
    throw toCommandError(error, 'signing in failed');
  }
}

/** Refreshes a session. @returns undefined if its access has ended. @throws CommandError if the gateway does not answer */
export async function refreshSession(
  config: Configuration,
  refreshToken: string,
): Promise<GatewaySession | undefined> {
  try {
    return toSession(config, await refreshTokenGrant(config, refreshToken));
  } catch (error) {
    if (error instanceof ResponseBodyError && error.error === 'invalid_grant') return undefined;
    throw toCommandError(error, 'the token cannot be refreshed');
  }
}

/** Ends a session at the gateway: all of its tokens. */
export async function revokeSession(
  config: Configuration,
  { refreshToken, accessToken }: GatewaySession,
): Promise<void> {
  try {
    await tokenRevocation(config, refreshToken ?? accessToken);
  } catch (error) {
    throw toCommandError(error, 'the session cannot be ended');
  }
}

const toSession = (config: Configuration, answer: TokenEndpointResponse): GatewaySession => ({
  url: config.serverMetadata().issuer,
  accessToken: answer.access_token,
  expiresAtMs: Date.now() + (answer.expires_in ?? 0) * 1000,
  ...(answer.refresh_token !== undefined && { refreshToken: answer.refresh_token }),
});

/** The library's errors may quote what was sent; only the gateway's own code and words are shown. */
function toCommandError(error: unknown, purpose: string): CommandError {
  if (error instanceof CommandError) return error;
  const said =
    error instanceof ResponseBodyError
      ? `${error.error} ${error.error_description ?? ''}`
      : error instanceof Error && 'error' in error
        ? String(error.error)
        : 'the gateway gave no answer that can be read';
  const words = said.replaceAll(/[^ -~]/g, '').trim();
  return new CommandError(`${purpose}: ${words.slice(0, ERROR_CHARS_MAX)}`);
}
