/**
 * A process of its own that is flooded with JWTs whose `kid` nobody has, by the authorizer's own flow and its own way of
 * fetching key sets, under a clock in hand. It prints what it decided and by how much its memory grew over a flood.
 * Argument: a `FloodPlan` as JSON. To be run with `--expose-gc`.
 */
import { makeKeySetFetch } from '../../adapters/issuers.ts';
import { type AuthorizePorts, authorize } from '../../core/authorize.ts';
import { makeKeySets } from '../../core/key-sets.ts';
import type { KeySetFetch } from '../../core/ports.ts';
import { makeVerifyingKey } from './jwts.ts';
import { ACCOUNT, KEY, makeMemoryKeys, SERVER_RECORD } from './memory-keys.ts';
import { NOW_MS } from './tokens.ts';

export interface FloodPlan {
  readonly jwksUrl: string;
  /** A JWT whose `kid` is in the set. */
  readonly known: string;
  /** Of every fetch but the first. */
  readonly fetchTimeoutMs: number;
  /** Cool-downs that a flood lasts, and unknown kids within each. */
  readonly coolDowns: number;
  readonly kidsEach: number;
}

export interface FloodReport {
  /** What was decided on the known one, and on all others. */
  readonly known: readonly string[];
  readonly unknown: readonly string[];
  readonly growthBytes: number;
}

const COOL_DOWN_MS = 30_000;
const KID_CHARS = 240;

const plan: FloodPlan = JSON.parse(process.argv[2] ?? '');
let nowMs = NOW_MS;
const clock = { nowMs: () => nowMs, sleep: async () => {} };
const { verifier } = makeVerifyingKey({}, { kind: 'jwks', url: plan.jwksUrl });
const keys = makeMemoryKeys({ ...SERVER_RECORD, kind: 'client', verifier });
const fetchFirst = makeKeySetFetch({ allowLocal: true });
const fetchNext = makeKeySetFetch({ allowLocal: true, timeoutMs: plan.fetchTimeoutMs });
let isFirst = true;
const fetchKeySet: KeySetFetch = (url) => {
  const fetch = isFirst ? fetchFirst : fetchNext;
  isFirst = false;
  return fetch(url);
};
const ports: AuthorizePorts = {
  account: ACCOUNT,
  allowedOrigins: ['*'],
  keys,
  secrets: keys,
  keySets: makeKeySets(fetchKeySet, clock),
  clock,
};

async function decide(jwt: string): Promise<string> {
  const headers = new Map([['authorization', [`Bearer ${KEY}:${jwt}`]]]);
  const decision = await authorize({ headers }, ports).catch((error: unknown) => ({
    kind: 'thrown' as const,
    error: Object(error),
  }));
  return decision.kind === 'grant' ? 'grant' : `${decision.kind} ${decision.error.code}`;
}

const [, payload, signature] = plan.known.split('.');
let kids = 0;

/** Signed by nobody: a key that is not there is not tried. */
function nextUnknown(): string {
  kids += 1;
  const header = { alg: 'ES256', kid: `${kids} `.padEnd(KID_CHARS, 'k') };
  return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`;
}

const known = new Set<string>();
const unknown = new Set<string>();

async function flood(): Promise<void> {
  for (let coolDown = 0; coolDown < plan.coolDowns; coolDown += 1) {
    nowMs += COOL_DOWN_MS;
    const decisions = Array.from({ length: plan.kidsEach }, () => decide(nextUnknown()));
    known.add(await decide(plan.known));
    for (const decision of await Promise.all(decisions)) unknown.add(decision);
    known.add(await decide(plan.known));
  }
}

/** In use after what can be collected was; also what sockets hold outside the heap. */
async function bytesInUse(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

known.add(await decide(plan.known));
await flood(); // Fills what is bounded, and compiles what is hot.
const before = await bytesInUse();
await flood();
const growthBytes = (await bytesInUse()) - before;
const report: FloodReport = { known: [...known], unknown: [...unknown], growthBytes };
console.log(JSON.stringify(report));
