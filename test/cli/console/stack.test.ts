/** `hallpass console --stack`: the command as a process, its server as a browser reaches it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startConsole } from '../../support/console-command.ts';
import { send } from '../../support/http-client.ts';
import { CALLER_ARN, type StackStandIn, startStackStandIn } from '../../support/stack-stand-in.ts';

let standIn: StackStandIn;
beforeAll(async () => {
  standIn = await startStackStandIn();
});
afterAll(() => standIn.close());

const open = (stack: string) => startConsole(['--stack', stack], tmpdir(), standIn.variables);

// guarantee: console-on-loopback
test('serves the keys and people of a stack, names the AWS identity as author, and keeps the AWS credentials', async () => {
  const { file, end } = await open('Hallpass');
  const link = /http:[^"]+/.exec(await readFile(file, 'utf8'))?.[0] ?? '';
  const { origin, hash } = new URL(link);
  const answers: string[] = [];
  const ask = async (method: string, path: string, body?: object, bearer = '') => {
    const headers = { origin, authorization: `Bearer ${bearer}`, 'content-type': 'text/plain' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await send(`${origin}/api/${path}`, { method, headers, ...sent });
    answers.push(JSON.stringify(answer));
    expect([path, answer.status]).toEqual([path, 200]);
    return JSON.parse(answer.text);
  };
  const { bearer } = await ask('POST', 'session', { code: hash.slice(1) });
  const made = await ask('POST', 'keys', { name: 'course' }, bearer);
  // The stack's default, not the folder's.
  expect(made).toMatchObject({ kind: 'server', limits: ['user:requests:day=7'] });
  const id = encodeURIComponent('token:ada@example.edu');
  await ask('PATCH', `people/course/${id}`, { note: 'first row' }, bearer);
  const { data: people } = await ask('GET', 'people/course', undefined, bearer);
  expect(people).toMatchObject([{ id: 'token:ada@example.edu', note: 'first row' }]);
  const { data: keys } = await ask('GET', 'keys', undefined, bearer);
  expect(keys.map(({ name }: { name: string }) => name)).toEqual(['course']);
  const { data: changes } = await ask('GET', 'audit/course', undefined, bearer);
  expect(changes.map(({ action, by }: Record<string, string>) => [action, by])).toEqual([
    ['user', CALLER_ARN],
    ['create', CALLER_ARN],
  ]);
  expect(await ask('GET', 'usage?days=30', undefined, bearer)).toEqual({
    data: [],
    truncated: false,
  });
  const { exit, errors } = await end();
  expect(exit).toEqual([0, null]);
  expect(existsSync(file)).toBe(false);
  const { AWS_ACCESS_KEY_ID: keyId = '', AWS_SECRET_ACCESS_KEY: secret = '' } = standIn.variables;
  for (const output of [answers.join('\n'), errors]) {
    expect(output).not.toContain(keyId);
    expect(output).not.toContain(secret);
  }
  expect(answers.filter((each) => each.includes(made.key))).toHaveLength(1);
});

test('ends with the words of AWS for a missing stack', async () => {
  await expect(open('Gone')).rejects.toThrow('Stack with id Gone does not exist');
});
