import { expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';

test('shows the price of a model per million tokens, and its source', async () => {
  const { status, stdout } = await runHere(['prices', 'demo/echo', '--json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    model: 'demo/echo',
    id: 'demo/echo',
    usd_per_million_tokens: { input: '1', output: '4', cached_input: '1', cache_write: '1' },
    tiers: [],
    context_window: 1_000_000,
    source: 'built in',
  });
  const { stdout: text } = await runHere(['prices', 'openai/gpt-4o-mini']);
  expect(text).toMatch(/^input {9}0.15 USD per million tokens$/m);
  expect(text).toMatch(/^source {8}table genai-prices /m);
});

test('finds no price for a similar id', async () => {
  const { status, stdout, stderr } = await runHere(['prices', 'openai/gpt-4o-mi']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(
    /^hallpass: no price is known for "openai\/gpt-4o-mi" \(similar ids: .*openai\/gpt-4o-mini.*\): under a spending limit it is refused/,
  );
});

test.each(['nobody/model', 'deepseek/deepseek-chat'])(
  'names the configured providers for %s, which none of them serves',
  async (model) => {
    const { status, stderr } = await runHere(['prices', model]);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `hallpass: the model "${model}" does not exist: the providers of hallpass.config.ts are openai, anthropic, google, deepinfra, openrouter, groq, mistral, together, ollama\n`,
    });
  },
);

test('lists all models that have a price', async () => {
  const { stdout } = await runHere(['prices', '--json']);
  const models = JSON.parse(stdout).map(({ model }: { model: string }) => model);
  expect(models).toEqual(expect.arrayContaining(['demo/echo', 'openai/gpt-4o-mini']));
  const { stdout: table } = await runHere(['prices']);
  expect(table.split('\n')).toHaveLength(models.length + 2);
});
