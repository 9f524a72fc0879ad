/**
 * `hallpass alerts`: the secret that signs the alerts to a webhook.
 */
import type { Command } from 'commander';
import { alertSecretName } from '../adapters/table-schema.ts';
import { type PlaceFlags, withPlace } from './flags.ts';
import { withGateway } from './gateway/connect.ts';
import { printResult, readNewSecret, type Terminal } from './output.ts';

/** As long as the hash of the signature. */
const SECRET_CHARS_MIN = 32;

/** Adds the commands to the program. */
export function addAlertCommands(program: Command, terminal: Terminal): void {
  const alerts = program.command('alerts').summary('set up alerts');
  withPlace(alerts.command('set-secret'))
    .summary('set the secret that signs alerts to the webhook')
    .description(
      'Reads the secret from standard input, such as that of `openssl rand -hex 32`, and puts it into the gateway. The next alert is signed with it.',
    )
    .action((flags: PlaceFlags) => setSecret(flags, terminal));
}

async function setSecret(flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const secret = await readNewSecret('secret', terminal, { charsMin: SECRET_CHARS_MIN });
  const name = await withGateway(
    flags,
    terminal,
    async ({ vault, environment }) => {
      await vault.putAlertSecret(secret);
      return alertSecretName(environment.secretPrefix);
    },
    true,
  );
  printResult(flags, terminal, { json: { secret: name }, text: () => name });
}
