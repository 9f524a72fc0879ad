/**
 * `hallpass start`: runs the gateway on this machine.
 */
import type { Command } from 'commander';
import { config } from '#config';
import { type Flags, withStartFlags } from '../local/flags.ts';

/** Adds the command to the program. */
export function addStartCommand(program: Command): void {
  withStartFlags(program.command('start'), config)
    .summary('run a gateway on this machine')
    .action(async (flags: Flags) => {
      // Loaded only here: it is the whole gateway.
      const { serve } = await import('../local/start.ts');
      await serve(flags);
    });
}
