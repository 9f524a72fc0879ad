/**
 * `npm run test:dynamodb-local`: the tests of everything that speaks to a table, on Amazon's own DynamoDB Local.
 * Maven fetches it once into node_modules/.cache; without Java 17 or Maven one line says so, and nothing is run.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type AwsCall, AwsCallError } from '../../adapters/aws/aws-call.ts';
import { DYNAMODB_LOCAL_URL, makeTestCall } from '../support/dynamodb.ts';
import { findFreePort } from '../support/free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
const FOLDER = `${ROOT}node_modules/.cache/dynamodb-local-3.0.0`;
const MAIN_CLASS = 'software.amazon.dynamodb.services.local.main.ServerRunner';
const SUITES = ['test/ports', 'test/adapters/dynamodb/'];
/** Java warms up beside the tests: one file at a time, and more time for each test. */
const OPTIONS = ['--no-file-parallelism', '--test-timeout=120000'];
const JAVA_MIN = 17;
const START_TRIES_MAX = 300;
const START_WAIT_MS = 100;

/** Returns the name of what is missing; undefined if nothing is. */
function findAbsent(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = Number(/version "(\d+)/.exec(java.stderr ?? '')?.[1] ?? 0);
  if (version < JAVA_MIN) return `Java ${JAVA_MIN}`;
  const isFetched = readJars().length > 0;
  return isFetched || spawnSync('mvn', ['--version']).status === 0 ? undefined : 'Maven (mvn)';
}

function readJars(): readonly string[] {
  try {
    return readdirSync(FOLDER).filter((name) => name.endsWith('.jar'));
  } catch {
    return []; // Nothing was fetched yet.
  }
}

/** All jars or none: they are moved to their place when the last one is there. */
function fetchJars(): void {
  if (readJars().length > 0) return;
  const parts = `${FOLDER}.parts`;
  rmSync(parts, { recursive: true, force: true });
  mkdirSync(parts, { recursive: true });
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${parts}`];
  const fetched = spawnSync('mvn', ['--batch-mode', '--quiet', '--file', POM, ...goal], {
    stdio: 'inherit',
  });
  if (fetched.status !== 0) throw new Error('mvn could not fetch DynamoDB Local');
  renameSync(parts, FOLDER);
}

const startServer = (port: number): ChildProcess =>
  spawn(
    'java',
    [
      `-Djava.library.path=${FOLDER}`,
      ...['-cp', `${FOLDER}/*`, MAIN_CLASS],
      ...['-inMemory', '-disableTelemetry', '-port', String(port)],
    ],
    { cwd: FOLDER, stdio: 'ignore' },
  );

async function waitUntilReady(call: AwsCall, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < START_TRIES_MAX && server.exitCode === null; tries += 1) {
    try {
      await call('ListTables', {});
      return;
    } catch (error) {
      if (!(error instanceof AwsCallError)) throw error;
    }
    await wait(START_WAIT_MS);
  }
  throw new Error('DynamoDB Local did not start');
}

async function run(): Promise<number> {
  const absent = findAbsent();
  if (absent !== undefined) {
    console.log(`skipped: DynamoDB Local needs ${absent}, which is not on this machine`);
    return 0;
  }
  fetchJars();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const server = startServer(port);
  try {
    await waitUntilReady(makeTestCall(url), server);
    const vitest = [`${ROOT}node_modules/vitest/vitest.mjs`, 'run', ...SUITES, ...OPTIONS];
    const node = ['--import', `${ROOT}bin/node-24.mjs`];
    const { status } = spawnSync(process.execPath, [...node, ...vitest, ...process.argv.slice(2)], {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, [DYNAMODB_LOCAL_URL]: url },
    });
    return status ?? 1;
  } finally {
    server.kill();
  }
}

process.exitCode = await run();
