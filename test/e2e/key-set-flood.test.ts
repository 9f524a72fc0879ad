/**
 * An issuer's outage under a flood of tokens with unknown keys, in a process of its own whose memory is measured.
 * See also test/adapters/http/key-set-fetch.test.ts (many at once) and test/core/jwt/issuer-keys.test.ts (over time).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { endServer, listen } from '../../local/listen.ts';
import { makePairs, mintJwt } from '../support/jwts.ts';
import type { FloodPlan, FloodReport } from '../support/key-set-flood.ts';
import { NOW_SECONDS } from '../support/tokens.ts';

const COOL_DOWNS = 8;
const KIDS_EACH = 1_250;
const BODY = Buffer.alloc(40_000_000, 'x');
/** Less than half of the kids (10,000 of 240 characters: 1.2 MB) or half of the bodies (8 of 256 kB: 1 MB) would take. */
const GROWTH_BYTES_MAX = 500_000;
const PATIENCE_MS = 5_000;
/** Only the issuer that hangs takes this long. */
const SHORT_PATIENCE_MS = 100;

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

/** The behaviour of an issuer after its first answer. */
const ISSUERS: readonly (readonly [string, RequestListener])[] = [
  ['answers', (_, response) => response.end(KEY_SET)],
  ['fails', (_, response) => response.writeHead(500).end(KEY_SET)],
  ['hangs', () => {}],
  ['sends 40 MB', (_, response) => response.end(BODY)],
];

async function runFloods(plan: FloodPlan): Promise<readonly FloodReport[]> {
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

describe('10,000 tokens of unknown kids over eight cool-downs', () => {
  const requests = ISSUERS.map(() => 0);
  let reports: readonly FloodReport[];

  beforeAll(async () => {
    const server = createServer((request, response) => {
      const at = Number(request.url?.slice(1));
      requests[at] = (requests[at] ?? 0) + 1;
      if (requests[at] === 1) response.end(KEY_SET);
      else ISSUERS[at]?.[1](request, response);
    });
    const url = await listen(server);
    try {
      reports = await runFloods({
        known: KNOWN,
        issuers: ISSUERS.map(([name], at) => ({
          jwksUrl: `${url}/${at}`,
          fetchTimeoutMs: name === 'hangs' ? SHORT_PATIENCE_MS : PATIENCE_MS,
        })),
        coolDowns: COOL_DOWNS,
        kidsEach: KIDS_EACH,
      });
    } finally {
      await endServer(server);
    }
  });

  // guarantee: key-set-flood
  test.each(ISSUERS.map(([name], at) => [name, at] as const))(
    'make one fetch in each while the issuer %s, stop no valid token, and leave nothing in memory',
    (name, at) => {
      expect(reports[at]).toMatchObject({
        known: ['grant'],
        unknown: ['denied invalid_api_key'],
      });
      if (name !== 'hangs') expect(requests[at]).toBe(1 + 1 + COOL_DOWNS);
      // On a machine under load one may be given up before it arrives.
      expect(requests[at]).toBeLessThanOrEqual(1 + 1 + COOL_DOWNS);
      expect(requests[at]).toBeGreaterThan(2);
      expect(reports[at]?.growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
    },
  );
});
