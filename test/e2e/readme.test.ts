/** What the README shows of the SDKs, run as it stands there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startTestGateway } from '../support/local-gateway.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(`${ROOT}README.md`, 'utf8');
const FORMATS = 5;

test('the SDKs of the README ask the built-in model in every format', async () => {
  const [, snippet = ''] = /^```ts\n(import .*?)^```$/ms.exec(README) ?? [];
  const gateway = await startTestGateway({});
  try {
    const token = gateway.sign({ user: 'ada', spending_limit: 1 });
    const code = `const token = ${JSON.stringify(token)};\n${snippet}`.replace(
      'http://127.0.0.1:8787',
      gateway.url.replace(/\/v1$/, ''),
    );
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', code], {
      cwd: ROOT,
      env: { PATH: process.env.PATH },
    });
    const [errors, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    const used = await fetch(`${gateway.url}/usage?group_by=model`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await used.json()).toMatchObject({ data: [{ model: 'demo/echo', requests: FORMATS }] });
  } finally {
    await gateway.close();
  }
});
