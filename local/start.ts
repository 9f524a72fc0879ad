/**
 * `npm start`: the gateway on this machine, until it is told to end.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CommanderError } from 'commander';
import type { Config } from '../core/config.ts';
import { keyVariableOf } from '../core/providers/provider.ts';
import { config } from '../hallpass.config.ts';
import { type Flags, readFlags } from './flags.ts';
import { type LocalGateway, startLocalGateway } from './gateway.ts';

const EXIT_FAILED = 1;
const EXIT_WRONG_USE = 2;

/** What is written here, the tables' files too, is its owner's alone. */
const OWNER_ONLY = 0o077;

/** How long streams in flight may take once it is told to end; a second signal ends it at once. */
const GRACE_MS = 60_000;

/** A Ctrl-C comes twice: from the terminal, and from npm, which passes on what it got. */
const ONE_SIGNAL_MS = 500;

async function main(): Promise<void> {
  process.umask(OWNER_ONLY);
  const flags = readFlags(process.argv.slice(2), config);
  const data = flags.ephemeral ? undefined : resolve(flags.data);
  const gateway = await startLocalGateway({
    config,
    ...(data === undefined ? {} : { data }),
    port: flags.port,
    host: flags.host,
    providerUrls: flags.provider,
    variables: process.env,
    onFault: (error) => console.error(`hallpass: ${nameOf(error)}`),
  }).catch(async (error: unknown) => {
    console.error(`hallpass: ${await explain(error, flags, data)}`);
    return process.exit(EXIT_FAILED);
  });
  endBySignal(gateway);
  // Whoever read the first line may be gone; that is no reason to cut what is in flight.
  process.stdout.on('error', () => {});
  console.log(flags.json ? toJsonLine(gateway, data) : toText(gateway, data));
  await gateway.sweep();
}

/** An error by its name: its message may hold what a client sent. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'fault');

function endBySignal(gateway: LocalGateway): void {
  let toldAtMs: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (toldAtMs !== undefined) {
        if (performance.now() - toldAtMs > ONE_SIGNAL_MS) process.exit(EXIT_FAILED);
        return;
      }
      toldAtMs = performance.now();
      const waiting = gateway.inFlight();
      if (waiting > 0) console.error(`hallpass: finishing ${waiting}; once more ends at once`);
      gateway.close(GRACE_MS).then(
        () => process.exit(0),
        () => process.exit(EXIT_FAILED),
      );
    });
  }
}

const toJsonLine = (gateway: LocalGateway, data: string | undefined): string =>
  JSON.stringify({
    url: gateway.url,
    account: gateway.account,
    key: gateway.key,
    kid: gateway.kid,
    clientKey: gateway.clientKey,
    clientJwtSecret: gateway.clientJwtSecret,
    token: gateway.token,
    data: data ?? null,
  });

const DEMO_REQUEST = JSON.stringify({
  model: 'demo/echo',
  stream: true,
  messages: [{ role: 'user', content: 'Hello from Hallpass' }],
});

const toText = (gateway: LocalGateway, data: string | undefined): string =>
  `
Hallpass is running at ${gateway.url}

  demo key    ${gateway.key}
  its kid     ${gateway.kid}
  demo token  ${gateway.token}
              (spends 2 USD a day at most, expires in 24 hours)
  client key  ${gateway.clientKey}
              (of use as <client key>:<JWT>, signed with HS256 and ${gateway.clientJwtSecret ?? 'what its verifier asks for'})

  curl -N ${gateway.url}/chat/completions -H 'Authorization: Bearer ${gateway.token}' -H 'Content-Type: application/json' -d '${DEMO_REQUEST}'

  providers   ${toProviderLine(config, gateway)}
  data        ${data ?? 'in memory, gone at the end'}
`;

function toProviderLine(settings: Config, { providersWithKeys }: LocalGateway): string {
  if (providersWithKeys.length > 0) return `${providersWithKeys.join(', ')} (and demo/echo)`;
  const names = Object.keys(settings.providers);
  const variables = new Set(names.map((name) => keyVariableOf(settings, name)));
  return `no API key is set, demo/echo answers; others by ${[...variables].join(', ')}`;
}

async function explain(error: unknown, flags: Flags, data: string | undefined): Promise<string> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return `port ${flags.port} of ${flags.host} is in use; take another with --port`;
  }
  if (code === 'EACCES') return `port ${flags.port} may not be used; take another with --port`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `"${flags.host}" is not an address of this machine`;
  }
  if (data !== undefined && isLocked(error)) {
    return `a gateway is running on ${data}${await runningAt(data)}; use it, end it, or take another folder with --data`;
  }
  return error instanceof Error ? error.message : 'cannot start';
}

/** LevelDB's lock on the tables' folder, which lives as long as its process. */
function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

/** Where the other one is; nothing when it does not say. */
async function runningAt(data: string): Promise<string> {
  try {
    const { url } = JSON.parse(await readFile(join(data, 'endpoint.json'), 'utf8'));
    return typeof url === 'string' ? ` (${url})` : '';
  } catch {
    return ''; // It is only starting, or ending.
  }
}

main().catch((error: unknown) => {
  // Commander has said what is wrong; help is no error.
  process.exit(error instanceof CommanderError && error.exitCode === 0 ? 0 : EXIT_WRONG_USE);
});
