/**
 * The command line, as a process.
 */
import { text } from 'node:stream/consumers';
import { runHallpass } from '../cli/program.ts';

// Whoever read the result may be gone, as `head` is.
process.stdout.on('error', () => {});
process.exitCode = await runHallpass(process.argv.slice(2), {
  print: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
  readInput: () => text(process.stdin),
  variables: process.env,
});
