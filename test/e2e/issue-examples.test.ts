/**
 * The examples in examples/issue/, run unchanged: the gateway accepts their tokens, and refuses changed ones.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueToken } from '../../examples/issue/issue.ts';
import { hasBrowser, startBrowser } from '../support/browser.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../examples/issue/${name}`, import.meta.url));

const USER = 'ada@example.edu';
/** A compiler with an empty cache on a busy machine needs half a minute. */
const RUN_MS = 60_000;

interface Example {
  readonly name: string;
  /** `probe` succeeds if the runtime is installed; `command` runs the example. */
  readonly probe: readonly [string, ...string[]];
  readonly command: readonly [string, ...string[]];
}

const EXAMPLES: readonly Example[] = [
  {
    name: 'Python with PyJWT',
    probe: ['python3', '-c', 'import jwt'],
    command: ['python3', pathOf('issue_pyjwt.py')],
  },
  {
    name: 'Python alone',
    probe: ['python3', '-c', 'import hmac'],
    command: ['python3', pathOf('issue_stdlib.py')],
  },
  {
    name: 'Go',
    probe: ['go', 'version'],
    // Without optimizing: where its cache is empty, Go compiles its own library first.
    command: ['go', 'run', '-gcflags=all=-N -l', pathOf('issue.go')],
  },
  {
    name: 'Bash with openssl',
    probe: ['bash', '-c', 'openssl version'],
    command: ['bash', pathOf('issue.sh')],
  },
];

async function run([program, ...args]: readonly [string, ...string[]]): Promise<string> {
  const env = {
    ...{ PATH: process.env.PATH, HOME: process.env.HOME, GOTOOLCHAIN: 'local' },
    ...{ HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid },
  };
  const { stdout } = await promisify(execFile)(program, [...args, USER], { env });
  return stdout.trimEnd();
}

const claims = () => ({
  exp: Math.floor(Date.now() / 1000) + 86_400,
  user: USER,
  models: ['demo/*'],
  spending_limit: 2,
});

async function chat(token: string): Promise<string> {
  const { text } = await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const body = JSON.parse(text);
  return body.error?.code ?? body.choices[0].message.content;
}

/** One bit, one claim and one header changed, each by itself. */
function changed(token: string): readonly string[] {
  const [head = '', payload = '', signature = ''] = token.replace(/^jwt:/, '').split('.');
  const with_ = (part: string, member: object): string =>
    Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...member }),
    ).toString('base64url');
  const bytes = Buffer.from(signature, 'base64url');
  bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
  return [
    `jwt:${head}.${payload}.${bytes.toString('base64url')}`,
    `jwt:${head}.${with_(payload, { spending_limit: 200 })}.${signature}`,
    `jwt:${with_(head, { cty: 'JWT' })}.${payload}.${signature}`,
  ];
}

async function expectGood(token: string): Promise<void> {
  expect(await chat(token)).toContain('Hello');
  expect(await gateway.aboutKey(token)).toMatchObject({ user: USER, limit: 2, models: ['demo/*'] });
  for (const each of changed(token)) expect(await chat(each)).toBe('invalid_api_key');
}

describe('a token is accepted, and refused with one bit, claim or header changed:', () => {
  for (const { name, probe, command } of EXAMPLES) {
    const [program, ...args] = probe;
    const isHere = spawnSync(program, args).status === 0;
    const words = isHere ? name : `${name} (skipped: "${probe.join(' ')}" fails here)`;
    test.skipIf(!isHere)(`made with ${words}`, async () => expectGood(await run(command)), RUN_MS);
  }

  test('made with TypeScript on Node', async () => {
    await expectGood(await issueToken(gateway.key, gateway.kid, claims()));
  });

  test('made with TypeScript and only the web platform', async () => {
    const source = stripTypeScriptTypes(readFileSync(pathOf('issue.ts'), 'utf8'));
    const bare = createContext({ crypto, TextEncoder, btoa });
    runInContext(`${source.replace('export ', '')}; globalThis.issueToken = issueToken;`, bare);
    const made = runInContext('(...args) => issueToken(...args)', bare);
    await expectGood(await made(gateway.key, gateway.kid, claims()));
  });

  test.skipIf(!hasBrowser)(
    'made with TypeScript in a browser',
    async () => {
      const source = stripTypeScriptTypes(readFileSync(pathOf('issue.ts'), 'utf8'));
      const browser = await startBrowser();
      try {
        const page = await browser.newPage();
        await page.goto(gateway.url); // Web Crypto needs a page of loopback or HTTPS.
        const args = JSON.stringify([gateway.key, gateway.kid, claims()]);
        const script = `${source.replace('export ', '')}; issueToken(...${args})`;
        await expectGood(await page.evaluate<string>(script));
      } finally {
        await browser.close();
      }
    },
    RUN_MS,
  );
});
