import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ConsoleRequest,
  type ConsoleServer,
  startConsoleServer,
} from '../../../cli/console/server.ts';
import { makeSession, type Session } from '../../../cli/console/session.ts';
import { send } from '../../support/http-client.ts';

let nowMs: number;
let session: Session;
let server: ConsoleServer;
let drawn: number;

beforeEach(async () => {
  nowMs = 1_795_000_000_000;
  drawn = 0;
  session = makeSession({
    nowMs: () => nowMs,
    bytes: (count) => {
      drawn += 1;
      return new Uint8Array(count).fill(drawn);
    },
  });
  server = await startConsoleServer(
    session,
    new Map([
      ['GET keys', async ({ segments }: ConsoleRequest) => ({ segments })],
      ['POST keys', async ({ body }: ConsoleRequest) => body],
    ]),
  );
});
afterEach(() => server.close());

const json = (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  send(`${server.origin}${path}`, {
    method,
    headers: { origin: server.origin, ...headers },
    body: JSON.stringify(body),
  });
const open = async (code = session.code) => json('POST', '/api/session', { code });
async function openBearer(): Promise<string> {
  return `Bearer ${JSON.parse((await open()).text).bearer}`;
}
const codeOf = (text: string): string => JSON.parse(text).error.code;

// guarantee: console-on-loopback
describe('the server of hallpass console', () => {
  test('gives the session for the code once', async () => {
    expect((await open()).status).toBe(200);
    const again = await open();
    expect([again.status, codeOf(again.text)]).toEqual([401, 'invalid_api_key']);
  });

  test('ends the code at its first wrong try', async () => {
    expect((await open('wrong')).status).toBe(401);
    expect((await open()).status).toBe(401);
  });

  test('ends the code after 60 seconds', async () => {
    nowMs += 59_999;
    expect((await open()).status).toBe(200);
    const late = makeSession({ nowMs: () => nowMs, bytes: (count) => new Uint8Array(count) });
    nowMs += 60_000;
    expect(late.open(late.code)).toBeUndefined();
  });

  test('answers nothing about keys without the bearer of its session', async () => {
    const authorization = await openBearer();
    const wrong = [{}, { authorization: 'Bearer ' }, { authorization: `${authorization}x` }];
    for (const headers of wrong) {
      expect((await send(`${server.origin}/api/keys`, { headers })).status).toBe(401);
    }
    const { text } = await send(`${server.origin}/api/keys/a%2Fb`, { headers: { authorization } });
    expect(JSON.parse(text)).toEqual({ segments: ['a/b'] });
  });

  test.each(['localhost', 'evil.example', '127.0.0.1', '127.0.0.1:1'])(
    'refuses the Host %s, also for a page',
    async (name) => {
      const host = name === 'localhost' ? `localhost:${new URL(server.origin).port}` : name;
      for (const path of ['/', '/api/keys']) {
        expect((await send(`${server.origin}${path}`, { headers: { host } })).status).toBe(403);
      }
    },
  );

  test('refuses a change from another origin, and one that names none', async () => {
    const authorization = await openBearer();
    const body = JSON.stringify({ name: 'x' });
    for (const headers of [
      { authorization },
      { authorization, origin: 'null' },
      { authorization, origin: 'http://127.0.0.1:1' },
      { authorization, origin: server.origin.replace('http:', 'https:') },
    ]) {
      const answer = await send(`${server.origin}/api/keys`, { method: 'POST', headers, body });
      expect(answer.status).toBe(403);
    }
    const kept = await json('POST', '/api/keys', { name: 'x' }, { authorization });
    expect(JSON.parse(kept.text)).toEqual({ name: 'x' });
  });

  test('refuses a path that is not UTF-8', async () => {
    const headers = { authorization: await openBearer() };
    const { status, text } = await send(`${server.origin}/api/keys/%ff`, { headers });
    expect([status, codeOf(text)]).toEqual([400, 'invalid_request']);
  });

  test('refuses a body over 64 kB, and one that is no JSON object', async () => {
    const authorization = await openBearer();
    const long = await json('POST', '/api/keys', { name: 'x'.repeat(70_000) }, { authorization });
    expect([long.status, codeOf(long.text)]).toEqual([413, 'request_too_large']);
    expect((await json('POST', '/api/keys', ['x'], { authorization })).status).toBe(400);
  });

  test('sends the page with the policy of all pages, and no cookie', async () => {
    const { status, headers, text } = await send(`${server.origin}/`);
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['set-cookie']).toBeUndefined();
    expect(text).toContain('<script type="module" src="assets/operator-');
    expect(text).not.toContain(session.code);
  });
});
