/**
 * A process of its own that decides a flood of JWTs with unknown `kid`s, with the authorizer's own flow and fetching of
 * key sets and a clock of the test. It prints its decisions and by how much its memory grew during a flood.
 * Argument: a `FloodPlan` as JSON. Run it with `--expose-gc`.
 */

import { makeKeySetFetch } from '../../adapters/http/key-set-fetch.ts';
import { type AuthorizePorts, authorize } from '../../core/authorize.ts';
import { makeKeySets } from '../../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../../core/jwt/jwt-keys.ts';
import type { KeySetFetch } from '../../core/jwt/ports.ts';
import { makeVerifyingKey } from './jwts.ts';
import { ACCOUNT, KEY, makeMemoryKeys, SERVER_RECORD } from './memory-keys.ts';
import { NOW_MS } from './tokens.ts';

export interface FloodPlan {
  /** A JWT whose `kid` is in each set. */
  readonly known: string;
  readonly issuers: readonly {
    readonly jwksUrl: string;
    /** For every fetch but the first. */
    readonly fetchTimeoutMs: number;
  }[];
  /** Cool-downs in all, after one to warm up, and unknown kids within each: both even numbers. */
  readonly coolDowns: number;
  readonly kidsEach: number;
}

/** Counts of one issuer. */
export interface FloodReport {
  /** The decisions on the known one, and on all others. */
  readonly known: readonly string[];
  readonly unknown: readonly string[];
  /** Over the half of the flood that left less. */
  readonly growthBytes: number;
}

const COOL_DOWN_MS = 30_000;
/** Memory that a flood leaves is left by each of them; what a process allocates once, it allocates in the first. */
const ROUNDS = 2;
const KID_CHARS = 240;

const plan: FloodPlan = JSON.parse(process.argv[2] ?? '');
const [, payload, signature] = plan.known.split('.');
let nowMs = NOW_MS;
const clock = { nowMs: () => nowMs, sleep: async () => {} };
let count = 0;

/** Signed by nobody: a key that is not there is not tried. */
function nextUnknown(): string {
  count += 1;
  const header = { alg: 'ES256', kid: `${count} `.padEnd(KID_CHARS, 'k') };
  return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`;
}

function makePorts({ jwksUrl, fetchTimeoutMs }: FloodPlan['issuers'][number]): AuthorizePorts {
  const { verifier } = makeVerifyingKey({}, { kind: 'jwks', url: jwksUrl });
  const keys = makeMemoryKeys({ ...SERVER_RECORD, kind: 'client', verifier });
  const fetchFirst = makeKeySetFetch({ allowLocal: true });
  const fetchNext = makeKeySetFetch({ allowLocal: true, timeoutMs: fetchTimeoutMs });
  let isFirst = true;
  const fetchKeySet: KeySetFetch = (url) => {
    const fetch = isFirst ? fetchFirst : fetchNext;
    isFirst = false;
    return fetch(url);
  };
  return {
    account: ACCOUNT,
    allowedOrigins: ['*'],
    keys,
    secrets: keys,
    jwtKeys: makeJwtKeys(keys, makeKeySets(fetchKeySet, clock)),
    clock,
  };
}

async function decide(jwt: string, ports: AuthorizePorts): Promise<string> {
  const headers = new Map([['authorization', [`Bearer ${KEY}:${jwt}`]]]);
  const decision = await authorize({ headers }, ports).catch((error: unknown) => ({
    kind: 'thrown' as const,
    error: Object(error),
  }));
  return decision.kind === 'grant' ? 'grant' : `${decision.kind} ${decision.error.code}`;
}

interface Seen {
  readonly known: Set<string>;
  readonly unknown: Set<string>;
}

async function flood(
  ports: AuthorizePorts,
  { known, unknown }: Seen,
  coolDowns: number,
): Promise<void> {
  for (let coolDown = 0; coolDown < coolDowns; coolDown += 1) {
    nowMs += COOL_DOWN_MS;
    // Half of them ask for a fetch at once; half come when it is over, and may have none of their own.
    for (let half = 0; half < 2; half += 1) {
      const kids = Array.from({ length: plan.kidsEach / 2 }, nextUnknown);
      const decisions = kids.map((jwt) => decide(jwt, ports));
      known.add(await decide(plan.known, ports));
      for (const decision of await Promise.all(decisions)) unknown.add(decision);
      known.add(await decide(plan.known, ports));
    }
  }
}

/** Bytes in use after garbage collection, with those that sockets hold outside the heap. */
async function bytesInUse(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const reports: FloodReport[] = [];
for (const issuer of plan.issuers) {
  const ports = makePorts(issuer);
  const seen: Seen = { known: new Set(), unknown: new Set() };
  seen.known.add(await decide(plan.known, ports));
  await flood(ports, seen, 1); // Fills what is bounded, and compiles what is hot.
  let growthBytes = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await bytesInUse();
    await flood(ports, seen, plan.coolDowns / ROUNDS);
    growthBytes = Math.min(growthBytes, (await bytesInUse()) - before);
  }
  reports.push({ known: [...seen.known], unknown: [...seen.unknown], growthBytes });
}
console.log(JSON.stringify(reports));
