/** The README's snippets, run as they are. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startTestGateway } from '../support/local-gateway.ts';
import { hasPyJwt, PYJWT_ABSENT } from '../support/pyjwt.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(`${ROOT}README.md`, 'utf8');
const FORMATS = 5;

test('the README’s SDK examples call the built-in model in every format', async () => {
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

test('the README’s curl line streams an answer', async () => {
  const [line = ''] = /^curl -N .*$/m.exec(README) ?? [];
  const gateway = await startTestGateway({});
  try {
    const command = line.replace('http://127.0.0.1:8787/v1', gateway.url);
    const env = { PATH: process.env.PATH, TOKEN: gateway.token };
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { env });
    expect(stdout).toMatch(/^data: \{/);
    expect(stdout).toMatch(/data: \[DONE\]\n\n$/);
  } finally {
    await gateway.close();
  }
});

test.skipIf(!hasPyJwt)(
  `the Python of the README signs a token that is accepted${hasPyJwt ? '' : `: ${PYJWT_ABSENT}`}`,
  async () => {
    const [, snippet = ''] = /^```python\n(import base64.*?)^```$/ms.exec(README) ?? [];
    const gateway = await startTestGateway({});
    try {
      const code = [
        `account, key_name, key = ${JSON.stringify([gateway.account, 'demo', gateway.key])}`,
        snippet,
        'print(token, end="")',
      ].join('\n');
      const { stdout: token } = await promisify(execFile)('python3', ['-c', code]);
      const answer = await fetch(`${gateway.url}/key`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(await answer.json()).toMatchObject({ data: { label: 'week-12-ada', limit: 2 } });
    } finally {
      await gateway.close();
    }
  },
);
