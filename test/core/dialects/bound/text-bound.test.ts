import { describe, expect, test } from 'vitest';
import { textTokensMax, vocabularyOf } from '../../../../core/dialects/bound/text-bound.ts';

describe('the vocabulary of a model', () => {
  test.each([
    ['claude-sonnet-5', 'messages'],
    ['anthropic/claude-opus-5', 'chat'],
    ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 'messages'],
    ['claude-opus-4-7@20260101', 'messages'],
    ['~anthropic/latest', 'chat'],
  ] as const)('of %s is Claude’s, whoever serves it', (model, dialect) => {
    expect(vocabularyOf(model, dialect)).toBe('claude');
  });

  test.each([
    ['gpt-5.6', 'responses'],
    ['google/gemini-3-pro', 'chat'],
    ['a-model-nobody-knows', 'chat'],
    ['autocoder', 'chat'],
  ] as const)('of %s is of bytes', (model, dialect) => {
    expect(vocabularyOf(model, dialect)).toBe('bytes');
  });

  test.each([
    ['openrouter/auto', 'chat'],
    ['auto', 'chat'],
    ['opus-latest', 'chat'],
    ['arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc', 'chat'],
    ['a-model-nobody-knows', 'messages'],
  ] as const)('of %s may be either', (model, dialect) => {
    expect(vocabularyOf(model, dialect)).toBe('either');
  });
});

describe('the bound of a text', () => {
  test.each([
    ['bytes', 'Q,Z,', 4],
    ['claude', 'Q,Z,', 14],
    ['either', 'Q,Z,', 14],
    ['bytes', '12345 12345', 11],
    ['claude', '12345 12345', 7],
    ['either', '12345 12345', 11],
  ] as const)('by the rule for %s: %s is %i', (vocabulary, text, tokens) => {
    expect(textTokensMax(text, vocabulary)).toBe(tokens);
  });
});
