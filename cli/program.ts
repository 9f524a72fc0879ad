/**
 * The command line as a whole: what is told to which command, and the exit status of what comes of it.
 */
import { Command, CommanderError } from 'commander';
import { GatewayError } from '../core/base/errors.ts';
import { addExplainCommand } from './explain.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE } from './failure.ts';
import { addKeyCommands } from './keys/commands.ts';
import type { Terminal } from './output.ts';
import { addPriceCommand } from './prices.ts';
import { addTokenCommands } from './tokens/commands.ts';
import { addUsageCommands } from './usage/commands.ts';

const HELP = `
Exit status: 0 done, 1 refused or failed, 2 wrong use.
Wherever a secret or a token is an argument, "-" reads it from standard input.`;

function makeProgram(terminal: Terminal): Command {
  const program = new Command('hallpass')
    .description('Hands out access to language models that is scoped, capped and expires.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showHelpAfterError('(add --help for what is allowed)')
    .addHelpText('after', HELP);
  addKeyCommands(program, terminal);
  addTokenCommands(program, terminal);
  addUsageCommands(program, terminal);
  addPriceCommand(program, terminal);
  addExplainCommand(program, terminal);
  return program;
}

/**
 * Runs one command line.
 * @param args what stands behind `hallpass`
 * @returns the exit status
 */
export async function runHallpass(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await makeProgram(terminal).parseAsync([...args], { from: 'user' });
    return EXIT_DONE;
  } catch (error) {
    // Commander has said what is wrong; help that was asked for is no error.
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
  return error instanceof Error ? error.message : 'failed';
}
