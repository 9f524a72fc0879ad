/**
 * Signs scoped tokens in the page with Web Crypto: the key is used here and is in no request but as the credential of
 * its own gateway. docs/tokens.md has the form.
 */
import { call, toCallError } from './api.ts';
import { decodePart } from './credential.ts';

/** The signing key, and the names under which the gateway knows it. */
export interface Signer {
  readonly key: string;
  readonly kid: string;
  readonly account: string;
}

/** The claims of a pass. Times are unix seconds. */
export interface PassClaims {
  readonly user?: string | undefined;
  readonly jti: string;
  readonly models?: readonly string[] | undefined;
  readonly spending_limit?: number | undefined;
  readonly exp: number;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/**
 * Learns account and `kid` of a server key: the gateway signs a token that ends after a second and may spend nothing
 * worth a name, and says both in it.
 * @throws CallError `route_not_allowed` for any credential but a server key in force
 */
export async function readSigner(key: string): Promise<Signer> {
  const { token } = await call<{ token: string }>(key, 'scoped-jwt', {
    method: 'POST',
    body: { expires_delta: 1, spending_limit: 1e-9 },
  });
  const [header = '', payload = ''] = token.slice('jwt:'.length).split('.');
  const { kid } = Object(decodePart(header));
  const { sub } = Object(decodePart(payload));
  return { key, kid: String(kid), account: String(sub) };
}

const encoder = new TextEncoder();

/** Makes a function that signs passes with one key. */
export async function makePassSigner({ key, kid, account }: Signer) {
  const secret = await crypto.subtle.importKey(
    'raw',
    encoder.encode(key),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const header = toBase64Url(encoder.encode(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid })));
  return async (claims: PassClaims): Promise<string> => {
    const payload = { sub: account, iat: Math.floor(Date.now() / 1000), ...claims };
    const signed = `${header}.${toBase64Url(encoder.encode(JSON.stringify(payload)))}`;
    const signature = await crypto.subtle.sign('HMAC', secret, encoder.encode(signed));
    return `jwt:${signed}.${toBase64Url(new Uint8Array(signature))}`;
  };
}

const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** Checks a pass at the gateway before it is handed out. @returns why it would be refused */
export async function findFault(token: string): Promise<string | undefined> {
  try {
    await call(token, 'key');
    return undefined;
  } catch (error) {
    const { code, message } = toCallError(error);
    return code === 'token_lifetime_too_long'
      ? 'It ends later than the key allows. Choose an earlier end.'
      : message;
  }
}
