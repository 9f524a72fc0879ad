import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;
/** The URL without the base path. */
let origin: string;

beforeAll(async () => {
  gateway = await startTestGateway({ basePath: 'ai', data: folder });
  origin = new URL(gateway.url).origin;
});
afterAll(() => gateway.close());

const as = (credential: string) => ({
  authorization: `Bearer ${credential}`,
  'content-type': 'application/json',
});

const BODY = { model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] };

// guarantee: base-path
describe('a gateway below a base path', () => {
  test('answers each dialect and each route about the caller there', async () => {
    expect(gateway.url).toBe(`${origin}/ai/v1`);
    const chat = { method: 'POST', headers: as(gateway.token), body: JSON.stringify(BODY) };
    expect((await send(`${gateway.url}/chat/completions`, chat)).status).toBe(200);
    const google = {
      ...chat,
      body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }),
    };
    const url = `${origin}/ai/v1beta/models/demo/echo:generateContent`;
    expect((await send(url, google)).status).toBe(200);
    for (const path of ['/key', '/models', '/models/demo/echo', '/usage']) {
      const { status } = await send(`${gateway.url}${path}`, { headers: as(gateway.token) });
      expect([path, status]).toEqual([path, 200]);
    }
  });

  test('streams, and refuses in the words of the dialect', async () => {
    const body = JSON.stringify({ ...BODY, stream: true });
    const streamed = { method: 'POST', headers: as(gateway.token), body };
    const { text } = await send(`${gateway.url}/chat/completions`, streamed);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    const refused = await send(`${gateway.url}/messages`, {
      ...streamed,
      body: JSON.stringify({ ...BODY, max_tokens: 9, model: 'nobody/none' }),
    });
    expect(refused.status).toBe(422);
    expect(JSON.parse(refused.text).type).toBe('error');
  });

  test('serves its pages, whose links are relative, and adds the slash that they need', async () => {
    expect((await send(`${origin}/ai`)).headers.location).toBe('./ai/');
    for (const path of ['/ai/', '/ai/me', '/ai/console']) {
      expect([path, (await send(`${origin}${path}`)).status]).toEqual([path, 200]);
    }
    expect((await send(`${origin}/ai/me/`)).headers.location).toBe('../me');
  });

  test('knows an owner’s own routes there, which no identity control judges', async () => {
    const flags = ['--enforce-identity', '--data', folder, '--json'];
    const { stdout } = await runHere(['keys', 'create', 'strict', ...flags]);
    const headers = as(JSON.parse(stdout).key);
    expect((await send(`${gateway.url}/key`, { headers })).status).toBe(200);
    const chat = { method: 'POST', headers, body: JSON.stringify(BODY) };
    expect((await send(`${gateway.url}/chat/completions`, chat)).status).toBe(403);
  });

  test.each(['/v1/models', '/air/v1/models', '/', '/v1/ai/models'])(
    'has nothing at %s',
    async (path) => {
      const { status, text } = await send(`${origin}${path}`, { headers: as(gateway.token) });
      expect({ status, text }).toEqual({ status: 403, text: '{"message":"Forbidden"}' });
    },
  );
});
