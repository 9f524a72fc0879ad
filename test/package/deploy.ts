/**
 * Deploys the app of an installed package on an emulator of AWS, calls it, and destroys it. Needs Python.
 */
import { makeClients, readStack } from '../deploy/aws.ts';
import { startEmulator } from '../deploy/emulator.ts';
import { installTools, Unavailable } from '../deploy/python.ts';
import { expectThat } from '../deploy/tools.ts';

/** Runs a program in the folder where the package is installed. */
export type RunInFolder = (
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
) => string;

const APP = ['--app', 'node app.mjs'];
const STACK = ['--stack', 'Hallpass'];

/** Returns what was done, or why nothing was. */
export async function deployOnEmulator(folder: string, run: RunInFolder): Promise<string> {
  let packages: string;
  try {
    packages = await installTools();
  } catch (error) {
    if (error instanceof Unavailable) return `deploy: skipped, because ${error.message}`;
    throw error;
  }
  const startedAtMs = performance.now();
  const emulator = await startEmulator(packages, folder);
  const stop = (): void => {
    emulator.close();
    process.exit(1);
  };
  // A run that is stopped leaves no emulator behind.
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const cdk = (...args: string[]) => run(['npx', 'cdk', ...args, ...APP], emulator.variables);
    const hallpass = (...args: string[]) =>
      run(['npx', 'hallpass', ...args, ...STACK], emulator.variables);
    cdk('bootstrap');
    cdk('deploy', '--require-approval', 'never');
    const { key } = JSON.parse(hallpass('keys', 'create', 'course', '--json'));
    const { url } = await readStack({ emulator, clients: await makeClients(emulator) }, 'Hallpass');
    const answer = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: '{"model":"demo/echo","stream":true,"messages":[{"role":"user","content":"Hello"}]}',
    });
    expectThat((await answer.text()).endsWith('data: [DONE]\n\n'), 'the stream did not end');
    expectThat(hallpass('usage').includes('0.000009'), 'the usage does not show the request');
    cdk('diff', '--fail');
    cdk('destroy', '--force');
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    emulator.close();
  }
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  return `deploy, key, stream, usage, diff without a change, destroy: ${seconds} s`;
}
