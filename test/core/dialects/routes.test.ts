import { describe, expect, test } from 'vitest';
import { CHAT } from '../../../core/dialects/chat/chat.ts';
import { EMBEDDINGS } from '../../../core/dialects/embeddings.ts';
import { GOOGLE_COUNT_TOKENS } from '../../../core/dialects/google/count.ts';
import { GOOGLE_BATCH_EMBED, GOOGLE_EMBED } from '../../../core/dialects/google/embed.ts';
import { GOOGLE } from '../../../core/dialects/google/google.ts';
import { COUNT_TOKENS, MESSAGES } from '../../../core/dialects/messages/messages.ts';
import { RESPONSES } from '../../../core/dialects/responses/responses.ts';
import { findRoute } from '../../../core/dialects/routes.ts';

const find = (path: string, query: Record<string, string> = {}, method = 'POST') =>
  findRoute({ method, path, query, headers: new Map(), body: undefined });
const MODEL = '/v1beta/models/gemini-2.5-flash';

describe('a path', () => {
  test.each([
    ['/v1/chat/completions', CHAT],
    ['/v1/responses', RESPONSES],
    ['/v1/embeddings', EMBEDDINGS],
    ['/v1/messages', MESSAGES],
    ['/v1/messages/count_tokens', COUNT_TOKENS],
  ])('%s has a dialect, and the body names the model', (path, dialect) => {
    expect(find(path)).toEqual({ dialect, isStreamRoute: false });
  });

  test.each([
    ['generateContent', GOOGLE],
    ['countTokens', GOOGLE_COUNT_TOKENS],
    ['embedContent', GOOGLE_EMBED],
    ['batchEmbedContents', GOOGLE_BATCH_EMBED],
  ])('of Google’s that ends in %s has a dialect and the model', (action, dialect) => {
    const route = { dialect, modelId: 'gemini-2.5-flash', isStreamRoute: false };
    expect(find(`${MODEL}:${action}`)).toEqual(route);
    expect(find(`/v1/models/gemini-2.5-flash:${action}`)).toEqual(route);
  });

  test.each([
    ['/v1beta/models/google/gemini-2.5-flash:generateContent', 'google/gemini-2.5-flash'],
    ['/v1beta/models/google%2Fgemini-2.5-flash:generateContent', 'google/gemini-2.5-flash'],
    // Decoded once: what is left of the escape is no model's name.
    ['/v1beta/models/google%252Fgemini:generateContent', 'google%2Fgemini'],
    ['/v1/models/ollama/llama3:8b:generateContent', 'ollama/llama3:8b'],
  ])('%s has the model %s', (path, modelId) => {
    expect(find(path)?.modelId).toBe(modelId);
  });

  test('of a stream of Google’s says so', () => {
    const query = { alt: 'sse', key: 'ignored' };
    expect(find(`${MODEL}:streamGenerateContent`, query)).toMatchObject({
      dialect: GOOGLE,
      isStreamRoute: true,
    });
  });

  test.each([
    ['streamGenerateContent', {}, '"sse" here, got nothing'],
    ['streamGenerateContent', { alt: 'json' }, '"sse" here, got another value'],
    ['generateContent', { alt: 'sse' }, '"json" here, got another value'],
    ['countTokens', { alt: 'media' }, '"json" here, got another value'],
  ])('%s with %j is refused: the answer would have another form', (action, query, words) => {
    expect(() => find(`${MODEL}:${action}`, query)).toThrowError(
      expect.objectContaining({
        code: 'invalid_request',
        message: `the query parameter "alt" must be ${words}`,
      }),
    );
  });

  test.each([
    ['GET', `${MODEL}:generateContent`],
    ['POST', `${MODEL}:batchGenerateContent`],
    ['POST', MODEL],
    ['POST', '/v1beta/models/:generateContent'],
    ['POST', '/v1beta/tunedModels/x:generateContent'],
    ['POST', '/v2/models/x:generateContent'],
    ['POST', '/v1/chat/completions/'],
    ['GET', '/v1/messages'],
  ])('of %s %s does not exist', (method, path) => {
    expect(find(path, {}, method)).toBeUndefined();
  });

  test('whose model is broken UTF-8 is refused', () => {
    expect(() => find('/v1/models/%ff:generateContent')).toThrowError(
      'the model in the path must be percent-encoded UTF-8',
    );
  });
});
