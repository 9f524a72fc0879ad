/**
 * A folder for one run of the tests, where the first test that asks for the deployed stack puts it.
 * It is made before the first test and removed after the last one.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly synthFolder: string;
  }
}

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-synth-'));
  provide('synthFolder', folder);
  return () => rm(folder, { recursive: true, force: true });
}
