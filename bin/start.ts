/**
 * `npm start`: what `hallpass start` does, without loading the other commands.
 */
import { CommanderError } from 'commander';
import { config } from '#config';
import { type Flags, readFlags } from '../local/flags.ts';
import { serve } from '../local/start.ts';

const EXIT_WRONG_USE = 2;

function readArguments(): Flags {
  try {
    return readFlags(process.argv.slice(2), config);
  } catch (error) {
    // Commander has printed its message. Help is a success.
    const isHelp = error instanceof CommanderError && error.exitCode === 0;
    return process.exit(isHelp ? 0 : EXIT_WRONG_USE);
  }
}

await serve(readArguments());
