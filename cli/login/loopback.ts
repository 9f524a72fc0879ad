/**
 * The place on this computer that the browser comes back to after a sign-in (RFC 8252, 7.3).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { endServer, listen } from '../../local/listen.ts';
import { CommandError } from '../failure.ts';

/** A person signs in within this time. */
const WAIT_MAX_MS = 600_000;
const PATH = '/callback';

export interface Loopback {
  readonly redirectUri: string;
  /**
   * Waits for the browser. Requests with another state are refused and change nothing.
   * @returns the URL that it came back to
   * @throws CommandError after ten minutes
   */
  wait(state: string): Promise<URL>;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function startLoopback(): Promise<Loopback> {
  let expected: { readonly state: string; readonly resolve: (url: URL) => void } | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', redirectUri);
    const isBack = request.method === 'GET' && url.pathname === PATH && isHere(request);
    if (!isBack || expected === undefined || url.searchParams.get('state') !== expected.state) {
      return answer(response, 400, 'This is not the answer that the command waits for.');
    }
    answer(response, 200, 'Go back to the terminal. This page may be closed.');
    expected.resolve(url);
  });
  const origin = await listen(server);
  const redirectUri = `${origin}${PATH}`;
  // A page of another origin could send requests here by a name that leads to this machine.
  const isHere = ({ headers }: IncomingMessage): boolean => origin === `http://${headers.host}`;

  return {
    redirectUri,

    wait: (state) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new CommandError('nobody signed in within ten minutes'));
        }, WAIT_MAX_MS);
        expected = {
          state,
          resolve: (url) => {
            clearTimeout(timer);
            resolve(url);
          },
        };
      }),

    close: () => endServer(server),
  };
}

function answer(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      connection: 'close',
    })
    .end(`<!doctype html><meta charset="utf-8"><title>Hallpass</title><p>${text}</p>\n`);
}
