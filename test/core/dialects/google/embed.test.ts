import { describe, expect, test } from 'vitest';
import { GOOGLE_COUNT_TOKENS } from '../../../../core/dialects/google/count.ts';
import { GOOGLE_BATCH_EMBED, GOOGLE_EMBED } from '../../../../core/dialects/google/embed.ts';
import { inputTokensMax } from '../../../../core/dialects/input-bound.ts';
import { outputTokensMax } from '../../../../core/dialects/request-output.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { OPEN, outcomeOf, REQUEST_RULES, SCOPED } from '../../../support/request-rules.ts';

const RULES: RequestRules = { ...REQUEST_RULES, model: 'gemini-embedding-001', pathModel: 'fast' };
const MODEL = 'models/gemini-embedding-001';
const content = { parts: [{ text: 'Hi' }] };
const BOUND = { imageTokensMax: 1, contextWindow: undefined, vocabulary: 'bytes' } as const;
const REMOVE = 'is not bounded by a spending limit; remove it or use a key without one';

describe('an embedding of Google’s', () => {
  test('is sent with the path’s model, and bounded by its text', () => {
    const { input, output, write } = GOOGLE_EMBED.parse({ model: 'fast', content }, RULES);
    expect(JSON.parse(write(0))).toEqual({ model: MODEL, content });
    // {"content":{"parts":[{"text":"Hi"}]}} is 37 bytes.
    expect(inputTokensMax(input, BOUND)).toBe(37 + 64);
    expect(outputTokensMax(output, output.cap)).toBe(0);
  });

  test('of several has each text and the words that a task puts before it', () => {
    const requests = [
      { model: 'models/fast', content: { parts: { text: 'Hi' } }, task_type: 'RETRIEVAL_QUERY' },
      { content, title: 'A', outputDimensionality: 8 },
    ];
    const { input, write } = GOOGLE_BATCH_EMBED.parse({ requests }, RULES);
    expect(JSON.parse(write(0))).toEqual({
      requests: [
        { model: MODEL, content, taskType: 'RETRIEVAL_QUERY' },
        { model: MODEL, content, title: 'A', outputDimensionality: 8 },
      ],
    });
    expect(inputTokensMax(input, BOUND)).toBe(37 + 37 + 12 + 2 + 64 + 16 + 64);
  });

  test.each([
    ['"content.parts[0].inlineData" ', { content: { parts: [{ inlineData: {} }] } }],
    ['"unheardOf" ', { content, unheard_of: 1 }],
  ])('with %s is refused under a limit', (path, body) => {
    expect(outcomeOf(GOOGLE_EMBED, body, RULES)).toBe(`${path}${REMOVE}`);
    expect(outcomeOf(GOOGLE_EMBED, body, { ...RULES, ...OPEN })).toBe('passes');
    const batch = `"requests[0].${path.slice(1)}${REMOVE}`;
    expect(outcomeOf(GOOGLE_BATCH_EMBED, { requests: [body] }, RULES)).toBe(batch);
  });

  test('of a stored file is for a server key alone', () => {
    const body = { content: { parts: [{ fileData: { fileUri: 'files/a' } }] } };
    expect(outcomeOf(GOOGLE_EMBED, body, { ...RULES, ...SCOPED })).toBe(
      '"content.parts[0].fileData.fileUri" may name data stored at the provider, which only a server key may do',
    );
    expect(outcomeOf(GOOGLE_EMBED, body, { ...RULES, ...OPEN })).toBe('passes');
  });

  test('has no model but the path’s', () => {
    const words = 'must be the model that the path names';
    expect(outcomeOf(GOOGLE_EMBED, { model: 'models/x', content }, RULES)).toBe(`"model" ${words}`);
    const requests = [{ content }, { model: 'models/x', content }];
    expect(outcomeOf(GOOGLE_BATCH_EMBED, { requests }, RULES)).toBe(`"requests[1].model" ${words}`);
  });

  test.each([
    ['"content" must be given, got nothing', {}],
    ['"content" must be an object, got a text', { content: 'Hi' }],
  ])('%s', (words, body) => {
    expect(outcomeOf(GOOGLE_EMBED, body, RULES)).toBe(words);
  });

  test('is billed for its input as it is reported', () => {
    const usageMetadata = { promptTokenCount: 9 };
    const tokens = { input: 9, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 };
    expect(GOOGLE_EMBED.readUsage({ usageMetadata })).toEqual({ tokens });
    expect(GOOGLE_BATCH_EMBED.readUsage({ embeddings: [] })).toBeUndefined();
    expect(GOOGLE_EMBED.isBilled).toBe(true);
  });
});

describe('Google’s counting', () => {
  const contents = [content];
  const parse = (body: object, rules: Partial<RequestRules> = {}) =>
    JSON.parse(GOOGLE_COUNT_TOKENS.parse({ ...body }, { ...RULES, ...rules }).write(0));

  test('is free, and sent what the client sent', () => {
    expect(parse({ contents: content })).toEqual({ contents });
    const request = { model: 'models/fast', contents, tools: [{ googleSearch: {} }] };
    expect(parse({ generate_content_request: request })).toEqual({
      generateContentRequest: { ...request, model: MODEL },
    });
    expect(GOOGLE_COUNT_TOKENS.isBilled).toBe(false);
    expect(GOOGLE_COUNT_TOKENS.readUsage({ totalTokens: 9 })).toBeUndefined();
  });

  test('counts nothing that is stored for somebody else, and no other model', () => {
    const stored = { generateContentRequest: { contents, cachedContent: 'c' } };
    expect(outcomeOf(GOOGLE_COUNT_TOKENS, stored, RULES)).toBe(
      '"generateContentRequest.cachedContent" may name data stored at the provider, which only a server key may do',
    );
    expect(outcomeOf(GOOGLE_COUNT_TOKENS, stored, { ...RULES, isServerKey: true })).toBe('passes');
    const other = { generateContentRequest: { contents, model: 'models/x' } };
    expect(outcomeOf(GOOGLE_COUNT_TOKENS, other, RULES)).toBe(
      '"generateContentRequest.model" must be the model that the path names',
    );
  });
});
