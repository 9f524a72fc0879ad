import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../../core/config.ts';
import { makePriceBook, PRICE_TABLE } from '../../../core/models/pricing.ts';
import { pricePartsOf } from '../../../core/providers/provider.ts';

/** Prices of a configuration with four providers of Bedrock in different regions. */
const bedrock = makePriceBook(
  PRICE_TABLE,
  {},
  pricePartsOf(
    defineConfig({
      providers: {
        bedrock: { region: 'us-east-1', auth: 'aws-role' },
        frankfurt: { like: 'bedrock', region: 'eu-central-1', auth: 'aws-role' },
        gov: {
          like: 'bedrock',
          baseUrl: 'https://bedrock-runtime.us-gov-west-1.amazonaws.com/openai/v1',
        },
        'bedrock-mantle': { baseUrl: 'https://bedrock-mantle.us-west-2.api.aws/v1' },
        openai: {},
      },
    }),
  ),
);

describe('prices of Bedrock', () => {
  test.each([
    ['bedrock', 'anthropic.claude-sonnet-4-5-20250929-v1:0', 3_300_000_000n, 16_500_000_000n],
    ['bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', 3_300_000_000n, 16_500_000_000n],
    ['frankfurt', 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', 3_300_000_000n, 16_500_000_000n],
    [
      'bedrock',
      'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
      3_000_000_000n,
      15_000_000_000n,
    ],
    ['bedrock', 'us.anthropic.claude-sonnet-4-20250514-v1:0', 3_000_000_000n, 15_000_000_000n],
    ['bedrock', 'global.anthropic.claude-haiku-4-5-20251001-v1:0', 1_000_000_000n, 5_000_000_000n],
    ['frankfurt', 'eu.anthropic.claude-haiku-4-5-20251001-v1:0', 1_100_000_000n, 5_500_000_000n],
    ['bedrock', 'us.anthropic.claude-opus-4-1-20250805-v1:0', 15_000_000_000n, 75_000_000_000n],
    ['bedrock', 'us.anthropic.claude-opus-4-6-v1', 5_500_000_000n, 27_500_000_000n],
    ['bedrock', 'global.anthropic.claude-opus-4-8', 5_000_000_000n, 25_000_000_000n],
    ['frankfurt', 'eu.amazon.nova-2-lite-v1:0', 330_000_000n, 2_750_000_000n],
    ['bedrock', 'openai.gpt-oss-120b-1:0', 150_000_000n, 600_000_000n],
    ['bedrock', 'us.amazon.nova-pro-v1:0', 800_000_000n, 3_200_000_000n],
    ['bedrock', 'us.meta.llama3-3-70b-instruct-v1:0', 720_000_000n, 720_000_000n],
    ['bedrock', 'openai.gpt-5.6-sol', 4_400_000_000n, 22_000_000_000n],
    ['bedrock-mantle', 'anthropic.claude-opus-4-8', 5_500_000_000n, 27_500_000_000n],
    ['bedrock-mantle', 'openai.gpt-5.5', 5_500_000_000n, 33_000_000_000n],
    ['bedrock-mantle', 'qwen.qwen3-32b', 150_000_000n, 600_000_000n],
  ])('has a price for %s/%s', (provider, model, inputNanoPerMillion, outputNanoPerMillion) => {
    expect(bedrock.find(provider, model)).toMatchObject({
      inputNanoPerMillion,
      outputNanoPerMillion,
    });
  });

  test('include cache prices, windows and tiers', () => {
    expect(bedrock.find('bedrock', 'global.anthropic.claude-opus-5-5')).toEqual({
      inputNanoPerMillion: 4_000_000_000n,
      outputNanoPerMillion: 20_000_000_000n,
      cachedInputNanoPerMillion: 200_000_000n,
      cacheWriteNanoPerMillion: 5_000_000_000n,
      contextWindow: 1_000_000,
      cacheWriteNeedsMark: true,
    });
    expect(bedrock.find('bedrock', 'global.openai.gpt-5.6-sol')?.tiers).toEqual([
      {
        aboveInputTokens: 271_999,
        inputNanoPerMillion: 8_000_000_000n,
        outputNanoPerMillion: 30_000_000_000n,
        cachedInputNanoPerMillion: 800_000_000n,
        cacheWriteNanoPerMillion: 10_000_000_000n,
      },
    ]);
  });

  test.each([
    ['another version', 'bedrock', 'anthropic.claude-sonnet-4-5-20250929-v2:0'],
    ['a context in the id', 'bedrock', 'anthropic.claude-sonnet-4-5-20250929-v1:0:200k'],
    ['a geography without a profile', 'bedrock', 'sa.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['two geographies', 'bedrock', 'us.us.anthropic.claude-opus-4-8'],
    ['an ARN', 'bedrock', 'arn:aws:bedrock:us-east-1::foundation-model/openai.gpt-oss-120b-1:0'],
    ["Anthropic's own id", 'bedrock', 'claude-sonnet-4-5'],
    ["the library's own id", 'bedrock', 'regional.anthropic.claude-opus-5'],
    ['a model that does not exist yet', 'bedrock', 'us.anthropic.claude-opus-4-9'],
    ['a prefix', 'bedrock', 'anthropic.claude-opus-4'],
    ['a model that answers with sound', 'bedrock', 'amazon.nova-sonic-v1:0'],
    ['a price of the United States elsewhere', 'frankfurt', 'openai.gpt-oss-120b-1:0'],
    ['a price of the United States for its government', 'gov', 'amazon.nova-pro-v1:0'],
    ['a profile on mantle', 'bedrock-mantle', 'us.anthropic.claude-opus-4-8'],
    ['a version on mantle', 'bedrock-mantle', 'openai.gpt-oss-120b-1:0'],
    ['what the library lacks', 'bedrock-mantle', 'openai.gpt-oss-120b'],
    ["Bedrock's id elsewhere", 'openai', 'openai.gpt-5.5'],
  ])('include no price for %s', (_what, provider, model) => {
    expect(bedrock.find(provider, model)).toBeUndefined();
  });
});
