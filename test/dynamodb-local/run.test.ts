import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('prints one line and runs nothing on a machine without Java', () => {
  const script = fileURLToPath(new URL('run.ts', import.meta.url));

  const { status, stdout } = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: { PATH: '/nowhere' },
  });

  expect(stdout).toBe('skipped: DynamoDB Local needs Java 17, which is not on this machine\n');
  expect(status).toBe(0);
});
