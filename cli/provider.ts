/**
 * `hallpass provider`: the API keys with which the gateway calls providers.
 */
import type { Command } from 'commander';
import { findProvider } from '../core/providers/provider.ts';
import { CommandError } from './failure.ts';
import { type PlaceFlags, withPlace } from './flags.ts';
import { type Gateway, withGateway } from './gateway/connect.ts';
import { printResult, readNewSecret, type Terminal } from './output.ts';

/** Adds the commands to the program. */
export function addProviderCommands(program: Command, terminal: Terminal): void {
  const provider = program.command('provider').summary('set the API keys of providers');
  withPlace(provider.command('set-key'))
    .summary('set the API key of a provider')
    .description(
      "Reads the API key of a provider from standard input and puts it into the gateway's secret. It is in force within ten seconds if there was none, else within five minutes.",
    )
    .argument('<name>', 'the name of the provider in the configuration')
    .action((name: string, flags: PlaceFlags) => setKey(name, flags, terminal));
}

async function setKey(name: string, flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const key = await readNewSecret('API key', terminal);
  const secret = await withGateway(
    flags,
    terminal,
    async (gateway) => {
      const named = requireSecret(name, gateway);
      await gateway.vault.putProviderKey(named, key);
      return named;
    },
    true,
  );
  terminal.note(`set the API key of "${name}"`);
  printResult(flags, terminal, { json: { provider: name, secret }, text: () => secret });
}

/** Returns the name of the provider's secret. @throws CommandError where it has none */
function requireSecret(name: string, { config }: Gateway): string {
  const secret = Object.hasOwn(config.providers, name)
    ? findProvider(config, {}, name)?.secret
    : undefined;
  if (secret !== undefined) return secret;
  const names = Object.keys(config.providers).filter(
    (each) => findProvider(config, {}, each)?.secret !== undefined,
  );
  throw new CommandError(
    `no provider "${name}" is called with an API key; those are ${names.join(', ')}`,
  );
}
