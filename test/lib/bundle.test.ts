import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundledCode } from '../../lib/bundle.ts';
import { moduleOf } from '../../lib/paths.ts';
import { bundleIn, makeApp } from '../support/stack.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const folder = makeTemporaryFolder();

/** Writes a module, and returns its path. */
function writeModule(name: string, text: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, text);
  return path;
}

test('functions of different modules or configurations have bundles of their own', () => {
  const first = writeModule('first', "import { text } from '#config';\nexport const a = text;\n");
  const second = writeModule('second', 'export const b = 2;\n');
  const red = writeModule('red', "export const text = 'red';\n");
  const blue = writeModule('blue', "export const text = 'blue';\n");
  const app = makeApp({ bundles: true });
  const bundleOf = (entry: string, configModule: string): string =>
    bundleIn(app, bundledCode(entry, configModule));
  expect(bundleOf(first, red)).toContain('="red";');
  expect(bundleOf(first, blue)).toContain('="blue";');
  expect(bundleOf(second, blue)).toContain('=2;');
});

test('a bundle that fails ends with what esbuild found, and starts no other program', () => {
  const entry = writeModule('broken', "import './nothing.mjs';\n");
  const app = writeModule(
    'app',
    `import { App, Stack } from '${import.meta.resolve('aws-cdk-lib')}';
import { bundledCode } from '${moduleOf('lib/bundle')}';
bundledCode('${entry}', '${entry}').bind(new Stack(new App(), 'Stack'));`,
  );
  const { status, stderr } = spawnSync(process.execPath, [app], {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: '', TMPDIR: folder },
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /Error: Build failed with 1 error:\n\S*broken\.mjs:1:7: ERROR: Could not resolve ".\/nothing.mjs"/,
  );
});
