import { expect, test } from 'vitest';
import { requireMatchingModels } from '../../cli/model-check.ts';
import { defineConfig } from '../../core/config.ts';

const NAMES = {
  config: defineConfig({ providers: { openai: {}, vllm: {} }, aliases: { fast: 'openai/gpt-5' } }),
  providerUrls: {},
};

test('a key may list aliases, ids without a provider, and models of its providers', async () => {
  const models = ['fast', 'gpt-5', 'openai/*', 'openai/newest', 'vllm/any', 'demo/echo'];
  await expect(requireMatchingModels({ models }, NAMES)).resolves.toBeUndefined();
  await expect(requireMatchingModels({}, NAMES)).resolves.toBeUndefined();
});

test('a key is not made with models that nothing here serves, and they are named, rules included', async () => {
  const when = { claim: 'tier', values: ['pro'] };
  const tiers = [{ when, limits: [], models: ['openai/gpt-5', 'nobody/*'] }];
  await expect(requireMatchingModels({ models: ['gpt-99', 'fast'], tiers }, NAMES)).rejects.toThrow(
    'no model of this gateway matches gpt-99, nobody/*: its providers are openai, vllm',
  );
});
