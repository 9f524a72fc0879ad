/**
 * Price rows that were read elsewhere than in LiteLLM's list: newer models, that agents use and the list lacks.
 */
import type { OwnPriceRow, OwnPrices } from './own-price-rows.ts';

const FABLE_5_2: OwnPriceRow = {
  usdPerMillion: [8, 40, 0.2, 10],
  contextWindow: 1_000_000,
  source:
    'https://platform.claude.com/docs/en/about-claude/pricing (by genai-prices 0.2.3 of PyPI)',
};
const FABLE_5_2_IN_A_REGION: OwnPriceRow = { ...FABLE_5_2, usdPerMillion: [8.8, 44, 0.22, 11] };

const BY_PI_AI = '(by @earendil-works/pi-ai 1.6.0 of npm, 2026-11-20; four of its lists agree)';
const GPT_6_2 = {
  contextWindow: 1_050_000,
  maxOutputTokens: 128_000,
  source: `https://developers.openai.com/api/docs/pricing ${BY_PI_AI}`,
};
const GPT_6_2_ASTRA: OwnPriceRow = {
  ...GPT_6_2,
  usdPerMillion: [8, 40, 0.4, 10],
  tiers: [[272_000, 16, 60, 0.8, 20]],
};
const GPT_6_2_SOL: OwnPriceRow = {
  ...GPT_6_2,
  usdPerMillion: [2, 10, 0.1, 2.5],
  tiers: [[272_000, 4, 15, 0.2, 5]],
};
const GEMINI_4_CARBON: OwnPriceRow = {
  usdPerMillion: [2, 10, 0.1, 2],
  contextWindow: 1_048_576,
  source: `https://ai.google.dev/gemini-api/docs/pricing ${BY_PI_AI}`,
};
/** The lists differ in the price of a cache read: 0.01 and 0.025. This is the dearer one. */
const FLASH_LITE_PREVIEW: OwnPriceRow = {
  usdPerMillion: [0.1, 0.4, 0.025, 0.1],
  contextWindow: 1_048_576,
  maxOutputTokens: 65_536,
  source:
    'https://ai.google.dev/gemini-api/docs/pricing (by @roo-code/types 1.115.0 of npm, 2026-11-29)',
};

/** Rows that were read elsewhere, because the list lacks them. They are dropped when it has them. */
export const READ_ELSEWHERE: OwnPrices['rows'] = {
  anthropic: { 'claude-fable-5-2': FABLE_5_2, 'claude-mythos-5-2': FABLE_5_2 },
  bedrock: {
    'anthropic.claude-fable-5-2': FABLE_5_2_IN_A_REGION,
    'global.anthropic.claude-fable-5-2': FABLE_5_2,
  },
  'bedrock-mantle': { 'anthropic.claude-fable-5-2': FABLE_5_2_IN_A_REGION },
  google: {
    'gemini-4-carbon': GEMINI_4_CARBON,
    'gemini-2.5-flash-lite-preview-09-2025': FLASH_LITE_PREVIEW,
  },
  openai: { 'gpt-6.2-astra': GPT_6_2_ASTRA, 'gpt-6.2-sol': GPT_6_2_SOL },
};
