/**
 * Open WebUI behind a key as docs/identity.md makes it: the requests that its release 0.12.4 sends, header by header
 * (`utils/headers.py` and `routers/openai.py` of the PyPI package `open-webui`, with ENABLE_FORWARD_USER_INFO_HEADERS).
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const CHAT_ID = '0f6a2c0e-6d53-4f5f-9d6f-0c7b5f0f6a11';

interface WebUiUser {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: 'user' | 'admin';
}
const ANN: WebUiUser = {
  id: '7b0c8f57-2a4e-4a0c-8c36-7e3a7f7d0a01',
  name: 'Ann B%C3%A4rtschi',
  email: 'Ann@Example.edu',
  role: 'user',
};
const BOB: WebUiUser = { ...ANN, id: 'b0b', name: 'Bob', email: 'bob@example.edu' };

let data: string;
let gateway: TestGateway;
let key: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'hallpass-open-webui-'));
  gateway = await startTestGateway({ data });
  const page = await readFile(new URL('../../docs/identity.md', import.meta.url), 'utf8');
  const [, args = ''] = /^npx hallpass (keys create open-webui .*)$/m.exec(page) ?? [];
  const { stdout, stderr } = await runHere([...args.split(' '), '--json', '--data', data]);
  if (stdout === '') throw new Error(stderr);
  key = JSON.parse(stdout).key;
});
afterAll(async () => {
  await gateway.close();
  await rm(data, { recursive: true, force: true });
});

/** `include_user_info_headers` */
const headersOf = (user: WebUiUser) => ({
  'Content-Type': 'application/json',
  'X-OpenWebUI-Auth-Type': 'jwt',
  'X-OpenWebUI-User-Name': user.name,
  'X-OpenWebUI-User-Id': user.id,
  'X-OpenWebUI-User-Email': user.email,
  'X-OpenWebUI-User-Role': user.role,
  Authorization: `Bearer ${key}`,
});

async function send(path: string, headers: Record<string, string>, body?: object) {
  const response = await fetch(`${gateway.url}${path}`, {
    headers,
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}
/** `generate_chat_completion` */
const chat = (user: WebUiUser, chatId?: string) =>
  send(
    '/chat/completions',
    { ...headersOf(user), ...(chatId !== undefined && { 'X-OpenWebUI-Chat-Id': chatId }) },
    {
      stream: true,
      model: 'demo/echo',
      messages: [{ role: 'user', content: 'hello' }],
      stream_options: { include_usage: true },
      max_tokens: 16,
    },
  );

describe('Open WebUI', () => {
  test('reads the list of models for a person, without a chat', async () => {
    const { status, text } = await send('/models', headersOf(ANN));
    expect(status).toBe(200);
    expect(text).toContain('demo/echo');
  });

  test('streams an answer, charged to the person, with the chat as the conversation', async () => {
    const { status, text } = await chat(ANN, CHAT_ID);
    expect(status).toBe(200);
    expect(text).toMatch(/data: \[DONE\]\s*$/);

    const variables = { HALLPASS_KEY: key };
    const { stdout } = await runHere(
      ['usage', '--by', 'user,conversation', '--csv', '--url', gateway.url],
      { variables },
    );
    expect(stdout).toMatch(new RegExp(`^ann@example.edu,${CHAT_ID},1,`, 'm'));
  });

  test('keeps two people apart, and a block stops one of them', async () => {
    const variables = { HALLPASS_KEY: key };
    const block = ['users', 'block', 'ann@example.edu', '--reason', 'left', '--url', gateway.url];
    expect((await runHere(block, { variables })).status).toBe(0);

    const refused = await chat(ANN, CHAT_ID);
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('Reason: left');
    expect((await chat(BOB, CHAT_ID)).status).toBe(200);
  });

  test.each([
    ['a temporary chat, whose id has a colon', 'temporary:k3ns8'],
    ['a task or an embedding without a chat', undefined],
  ])('is served in %s', async (_, chatId) => {
    expect((await chat(BOB, chatId)).status).toBe(200);
  });

  test('is refused without a person, as when the forwarding of user info is off', async () => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` };
    const body = { model: 'demo/echo', messages: [{ role: 'user', content: 'hello' }] };
    const { status, text } = await send('/chat/completions', headers, body);
    expect(status).toBe(403);
    expect(text).toContain('This API key requires identity context.');
    expect((await send('/models', headers)).status).toBe(200);
  });
});
