/**
 * Starts and ends the HTTP servers of this machine.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';

/**
 * Starts a server, and returns its URL without a path.
 * @param port @default any free one
 * @throws the system's error (`EADDRINUSE`, `EACCES`, …) when it cannot listen
 */
export async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<string> {
  await once(server.listen(port, host), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError('the server has no port');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/** Ends a server and cuts its connections. */
export async function endServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
