import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readUsage } from '../../../core/dialects/usage.ts';

const tokens = (usage: unknown) => {
  const read = readUsage(usage)?.tokens;
  return read && [read.input, read.cachedInput, read.cacheWrite, read.output, read.reasoning];
};
const base = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
const reasoning = (count: number) => ({ completion_tokens_details: { reasoning_tokens: count } });

describe('readUsage', () => {
  test.each([
    ['OpenAI', { ...base, ...reasoning(15) }, [100, 0, 0, 20, 15]],
    [
      'OpenAI with a cache',
      { ...base, prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 } },
      [100, 60, 30, 20, 0],
    ],
    ['DeepSeek', { ...base, prompt_cache_hit_tokens: 64 }, [100, 64, 0, 20, 0]],
    ['Mistral', { ...base, num_cached_tokens: 8 }, [100, 8, 0, 20, 0]],
    ['Gemini, thoughts in the total only', { ...base, total_tokens: 320 }, [100, 0, 0, 220, 0]],
    [
      'xAI, reasoning outside',
      { ...base, total_tokens: 0, ...reasoning(300) },
      [100, 0, 0, 320, 300],
    ],
    [
      'DeepInfra, example of its client',
      { prompt_tokens: 19, completion_tokens: 84, total_tokens: 1184, ...reasoning(1081) },
      [19, 0, 0, 1165, 1081],
    ],
    ['no total', { prompt_tokens: 5, completion_tokens: 7 }, [5, 0, 0, 7, 0]],
    ['no prompt', { completion_tokens: 7, total_tokens: 12 }, [5, 0, 0, 7, 0]],
    ['no completion', { prompt_tokens: 5, total_tokens: 5 }, [5, 0, 0, 0, 0]],
    ['more cached than input', { ...base, num_cached_tokens: 500 }, [100, 100, 0, 20, 0]],
  ])('reads that of %s', (_, usage, expected) => {
    expect(tokens(usage)).toEqual(expected);
  });

  test.each([
    undefined,
    null,
    7,
    'usage',
    [],
    {},
    { prompt_tokens: 5 },
    { total_tokens: 5 },
    { prompt_tokens: -1, completion_tokens: 5 },
    { prompt_tokens: '5', completion_tokens: 5 },
    { prompt_tokens: 1.5, completion_tokens: 5 },
    { prompt_tokens: 1e12, completion_tokens: 5 },
    { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  ])('takes %j for none', (usage) => {
    expect(readUsage(usage)).toBeUndefined();
  });

  test.each([
    ['a cost', { cost: 0.00014 }, 140_000n],
    ['a free one', { cost: 0 }, 0n],
    [
      'the inference of one’s own key',
      { cost: 0.1, is_byok: true, cost_details: { upstream_inference_cost: 2 } },
      2_100_000_000n,
    ],
    ['no inference of one’s own key', { cost: 0.1, is_byok: true }, undefined],
    ['a negative one', { cost: -1 }, undefined],
    ['a text', { cost: '1' }, undefined],
  ])('reads %s', (_, more, cost) => {
    expect(readUsage({ ...base, ...more })?.costNanoUsd).toBe(cost);
  });

  test('never says less than any reading of a report, nor more cached than input', () => {
    const count = fc.nat({ max: 1_000_000 });
    fc.assert(
      fc.property(
        count,
        count,
        count,
        count,
        count,
        (input, completion, total, thought, cached) => {
          const read = readUsage({
            prompt_tokens: input,
            completion_tokens: completion,
            total_tokens: total,
            ...reasoning(thought),
            prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: cached },
          });
          if (read === undefined) return;
          expect(read.tokens.output).toBeGreaterThanOrEqual(
            Math.max(completion, total - input, thought),
          );
          expect(read.tokens.cachedInput + read.tokens.cacheWrite).toBeLessThanOrEqual(input);
        },
      ),
    );
  });
});
