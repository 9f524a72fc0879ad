import { describe, expect, test } from 'vitest';
import { EMBEDDINGS } from '../../../core/dialects/embeddings.ts';
import { inputTokensMax } from '../../../core/dialects/input-bound.ts';
import { outputTokensMax } from '../../../core/dialects/request-output.ts';
import type { RequestRules } from '../../../core/dialects/request-rules.ts';
import { GENERIC_ROW } from '../../../core/providers/known.ts';
import { OPEN, outcomeOf, REQUEST_RULES, SCOPED } from '../../support/request-rules.ts';

const parse = (more: object, rules: Partial<RequestRules> = {}) =>
  EMBEDDINGS.parse({ model: 'x', input: 'Hi', ...more }, { ...REQUEST_RULES, ...rules });
const outcome = (more: object, rules: Partial<RequestRules> = {}) =>
  outcomeOf(EMBEDDINGS, { input: 'Hi', ...more }, rules);
const boundOf = (more: object) =>
  inputTokensMax(parse(more).input, {
    imageTokensMax: 1,
    contextWindow: undefined,
    vocabulary: 'bytes',
  });

describe('an embedding', () => {
  // 64 a request and 2 of its empty head; 8 and two quotes a text.
  test.each([
    ['a text', 'Grüße', 66 + 7 + 10],
    ['tokens', [1, 2, 300_000], 66 + 3 + 10],
    ['texts', ['a', 'bc'], 66 + 3 + 20],
    ['lists of tokens', [[1], [2, 3]], 66 + 3 + 20],
  ])('of %s is bounded by its bytes or its tokens', (_, input, tokens) => {
    expect(boundOf({ input })).toBe(tokens);
    const { output } = parse({ input });
    expect(outputTokensMax(output, output.cap)).toBe(0);
  });

  test('for a task is bounded with the words that a model puts before each text', () => {
    const plain = boundOf({ input: ['a', 'b'] }) ?? 0;
    expect(boundOf({ input: ['a', 'b'], task: 'retrieval.query' })).toBe(plain + 128);
  });

  const ALLOWED = 'a text, a list of tokens, or a list of 1 to 4096 of one of the two';
  test.each([
    [[], `"input" must be ${ALLOWED}, got a list`],
    [5, '"input" must be a text or a list, got 5'],
    [null, '"input" must be a text or a list, got nothing'],
    [[['a']], `"input[0][0]" must be ${ALLOWED}, got a text`],
    [['a', [1]], '"input[1]" must be a text, got a list'],
    [[[]], `"input[0]" must be ${ALLOWED}, got a list`],
    [[{}], '"input[0]" must be a text, got an object'],
    [[1, 'a'], `"input[1]" must be ${ALLOWED}, got a text`],
    [[1.5], `"input[0]" must be ${ALLOWED}, got 1.5`],
    [Array.from({ length: 4_097 }, () => 'a'), `"input" must be ${ALLOWED}, got a list`],
  ])('of %j cannot be read, whoever asks', (input, words) => {
    const outcomes = [{}, SCOPED, OPEN].map((rules) => outcome({ input }, rules));
    expect(outcomes).toEqual([words, words, words]);
  });

  test('is sent as it was read, without fields that the provider does not know', () => {
    const row = { ...GENERIC_ROW, dropFields: ['user'] };
    const request = parse({ user: 'u', dimensions: 8 }, { row });
    expect(JSON.parse(request.write(0))).toEqual({ model: 'm', input: 'Hi', dimensions: 8 });
  });

  test('has no unknown field under a limit', () => {
    const words =
      '"unheard_of" is not bounded by a spending limit; remove it or use a key without one';
    expect(outcome({ unheard_of: 1 })).toBe(words);
    expect(outcome({ unheard_of: 1 }, SCOPED)).toBe('passes');
    expect(outcome({ file_id: 'f' }, SCOPED)).toContain('only a server key');
    expect(outcome({ file_id: 'f' }, OPEN)).toBe('passes');
  });

  test.each([
    [{ prompt_tokens: 9, total_tokens: 9 }, 9],
    [{ total_tokens: 9 }, 9],
  ])('of usage %j is input alone', (usage, input) => {
    expect(EMBEDDINGS.readUsage({ usage })?.tokens).toMatchObject({ input, output: 0 });
  });
});
