/**
 * `hallpass sign-in`: fills the one secret that the sign-in function may read.
 */
import type { Command } from 'commander';
import { makeSignInSecrets, makeSignInSecretWriter } from '../adapters/aws/sign-in-secret.ts';
import { systemClock } from '../adapters/system.ts';
import type { KeyRecord } from '../core/keys/key-record.ts';
import { findFault } from '../core/keys/key-use.ts';
import { findSigningFault } from '../core/sign-in/signing-key.ts';
import { CommandError } from './failure.ts';
import { type PlaceFlags, withPlace } from './flags.ts';
import { type Gateway, withGateway } from './gateway/connect.ts';
import { printResult, readNewSecret, type Terminal } from './output.ts';

/** A client secret is kept within JSON, so it may look like JSON itself. */
const CLIENT_SECRET = /^[!-~]+$/;

/** Adds the commands to the program. */
export function addSignInCommands(program: Command, terminal: Terminal): void {
  const signIn = program.command('sign-in').summary('give sign-in the keys that it signs with');
  withPlace(signIn.command('use-key'))
    .summary('let sign-in sign with a key')
    .description(
      'Puts a server key into the secret of sign-in. Run it for each key that "signIn" names in the configuration, and again after "keys rotate". It is in force within a minute.',
    )
    .argument('<name>', 'the name of a server key with a limit of dollars for each user')
    .action((name: string, flags: PlaceFlags) => useKey(name, flags, terminal));
  withPlace(signIn.command('set-client-secret'))
    .summary('set the secret of sign-in at your identity provider')
    .description(
      'Reads the secret of the OpenID client from standard input and puts it into the secret of sign-in.',
    )
    .argument('<name>', 'the name in "signIn.clientSecret" of the configuration')
    .action((name: string, flags: PlaceFlags) => setClientSecret(name, flags, terminal));
}

const writerOf = ({ secretsManager, environment, encryptionKey }: Gateway) =>
  makeSignInSecretWriter(secretsManager, environment.secretPrefix, encryptionKey);

/** Returns true for a key that sign-in signs with. Never rejects: where nobody can tell, it may be one. */
export const isUsedBySignIn = (
  name: string,
  { environment, secretsManager }: Pick<Gateway, 'environment' | 'secretsManager'>,
): Promise<boolean> =>
  environment.signInTable === undefined
    ? Promise.resolve(false)
    : makeSignInSecrets(secretsManager, environment.secretPrefix, systemClock)
        .findKey(name)
        .then(
          (key) => key !== undefined,
          () => true,
        );

/** Finds a key that sign-in may sign with. @throws CommandError for one that caps nobody or is not in force */
export async function requireSigningKey(
  name: string,
  { account, requireKey }: Gateway,
): Promise<KeyRecord> {
  const record = await requireKey(name);
  const fault = findSigningFault(record);
  if (fault !== undefined) throw new CommandError(`the key "${name}" ${fault}`);
  const ended = findFault(record, { account, use: 'signer', nowMs: systemClock.nowMs() });
  if (ended !== undefined) throw new CommandError(`"${name}" is ${ended}`);
  return record;
}

async function useKey(name: string, flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const keyId = await withGateway(flags, terminal, async (gateway) => {
    const { id, version } = await requireSigningKey(name, gateway);
    await writerOf(gateway).putKey(name, await gateway.secrets.readKey(id, version));
    return id;
  });
  terminal.note(`sign-in may sign with the key "${name}"`);
  printResult(flags, terminal, { json: { key: name, id: keyId }, text: () => name });
}

async function setClientSecret(name: string, flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const secret = await readNewSecret('secret', terminal, { form: CLIENT_SECRET });
  await withGateway(flags, terminal, (gateway) => writerOf(gateway).putClientSecret(name, secret));
  terminal.note(`set the secret "${name}" of sign-in`);
  printResult(flags, terminal, { json: { clientSecret: name }, text: () => name });
}
