/**
 * The public clients that people sign in from, and where each may be sent back to. Flow: request > **client** > confirmation.
 * Invariant: a redirect leads to this computer, to a path of that client; of it only the port is the caller's (RFC 8252, 7.3).
 */
import { badRequest, OAuthError } from './oauth-error.ts';

export interface Client {
  readonly id: string;
  /** The name that a person reads: `the command "hallpass"`. */
  readonly name: string;
  /** The exact paths of its redirects. */
  readonly paths: readonly string[];
  /** True for a client that listens on the name `localhost` (RFC 8252, 8.3 advises against it). */
  readonly usesLocalhost: boolean;
}

const CLIENTS: readonly Client[] = [
  {
    id: 'hallpass',
    name: 'the command "hallpass"',
    paths: ['/callback'],
    usesLocalhost: false,
  },
  { id: 'codex', name: 'Codex', paths: ['/callback', '/auth/callback'], usesLocalhost: true },
  { id: 'claude-code', name: 'Claude Code', paths: ['/callback'], usesLocalhost: true },
];

/** @throws invalid_client for an id that is not registered */
export function requireClient(id: string): Client {
  const client = CLIENTS.find((each) => each.id === id);
  if (client !== undefined) return client;
  const ids = CLIENTS.map((each) => each.id).join(', ');
  throw new OAuthError('invalid_client', `"client_id" must be one of ${ids}`);
}

const LOOPBACK = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost):([1-9]\d{0,4})(\/[\w/-]*)$/;
const PORT_MAX = 65_535;

/**
 * Returns the port of a client's redirect to this computer.
 * @throws invalid_request for any other URL
 */
export function requireLoopback({ paths, usesLocalhost }: Client, redirectUri: string): number {
  const [, host, port, path = ''] = LOOPBACK.exec(redirectUri) ?? [];
  const isHost = host !== undefined && (host !== 'localhost' || usesLocalhost);
  if (isHost && Number(port) <= PORT_MAX && paths.includes(path)) return Number(port);
  throw badRequest(
    `"redirect_uri" must be http://127.0.0.1 with a port and the path ${paths.join(' or ')}`,
  );
}
