/**
 * The `hallpass` command as a process.
 */
import { runHallpass } from '../cli/program.ts';

/** Longer than any credential. The rest of the input is not read. */
const INPUT_CHARS_MAX = 65_536;

async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > INPUT_CHARS_MAX) break;
  }
  return text;
}

// The reader of the output may be gone, as with `head`.
process.stdout.on('error', () => {});
process.exitCode = await runHallpass(process.argv.slice(2), {
  print: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
  readInput,
  openInput: () => process.stdin,
  ...(process.stderr.isTTY && {
    redraw: (line: string) => process.stderr.write(`\r\u001b[K${line}`),
  }),
  variables: process.env,
});
