/**
 * `npm run test:deploy`: the whole life of a gateway on an emulator of AWS, by the tools that its operator has. Needs
 * Python and the network; without them one line says so, and nothing is run. README.md beside it lists what each step
 * would catch, and what an emulator cannot show.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeProvider, startFakeProvider } from '../support/fake-provider.ts';
import { makeClients } from './aws.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { live, makeStep } from './life.ts';
import { installTools, Unavailable } from './python.ts';

const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_795_176_000,
  model: 'model',
  choices: [
    { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'three, four' } },
  ],
  usage: { prompt_tokens: 4, completion_tokens: 4, total_tokens: 8 },
});
const REPLY = {
  headers: { 'content-type': 'application/json' },
  steps: [{ write: ANSWER }],
};
/** The stack refuses to deploy a provider on loopback by its name. This address is the same machine. */
const reachable = ({ url }: FakeProvider): string => url.replace('127.0.0.1', '0.0.0.0');
/** A life takes two minutes, and four on a busy machine. */
const LIFE_MS_MAX = 600_000;
const step = makeStep((line) => console.log(line));

async function run(): Promise<void> {
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'hallpass-life-'));
  const upstream = await startFakeProvider(REPLY);
  const silent = await startFakeProvider({ steps: ['hang'] });
  let emulator: Emulator | undefined;
  const close = (): void => {
    emulator?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  // A run that is stopped leaves nothing behind either.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      close();
      process.exit(1);
    });
  }
  const timer = setTimeout(() => {
    console.error(`test:deploy took longer than ${LIFE_MS_MAX / 60_000} minutes`);
    close();
    process.exit(1);
  }, LIFE_MS_MAX);
  try {
    const packages = await step('install the emulator and the linter', installTools);
    emulator = await step('start the emulator', () => startEmulator(packages, folder));
    const providers = { upstreamUrl: reachable(upstream), silentUrl: reachable(silent) };
    const clients = await makeClients(emulator);
    await live({ emulator, folder, packages, providers, clients }, upstream, step);
    console.log(`passed in ${Math.round((performance.now() - startedAtMs) / 1000)} s`);
  } finally {
    clearTimeout(timer);
    close();
    await Promise.all([upstream.close(), silent.close()]);
  }
}

try {
  await run();
} catch (error) {
  if (error instanceof Unavailable) console.log(`skipped: test:deploy, because ${error.message}`);
  else {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
// What still runs in the other chains after a failure has lost its emulator.
process.exit();
