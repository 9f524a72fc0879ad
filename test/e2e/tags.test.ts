/**
 * Tags from a header, a token and a roster, through the whole gateway to the reports.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeProvider, jsonReply, startFakeProvider } from '../support/fake-provider.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

let provider: FakeProvider;
let gateway: TestGateway;
let folder: string;
beforeAll(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ providerUrls: { openai: provider.url } });
  folder = await mkdtemp(join(tmpdir(), 'hallpass-tags-'));
});
afterAll(async () => {
  await gateway.close();
  await provider.close();
  await rm(folder, { recursive: true, force: true });
});

async function chat(
  credential: string,
  { tags, model = 'demo/echo' }: { readonly tags?: string; readonly model?: string } = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${credential}`,
      'content-type': 'application/json',
      ...(tags !== undefined && { 'x-hallpass-tags': tags }),
    },
    body: JSON.stringify({ model, max_tokens: 16, messages: [{ role: 'user', content: 'hi' }] }),
  });
  return { status: response.status, text: await response.text() };
}

async function usageBy(groupBy: string): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(`${gateway.url}/usage?group_by=${groupBy}`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });
  const { data } = (await response.json()) as { data: Record<string, unknown>[] };
  return data;
}

const run = (...args: string[]) =>
  runHere(args, { variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid } });

// guarantee: tags-by-the-owner
test('tags of a token hold, whatever its holder sends; those of a header need a bare key', async () => {
  const tagged = gateway.newToken({ tags: { project: 'alpha' } });
  const plain = gateway.newToken();

  await chat(tagged, { tags: 'project=beta' });
  await chat(plain, { tags: 'project=beta' });
  await chat(gateway.key, { tags: 'project=gamma, env=prod' });

  expect(await usageBy('tag:project')).toMatchObject([
    { 'tag:project': null, requests: 1 },
    { 'tag:project': 'alpha', requests: 1 },
    { 'tag:project': 'gamma', requests: 1 },
  ]);
  expect(await usageBy('tag:env,tag:project')).toContainEqual(
    expect.objectContaining({ 'tag:env': 'prod', 'tag:project': 'gamma', requests: 1 }),
  );
});

test('tags in another form are refused, and nothing is spent', async () => {
  const claim = await chat(gateway.newToken({ tags: { Project: 'alpha' } }));
  const header = await chat(gateway.key, { tags: 'project' });

  expect([claim.status, header.status]).toEqual([401, 400]);
  expect(JSON.parse(header.text).error.param).toBe('x-hallpass-tags');
});

// guarantee: few-headers-upstream
test('a provider sees no tag', async () => {
  provider.reply(jsonReply('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'));

  await chat(gateway.key, { tags: 'project=secret', model: 'openai/gpt-4o-mini' });

  expect(JSON.stringify(provider.requests.at(-1))).not.toContain('secret');
});

test('a roster’s section is a tag of each token, and usage is grouped by it on the command line', async () => {
  const roster = join(folder, 'class.csv');
  const out = join(folder, 'tokens.csv');
  await writeFile(
    roster,
    'email,name,section\nann@x.edu,Ann,Übung A\nben@x.edu,Ben,Übung A\ncid@x.edu,Cid,=B\n',
  );
  const issued = await run(
    ...['tokens', 'issue', '--roster', roster, '--out', out],
    ...['--expires', '7d', '--tag', 'course=ai'],
  );
  expect([issued.status, issued.stderr]).toMatchObject([0, expect.anything()]);
  const tokens = (await readFile(out, 'utf8')).match(/jwt:[^,\n]+/g) ?? [];
  for (const token of new Set(tokens)) expect((await chat(token)).status).toBe(200);

  const { stdout } = await run(
    ...['usage', '--url', gateway.url, '--by', 'tag:course,tag:section', '--csv'],
  );

  expect(stdout.split('\n').filter((line) => line.startsWith('ai,'))).toMatchObject([
    expect.stringMatching(/^ai,Ubung A,2,/),
    expect.stringMatching(/^ai,_B,1,/),
  ]);
  const shown = await run('tokens', 'inspect', tokens[0] ?? '');
  expect(shown.stdout).toMatch(/^tags +course=ai,section=Ubung A$/m);
});

test('a gateway issues a token with tags', async () => {
  const response = await fetch(`${gateway.url}/scoped-jwt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ tags: { team: 'blue' } }),
  });
  const { token } = (await response.json()) as { token: string };
  await chat(token);

  expect(await usageBy('tag:team')).toContainEqual(
    expect.objectContaining({ 'tag:team': 'blue', requests: 1 }),
  );
});

test('a name that is no tag cannot be grouped by', async () => {
  const response = await fetch(`${gateway.url}/usage?group_by=tag:Project`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });

  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { param: 'group_by' } },
  ]);
});
