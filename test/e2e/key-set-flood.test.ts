/**
 * An issuer's outage under a flood of tokens whose keys nobody has: in a process of its own, so that its memory tells.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makePairs, mintJwt } from '../support/jwts.ts';
import type { FloodPlan, FloodReport } from '../support/key-set-flood.ts';
import { NOW_SECONDS } from '../support/tokens.ts';

const COOL_DOWNS = 10;
const KIDS_EACH = 500;
const BODY_BYTES = 40_000_000;
/** Of 5,000 kids of 240 characters, or of 10 bodies of 256 kB, none may be left: they would be 1.2 MB, or 2.5. */
const GROWTH_BYTES_MAX = 500_000;

const { publicKey, privateKey } = makePairs().ES256;
const KEY_SET = JSON.stringify({
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'known' }],
});
const KNOWN = mintJwt({
  alg: 'ES256',
  key: privateKey,
  header: { kid: 'known' },
  claims: { exp: NOW_SECONDS + 172_800 },
});

async function runFlood(jwksUrl: string): Promise<FloodReport> {
  const plan: FloodPlan = {
    jwksUrl,
    known: KNOWN,
    fetchTimeoutMs: 200,
    coolDowns: COOL_DOWNS,
    kidsEach: KIDS_EACH,
  };
  const file = fileURLToPath(new URL('../support/key-set-flood.ts', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', file, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('10,000 tokens of unknown kids over twenty cool-downs', () => {
  const body = Buffer.alloc(BODY_BYTES, 'x');
  it.each<[string, RequestListener]>([
    ['answers', (_, response) => response.end(KEY_SET)],
    ['fails', (_, response) => response.writeHead(500).end(KEY_SET)],
    ['hangs', () => {}],
    ['sends 40 MB', (_, response) => response.end(body)],
  ])(
    'make one fetch in each while the issuer %s, stop no valid token, and leave nothing in memory',
    async (_, then) => {
      let requests = 0;
      const server = createServer((request, response) => {
        requests += 1;
        if (requests === 1) response.end(KEY_SET);
        else then(request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const { port } = server.address() as AddressInfo;
        const report = await runFlood(`http://127.0.0.1:${port}/jwks`);
        expect(report.known).toEqual(['grant']);
        expect(report.unknown).toEqual(['denied invalid_api_key']);
        // One of a machine under load may be given up before it arrives.
        expect(requests).toBeLessThanOrEqual(1 + 2 * COOL_DOWNS);
        expect(requests).toBeGreaterThan(COOL_DOWNS);
        expect(report.growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
  );
});
