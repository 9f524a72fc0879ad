/**
 * The flags of `npm start` and `hallpass start`.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { BASE_PATH, BASE_PATH_RULE } from '../adapters/api-gateway/routes.ts';
import type { Config } from '../core/config.ts';
import { KNOWN_PROVIDERS } from '../core/providers/known.ts';
import type { ProviderUrls } from '../core/providers/provider.ts';

export interface Flags {
  readonly port: number;
  readonly host: string;
  /** The first part of every path, to try what a custom domain's mapping does. */
  readonly basePath?: string;
  readonly data: string;
  readonly ephemeral: boolean;
  readonly demoLogin: boolean;
  /** Provider name to a base URL that replaces its own. */
  readonly provider: ProviderUrls;
  readonly json: boolean;
}

/** Reads the flags. @throws CommanderError for a wrong flag and for `--help`, after its message was printed */
export const readFlags = (args: readonly string[], config: Config): Flags =>
  withStartFlags(new Command('npm start --'), config)
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts<Flags>();

/** Adds the flags to a command. */
export const withStartFlags = (command: Command, config: Config): Command =>
  command
    .description('Starts the gateway on this machine.')
    .option('--port <number>', 'port to listen on; 0 for any free port', parsePort, 8787)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--base-path <word>', 'first part of every path, as behind a domain', parseBasePath)
    .option('--data <folder>', 'folder that keeps keys and spend across restarts', '.hallpass')
    .option('--ephemeral', 'keep everything in memory and leave nothing behind', false)
    .option(
      '--provider <name=url>',
      "send a provider's traffic to another base URL; repeatable",
      (text: string, others: ProviderUrls) => addProvider(text, others, config),
      {},
    )
    .addOption(
      new Option(
        '--demo-login',
        'try sign-in: an identity provider on this machine that believes every address',
      )
        .default(false)
        .conflicts('host'),
    )
    .option('--json', 'print one JSON object when the gateway is ready', false)
    .allowExcessArguments(false);

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError(`"--port" must be 0 to 65535, got "${text}".`);
}

function parseBasePath(text: string): string {
  if (BASE_PATH.test(text)) return text;
  throw new InvalidArgumentError(`"--base-path" must be ${BASE_PATH_RULE}, got "${text}".`);
}

function addProvider(text: string, others: ProviderUrls, config: Config): ProviderUrls {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(at, 0));
  const url = text.slice(at + 1);
  const allowed = [...new Set([...Object.keys(config.providers), ...KNOWN_PROVIDERS.keys()])];
  if (!allowed.includes(name)) {
    throw new InvalidArgumentError(
      `"--provider" must be NAME=URL, NAME one of ${allowed.join(', ')}, got "${name}".`,
    );
  }
  if (!/^https?:\/\/[^?#]+$/.test(url) || !URL.canParse(url)) {
    throw new InvalidArgumentError(
      `"--provider ${name}" must be an http or https URL without a query.`,
    );
  }
  return { ...others, [name]: url };
}
