/**
 * The request that DeepInfra documents for a scoped token, unchanged, with the configuration of this repository:
 * https://docs.deepinfra.com/account/authentication
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  completion,
  type FakeProvider,
  jsonReply,
  startFakeProvider,
  usageOf,
} from '../support/fake-provider.ts';
import { runHere } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const DOCUMENTED_BODY = `{
      "api_key_name": "auto",
      "models": ["deepseek-ai/DeepSeek-R1"],
      "expires_delta": 3600,
      "spending_limit": 1.0
  }`;

const folder = makeTemporaryFolder();
let provider: FakeProvider;
let gateway: TestGateway;
let key: string;

beforeAll(async () => {
  provider = await startFakeProvider(jsonReply(completion('Hi', usageOf(1_000, 100))));
  gateway = await startTestGateway({ data: folder, providerUrls: { deepinfra: provider.url } });
  const { stdout } = await runHere(['keys', 'create', 'auto', '--data', folder, '--json']);
  key = JSON.parse(stdout).key;
});

afterAll(async () => {
  await gateway.close();
  await provider.close();
});

async function post(path: string, credential: string, body: string) {
  const { status, text } = await send(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body,
  });
  return { status, answer: JSON.parse(text) };
}

// guarantee: deepinfra-as-documented
test('the body that DeepInfra documents makes a token that calls its model, at its price, and no other', async () => {
  const { status, answer } = await post('/scoped-jwt', key, DOCUMENTED_BODY);
  expect(status).toBe(200);
  const chat = (model: string) =>
    post(
      '/chat/completions',
      answer.token,
      JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }] }),
    );

  expect(await chat('deepseek-ai/DeepSeek-R1')).toMatchObject({ status: 200 });
  expect(JSON.parse(provider.requests[0]?.body ?? '').model).toBe('deepseek-ai/DeepSeek-R1');
  const { usage } = await gateway.aboutKey(answer.token);
  expect(usage).toBe(0.00094);

  expect(await chat('meta-llama/Llama-3.3-70B-Instruct')).toMatchObject({
    status: 403,
    answer: { error: { code: 'model_not_allowed' } },
  });
});
