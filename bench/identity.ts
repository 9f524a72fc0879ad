/**
 * `npm run bench:identity`: compares the authorizer's whole decision with jose's bare `jwtVerify` of the same token, under
 * a CryptoKey that was imported before. Both run in one process, in turns, with warm caches.
 * Records and secrets are in memory, as in a warm function. Fetches of the key set are counted.
 */

import { Command } from 'commander';
import { jwtVerify } from 'jose';
import { systemClock } from '../adapters/system.ts';
import { type AuthorizePorts, authorize } from '../core/authorize.ts';
import { asKeyId } from '../core/base/ids.ts';
import { makeKeySets } from '../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../core/jwt/jwt-keys.ts';
import type { JwtAlgorithm, VerifierKey } from '../core/jwt/verifier.ts';
import { hashOfKey, makeApiKey } from '../core/keys/api-key.ts';
import type { KeyRecord } from '../core/keys/key-record.ts';
import { signScopedToken } from '../core/tokens/scoped-token.ts';
import { pinned, pinSelf } from './child.ts';
import { median } from './load.ts';
import { AUDIENCE, HMAC, ISSUER, makeSigners, mint, SECRET } from './signers.ts';

const MEASURED_CORE = 0;
const BATCHES = 40;
const BATCHES_QUICK = 8;

/** The duration of a batch, whatever an operation takes. */
const BATCH_MS = 12;

/** The duration of each operation before its first batch, until the compiler has optimised it. */
const WARM_UP_MS = 300;

const ACCOUNT = 'acct_bench';
const JWKS_URL = 'https://issuer.example.edu/.well-known/jwks.json';
const KEY = makeApiKey(Buffer.alloc(32, 7));

const recordWith = (key: VerifierKey, algorithms: readonly JwtAlgorithm[]): KeyRecord => ({
  id: asKeyId('AAAAAAAAAAAAAAAAAAAAAA'),
  account: ACCOUNT,
  name: 'bench',
  kind: 'server',
  version: '1',
  keyHash: hashOfKey(KEY),
  disabled: false,
  limits: [],
  maxTokenLifetimeSeconds: 604_800,
  revoked: [],
  createdAtMs: 0,
  verifier: {
    key,
    algorithms,
    issuers: [ISSUER],
    audiences: [AUDIENCE],
    authorizedParties: [],
    required: [],
    requireExp: true,
    clockToleranceSeconds: 5,
  },
});

let fetches = 0;

function makePorts(record: KeyRecord, jwks: string): AuthorizePorts {
  const fetchKeySet = async (): Promise<string> => {
    fetches += 1;
    return jwks;
  };
  return {
    account: ACCOUNT,
    allowedOrigins: ['*'],
    keys: {
      findByName: async () => record,
      findByKeyHash: async () => ({ record, version: '1' }),
    },
    secrets: { readKey: async () => KEY },
    jwtKeys: makeJwtKeys(
      { readJwtSecret: async () => SECRET },
      makeKeySets(fetchKeySet, systemClock),
    ),
    clock: systemClock,
  };
}

type Operation = () => Promise<unknown>;

/** Returns the decision on a credential. Its header is one flat text, as it comes from the network. */
function decide(
  credential: string,
  ports: AuthorizePorts,
  expected: 'grant' | 'denied',
): Operation {
  const header = Buffer.from(`Bearer ${credential}`).toString();
  return async () => {
    const headers = new Map([['authorization', [header]]]);
    const { kind } = await authorize({ headers }, ports);
    if (kind !== expected) throw new Error(`the decision was "${kind}", not "${expected}"`);
  };
}

async function batchMicros(operation: Operation, leastMs = BATCH_MS): Promise<number> {
  const startedAt = performance.now();
  let count = 0;
  do {
    await operation();
    count += 1;
  } while (performance.now() - startedAt < leastMs);
  return ((performance.now() - startedAt) * 1_000) / count;
}

/** Returns the median µs of each, measured in turns, so that a disturbance meets all of them. */
async function measure(operations: readonly Operation[], batches: number): Promise<number[]> {
  const all = operations.map(() => [] as number[]);
  for (const operation of operations) {
    await batchMicros(operation, WARM_UP_MS);
  }
  for (let batch = 0; batch < batches; batch += 1) {
    for (const [at, operation] of operations.entries()) {
      all[at]?.push(await batchMicros(operation));
    }
  }
  return all.map(median);
}

interface Row {
  readonly name: string;
  readonly micros: number;
  readonly besideMicros: number;
  readonly ratio: number;
  /** The bar; absent: only a figure. */
  readonly atMost?: number;
}

const toRow = (name: string, [micros = 0, besideMicros = 0]: number[], atMost?: number): Row => ({
  name,
  micros,
  besideMicros,
  ratio: micros / besideMicros,
  ...(atMost !== undefined && { atMost }),
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Tokens that nobody signed, by the fault in their form. A wrong signature costs as much as a right one. */
function hostileTokens(valid: string): readonly (readonly [string, string])[] {
  const [, payload, signature] = valid.split('.');
  const withHeader = (header: object) => `${encode(header)}.${payload}.${signature}`;
  return [
    ['"alg" none', withHeader({ alg: 'none' })],
    ['HS256 on a public key', withHeader({ alg: 'HS256' })],
    ['an unknown kid', withHeader({ alg: 'ES256', kid: 'unknown' })],
    ['an embedded key', withHeader({ alg: 'ES256', jwk: {} })],
    ['8 kB of dots', '.'.repeat(8_000)],
    ['8 kB of junk', `${'A'.repeat(4_000)}.${'A'.repeat(4_000)}.AA`],
    ['a header of 7 kB', withHeader({ alg: 'ES256', x: 'x'.repeat(5_000), jku: '' })],
  ];
}

/** Unknown credentials, by their fault. The time must not tell them apart. */
function unknownCredentials(token: string): readonly (readonly [string, string, AuthorizePorts])[] {
  const record = recordWith({ kind: 'secret', version: '1' }, HMAC);
  const [known, disabled, client] = [
    record,
    { ...record, disabled: true },
    { ...record, kind: 'client' as const },
  ].map((each) => makePorts(each, ''));
  if (!known || !disabled || !client) return [];
  const none = {
    ...known,
    keys: { findByName: async () => undefined, findByKeyHash: async () => undefined },
  };
  const other = makeApiKey(Buffer.alloc(32, 8));
  const forged = signScopedToken({ account: ACCOUNT, keyName: 'bench', key: other }, { sub: 'x' });
  return [
    ['an unknown key', other, none],
    ['a disabled key', KEY, disabled],
    ['a client key alone', KEY, client],
    ['a token of an unknown kid', token, none],
    ['a token of a wrong key', forged, known],
    ['a token of a disabled key', token, disabled],
    ['a token of a client key', token, client],
  ];
}

/** Compares each with the first of its kind. */
async function measureUnknown(token: string, batches: number): Promise<Row[]> {
  const rows: Row[] = [];
  const all = unknownCredentials(token);
  for (const [name, credential, ports] of all) {
    const isToken = credential.startsWith('jwt:');
    const [first] = all.filter(([, other]) => other.startsWith('jwt:') === isToken);
    if (first === undefined) continue;
    const beside = decide(first[1], first[2], 'denied');
    const figures = await measure([decide(credential, ports, 'denied'), beside], batches);
    rows.push(toRow(`${name} ÷ ${first[0]}`, figures));
  }
  return rows;
}

async function run(batches: number): Promise<Row[]> {
  const { signers, jwks } = await makeSigners();
  const rows: Row[] = [];
  const secretPorts = makePorts(recordWith({ kind: 'secret', version: '1' }, HMAC), jwks);
  const publicAlgorithms = signers.map(({ alg }) => alg).filter((alg) => !HMAC.includes(alg));
  const publicPorts = makePorts(
    recordWith({ kind: 'jwks', url: JWKS_URL }, publicAlgorithms),
    jwks,
  );
  for (const signer of signers) {
    const jwt = await mint(signer);
    const ports = HMAC.includes(signer.alg) ? secretPorts : publicPorts;
    const ours = decide(`${KEY}:${jwt}`, ports, 'grant');
    const theirs = () => jwtVerify(jwt, signer.verifies);
    rows.push(toRow(`${signer.alg} ÷ jose`, await measure([ours, theirs], batches), 1.8));
    if (signer.alg === 'HS256') {
      const claims = { sub: ACCOUNT, exp: Math.floor(Date.now() / 1000) + 3_600, user: 'ada' };
      const token = signScopedToken({ account: ACCOUNT, keyName: 'bench', key: KEY }, claims);
      const scoped = decide(token, secretPorts, 'grant');
      rows.push(
        toRow("scoped token ÷ jose's HS256", await measure([scoped, theirs], batches), 0.5),
        ...(await measureUnknown(token, batches)),
      );
    }
    if (signer.alg === 'ES256') {
      for (const [name, hostile] of hostileTokens(jwt)) {
        const denied = decide(`${KEY}:${hostile}`, ports, 'denied');
        rows.push(toRow(`${name} ÷ valid ES256`, await measure([denied, ours], batches), 0.5));
      }
      const [head, payload, signature = ''] = jwt.split('.');
      const wrong = `${head}.${payload}.${signature.slice(2)}AA`;
      const denied = decide(`${KEY}:${wrong}`, ports, 'denied');
      rows.push(toRow('a wrong signature ÷ valid ES256', await measure([denied, ours], batches)));
    }
  }
  return rows;
}

const options = new Command('npm run bench:identity --')
  .description("measures the authorizer's decision beside jose alone, in one run")
  .option('--json', 'print the figures as one JSON object')
  .option('--quick', 'few batches, to see that it runs')
  .parse()
  .opts<{ json?: boolean; quick?: boolean }>();

pinSelf(MEASURED_CORE);
const rows = await run(options.quick ? BATCHES_QUICK : BATCHES);
if (options.json) {
  console.log(JSON.stringify({ node: process.versions.node, pinned, fetches, rows }));
} else {
  const cell = (value: number): string => value.toFixed(value < 10 ? 2 : 0).padStart(9);
  console.log(`Node ${process.versions.node}, median of batches in turns, µs`);
  for (const { name, micros, besideMicros, ratio, atMost } of rows) {
    const bar = atMost === undefined ? '' : `  ≤ ${atMost}  ${ratio <= atMost ? 'met' : 'MISSED'}`;
    console.log(`${name.padEnd(56)}${cell(micros)}${cell(besideMicros)}${cell(ratio)}${bar}`);
  }
  console.log(`fetches of the key set in all: ${fetches}`);
}
