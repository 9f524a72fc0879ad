/**
 * A folder for the tests of one file.
 */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Makes an empty folder, and removes it after the file's other `afterAll` hooks. Call it at the top of a test file. */
export function makeTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hallpass-test-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
