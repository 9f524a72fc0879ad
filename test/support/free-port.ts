/**
 * Finds a port of this machine that no server uses.
 */
import { createServer } from 'node:http';
import { endServer, listen } from '../../local/listen.ts';

/** Another process may take the port before its caller does. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  const { port } = new URL(await listen(server));
  await endServer(server);
  return Number(port);
}
