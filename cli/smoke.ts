/**
 * `hallpass smoke`: checks a gateway from outside, as after its first deployment.
 */
import type { Command } from 'commander';
import { CommandError, wrongUse } from './failure.ts';
import { withJson } from './flags.ts';
import { printResult, type Terminal, toTable } from './output.ts';
import {
  SMOKE_CHECKS,
  type SmokeCheck,
  SmokeFailure,
  SmokeSkipped,
  type SmokeTarget,
} from './smoke-checks.ts';

interface SmokeFlags {
  readonly url: string;
  readonly model: string;
  readonly longModel?: string;
  readonly json?: true;
}

interface Result {
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly found: string;
}

/** Adds the command to the program. */
export function addSmokeCommand(program: Command, terminal: Terminal): void {
  withJson(program.command('smoke'))
    .summary('check a deployed gateway from outside')
    .description(
      'Calls a gateway with the server key in HALLPASS_KEY, and checks streams, refusals, CORS, pages and billing. It asks the model six times.',
    )
    .requiredOption('--url <url>', 'base URL of the gateway, which ends in /v1')
    .option('--model <model>', 'model to ask', 'demo/echo')
    .option('--long-model <model>', 'model whose answer streams for longer than 29 seconds')
    .action((flags: SmokeFlags) => smoke(flags, terminal));
}

async function smoke(flags: SmokeFlags, terminal: Terminal): Promise<void> {
  const { url, model, longModel } = flags;
  const key = terminal.variables.HALLPASS_KEY?.trim();
  if (!key) throw wrongUse('HALLPASS_KEY must be set to a server key');
  if (!/^https?:\/\/[^?#]+\/v1\/?$/.test(url)) {
    throw wrongUse(`"--url" must be a URL that ends in /v1, got "${url}"`);
  }
  const target = { url: url.replace(/\/$/, ''), key, model, longModel };
  const results: (Result & { readonly check: string })[] = [];
  for (const { name, run } of SMOKE_CHECKS) {
    results.push({ check: name, ...(await judge(run, target)) });
    terminal.redraw?.(`${results.length} of ${SMOKE_CHECKS.length}`);
  }
  terminal.redraw?.('');
  const failed = results.filter(({ state }) => state === 'failed').length;
  printResult(flags, terminal, {
    json: { passed: failed === 0, checks: results },
    text: () =>
      toTable(
        ['state', 'check', 'found'],
        results.map(({ state, check, found }) => [state, check, found]),
      ),
  });
  if (failed > 0) throw new CommandError(`${failed} of ${results.length} checks failed`);
}

async function judge(run: SmokeCheck['run'], target: SmokeTarget): Promise<Result> {
  try {
    return { state: 'passed', found: await run(target) };
  } catch (error) {
    if (error instanceof SmokeSkipped) return { state: 'skipped', found: error.message };
    if (error instanceof SmokeFailure) return { state: 'failed', found: error.message };
    // An error of the HTTP client may quote what was sent.
    const name = error instanceof Error ? error.name : 'unknown';
    return { state: 'failed', found: `no answer (${name})` };
  }
}
