/**
 * `npm run test:agents`: the binaries of the coding agents run a turn through the gateway.
 * They are installed by `npm ci --prefix test/agents`; where they are absent one line says so, and nothing is run.
 * `npm run test:agents -- record [NAME…]` records what they send.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findAbsent } from './agents.ts';
import { recordAll } from './record.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function run(args: readonly string[]): Promise<number> {
  const absent = findAbsent();
  if (absent !== undefined) {
    console.log(`skipped: the coding agents need ${absent}`);
    return 0;
  }
  if (args[0] === 'record') {
    await recordAll(args.slice(1));
    return 0;
  }
  const vitest = [`${ROOT}node_modules/vitest/vitest.mjs`, 'run'];
  const config = ['--config', `${ROOT}test/agents/vitest.config.ts`];
  const node = ['--import', `${ROOT}bin/node-24.mjs`];
  const { status } = spawnSync(process.execPath, [...node, ...vitest, ...config, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  return status ?? 1;
}

process.exitCode = await run(process.argv.slice(2));
