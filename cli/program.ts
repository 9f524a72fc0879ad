/**
 * The command line: all commands, and the exit status.
 */
import { Command, CommanderError } from 'commander';
import { wordsOfMissingPackage } from '../adapters/system.ts';
import { GatewayError } from '../core/base/errors.ts';
import { addAlertCommands } from './alerts.ts';
import { addConsoleCommand } from './console/commands.ts';
import { addCostCommand } from './cost.ts';
import { addEnrolCommands } from './enrol.ts';
import { addExplainCommand } from './explain.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE } from './failure.ts';
import { addKeyCommands } from './keys/commands.ts';
import { addLoginCommands } from './login/commands.ts';
import type { Terminal } from './output.ts';
import { addPriceCommand } from './prices.ts';
import { addProviderCommands } from './provider.ts';
import { addSignInCommands } from './sign-in.ts';
import { addSmokeCommand } from './smoke.ts';
import { addStartCommand } from './start.ts';
import { addTokenCommands } from './tokens/commands.ts';
import { addUsageCommands } from './usage/commands.ts';
import { addUserCommands } from './users/commands.ts';

const HELP = `
Exit status: 0 done, 1 refused or failed, 2 wrong use.
Where an argument is a secret or a token, "-" reads it from standard input.`;

function makeProgram(terminal: Terminal): Command {
  const program = new Command('hallpass')
    .description('Hands out access to language models: with a scope, a spending cap and an expiry.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showHelpAfterError('(add --help to see what is allowed)')
    .addHelpText('after', HELP);
  addStartCommand(program);
  addLoginCommands(program, terminal);
  addKeyCommands(program, terminal);
  addTokenCommands(program, terminal);
  addUsageCommands(program, terminal);
  addUserCommands(program, terminal);
  addPriceCommand(program, terminal);
  addExplainCommand(program, terminal);
  addProviderCommands(program, terminal);
  addSignInCommands(program, terminal);
  addEnrolCommands(program, terminal);
  addAlertCommands(program, terminal);
  addSmokeCommand(program, terminal);
  addCostCommand(program, terminal);
  addConsoleCommand(program, terminal);
  return program;
}

/**
 * Runs one command line.
 * @param args the arguments after `hallpass`
 * @returns the exit status
 */
export async function runHallpass(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await makeProgram(terminal).parseAsync([...args], { from: 'user' });
    return EXIT_DONE;
  } catch (error) {
    // Commander has printed its message. Help on request is a success.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_WRONG_USE;
    terminal.note(`hallpass: ${toWords(error)}`);
    return error instanceof CommandError ? error.exitStatus : EXIT_FAILED;
  }
}

function toWords(error: unknown): string {
  if (error instanceof GatewayError) {
    const detail = error.detail === undefined ? '' : ` (${error.detail})`;
    return `${error.message}${detail}`;
  }
  const words = error instanceof Error ? error.message : 'failed';
  return wordsOfMissingPackage(error) ?? words;
}
