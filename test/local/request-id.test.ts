import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogEntry } from '../../core/base/ports.ts';
import { makeFunctions } from '../../local/functions.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const lines: LogEntry[] = [];
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({
    makeFunctions: (settings) => makeFunctions(settings, { write: (line) => lines.push(line) }),
  });
});
afterAll(() => gateway.close());

const ask = (model: string, stream: boolean) =>
  send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello' }] }),
  });

// guarantee: one-request-id
test.each([
  ['a streamed answer', 'demo/echo', true, 200],
  ['a whole answer', 'demo/echo', false, 200],
  ['a refusal', 'nobody/none', true, 404],
] as const)('%s has the request id of its log line', async (_, model, stream, status) => {
  lines.length = 0;
  const answer = await ask(model, stream);
  expect(answer.status).toBe(status);
  expect(lines.map(({ requestId }) => requestId)).toEqual([answer.headers['x-request-id']]);
});
