import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PRINT_LOADED = `await import('./local/gateway.ts');
console.log(process.moduleLoadList.filter((name) => /undici|_http_server|tls/.test(name)).join());`;

test('the gateway of npm start loads neither undici nor, until a provider needs it, TLS', () => {
  const loaded = execFileSync(
    process.execPath,
    ['--import', './bin/node-24.mjs', '--input-type=module', '--eval', PRINT_LOADED],
    { cwd: ROOT, encoding: 'utf8' },
  );
  expect(loaded).toContain('_http_server');
  expect(loaded).not.toMatch(/undici|tls/);
});
