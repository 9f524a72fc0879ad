/**
 * Runs the gateway on this machine until a signal ends it: `npm start`, and `hallpass start`.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { styleText } from 'node:util';
import { config } from '#config';
import { makeLog } from '../adapters/log.ts';
import { wordsOfMissingPackage } from '../adapters/system.ts';
import type { Config } from '../core/config.ts';
import { keyVariableOf } from '../core/providers/provider.ts';
import { toAlertText } from '../core/wallet/alerts/alert.ts';
import type { AlertChannel } from '../core/wallet/alerts/ports.ts';
import type { Flags } from './flags.ts';
import { type LocalGateway, startLocalGateway } from './gateway.ts';
import { isFolderLocked } from './provision.ts';
import { ENDPOINT_FILE } from './variables.ts';

const EXIT_FAILED = 1;

/** The umask: only the owner can read files written here, including those of the tables. */
const OWNER_ONLY = 0o077;

/** The time that streams in flight may take after a signal. A second signal ends the process at once. */
const GRACE_MS = 60_000;

/** One Ctrl-C arrives twice: from the terminal and from npm. Signals within this time count as one. */
const ONE_SIGNAL_MS = 500;

/** Starts the gateway, prints how to use it, and leaves it running. Ends the process if it cannot start. */
export async function serve(flags: Flags): Promise<void> {
  process.umask(OWNER_ONLY);
  const data = flags.ephemeral ? undefined : resolve(flags.data);
  const gateway = await startLocalGateway({
    config,
    ...(data === undefined ? {} : { data }),
    port: flags.port,
    host: flags.host,
    basePath: flags.basePath,
    demoLogin: flags.demoLogin,
    providerUrls: flags.provider,
    variables: process.env,
    log: makeLog(toStandardError),
    alertChannels: [terminal],
    onFault: (error) => console.error(`hallpass: ${nameOf(error)}`),
  }).catch(async (error: unknown) => {
    console.error(`hallpass: ${await explain(error, flags, data)}`);
    return process.exit(EXIT_FAILED);
  });
  endBySignal(gateway);
  // The reader of standard output may be gone. Requests in flight go on.
  process.stdout.on('error', () => {});
  console.log(flags.json ? toJsonLine(gateway, data) : toText(gateway, data));
  await gateway.sweep();
}

/** Keeps the functions' log out of what is printed for the user and for scripts. */
function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints alerts for the user of this machine. */
const terminal: AlertChannel = {
  name: 'terminal',
  async send(alert) {
    toStandardError(`hallpass: alert: ${toAlertText(alert)}`);
  },
};

/** Returns an error's name. Its message may contain text of a client. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'fault');

function endBySignal(gateway: LocalGateway): void {
  let firstAtMs: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (firstAtMs !== undefined) {
        if (performance.now() - firstAtMs > ONE_SIGNAL_MS) process.exit(EXIT_FAILED);
        return;
      }
      firstAtMs = performance.now();
      const waiting = gateway.inFlight();
      if (waiting > 0) {
        console.error(`hallpass: finishing ${waiting} requests; a second signal ends at once`);
      }
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
    ...(gateway.signInUrl !== null && { signInUrl: gateway.signInUrl }),
  });

const DEMO_REQUEST = JSON.stringify({
  model: 'demo/echo',
  stream: true,
  messages: [{ role: 'user', content: 'Hello from Hallpass' }],
});

function toText(gateway: LocalGateway, data: string | undefined): string {
  const { url, key, kid, token, clientKey, clientJwtSecret } = gateway;
  const name = (text: string): string => styleText('dim', text.padEnd(10));
  const link = (text: string): string => styleText('cyan', text);
  const root = url.replace(/v1$/, '');
  const pages = config.pages
    ? `
  ${name('your pass')}  ${link(`${root}me#${token}`)}
  ${name('console')}  ${link(`${root}console`)} (asks for the demo key)
`
    : '';
  const signIn =
    gateway.signInUrl === null ? '' : `  ${name('sign in')}  ${link(gateway.signInUrl)}\n`;
  const signed =
    clientJwtSecret === null ? 'as its verifier requires' : `with HS256 and ${clientJwtSecret}`;
  return `
${styleText('bold', 'Hallpass is running')} at ${link(url)}
${pages}${signIn}
  curl -N ${url}/chat/completions -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${DEMO_REQUEST}'

  ${name('demo key')}  ${key}
  ${name('its kid')}  ${kid}
  ${name('demo token')}  ${token}
              (spends at most 2 USD a day, expires in 24 hours)
  ${name('client key')}  ${clientKey}
              (use it as <client key>:<JWT>, signed ${signed})
  ${name('providers')}  ${toProviderLine(config, gateway)}
  ${name('data')}  ${data ?? 'in memory, lost when it ends'}
`;
}

function toProviderLine(settings: Config, { providersWithKeys }: LocalGateway): string {
  if (providersWithKeys.length > 0) return `${providersWithKeys.join(', ')} (and demo/echo)`;
  const names = Object.keys(settings.providers);
  const variables = new Set(names.map((name) => keyVariableOf(settings, name)));
  return `no API key is set, only demo/echo answers; set ${[...variables].join(', ')}`;
}

async function explain(error: unknown, flags: Flags, data: string | undefined): Promise<string> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return `port ${flags.port} of ${flags.host} is in use; choose another with --port`;
  }
  if (code === 'EACCES') return `port ${flags.port} is not permitted; choose another with --port`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `"${flags.host}" is not an address of this machine`;
  }
  if (data !== undefined && isFolderLocked(error)) {
    return `a gateway is running on ${data}${await runningAt(data)}; use it, stop it, or choose another folder with --data`;
  }
  const words = error instanceof Error ? error.message : 'cannot start';
  return wordsOfMissingPackage(error) ?? words;
}

/** Returns the URL of the running gateway, in brackets; empty if it is not known. */
async function runningAt(data: string): Promise<string> {
  try {
    const { url } = JSON.parse(await readFile(join(data, ENDPOINT_FILE), 'utf8'));
    return typeof url === 'string' ? ` (${url})` : '';
  } catch {
    return ''; // The other gateway is starting or ending.
  }
}
