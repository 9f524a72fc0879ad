/**
 * `npm run test:random`: runs the tests with a new seed, and prints the command that repeats the run.
 * Arguments go on to the test command.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const SEED_MAX = 2 ** 31;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const args = process.argv.slice(2);
const seed = process.env.HALLPASS_TEST_SEED ?? String(randomInt(SEED_MAX));
const again = `HALLPASS_TEST_SEED=${seed} npm test${args.length === 0 ? '' : ` -- ${args.join(' ')}`}`;

console.log(`seed ${seed}`);
const { status } = spawnSync('npm', ['test', '--', ...args], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, HALLPASS_TEST_SEED: seed },
});
if (status !== 0) console.error(`failed with seed ${seed}; to repeat: ${again}`);
process.exitCode = status ?? 1;
