/**
 * Issuers of JWTs for whole keys: a shared secret, and identity providers on this machine with a key set of their own.
 */
import { createServer } from 'node:http';
import type { Verifier } from '../../core/jwt/verifier.ts';
import { endServer, listen } from '../../local/listen.ts';
import { makePairs, makeVerifyingKey, mintJwt } from './jwts.ts';

type Claims = Readonly<Record<string, unknown>>;

/** Options of a key whose users' JWTs are signed with `JWT_SECRET`. */
export const SECRET_VERIFIER: Verifier = makeVerifyingKey().verifier;

/** All claims are given; without `iss` and `aud` unless they are among them. */
export const mintWith = (claims: Claims, key?: string): string =>
  mintJwt({ claims: { iss: undefined, aud: undefined, ...claims }, ...(key && { key }) });

/** An issuer with a key pair of its own, and the URL of its key set on this machine. */
export interface LocalIssuer {
  /** Below it there is nothing. */
  readonly jwksUrl: string;
  /** The public key of its set, as a text that a careless verifier takes for a secret. */
  readonly publicPem: string;
  /** Signed as the issuer's key is. All claims are given. */
  sign(claims: Claims, kid?: string): string;
  close(): Promise<void>;
}

export async function startIssuer(alg: 'RS256' | 'ES256'): Promise<LocalIssuer> {
  const { publicKey, privateKey } = makePairs()[alg === 'RS256' ? 'rsa' : 'ES256'];
  const own = `local-${alg}`;
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: own, alg, use: 'sig' }];
  const server = createServer((request, response) => {
    if (request.url !== '/jwks') response.statusCode = 404;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys }));
  });
  return {
    jwksUrl: `${await listen(server)}/jwks`,
    publicPem: String(publicKey.export({ type: 'spki', format: 'pem' })),
    sign(claims, kid = own) {
      const all = { iss: undefined, aud: undefined, sub: undefined, exp: undefined, ...claims };
      return mintJwt({ alg, key: privateKey, header: { kid }, claims: all });
    },
    close: () => endServer(server),
  };
}
