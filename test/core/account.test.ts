import { describe, expect, test } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { answerOf, bodyOf, errorOf, SERVER, TOKEN } from '../support/account.ts';
import { NOW_MS } from '../support/tokens.ts';

describe('an unknown route', () => {
  test.each([
    ['GET /'],
    ['POST /v1/models'],
    ['GET /v1/models/'],
    ['DELETE /v1/key'],
    ['POST /v1/audio/speech'],
    ['GET /v1/key/'],
    ['GET /v1/KEY'],
  ])('is not found: %s', async (route) => {
    expect(await errorOf(route)).toMatchObject({
      code: 'not_found',
      message: 'There is no such route.',
    });
  });
});

describe('a token', () => {
  test('is refused on every route after it has expired', async () => {
    const token = { ...TOKEN.token, expiresAtMs: NOW_MS } as Grant['token'] & object;
    expect((await errorOf('GET /v1/models', { grant: { ...TOKEN, token } })).code).toBe(
      'token_expired',
    );
  });

  test('is refused on every route if its key lists it as revoked', async () => {
    const token = { ...TOKEN.token, revoked: true } as Grant['token'] & object;
    expect((await errorOf('GET /v1/models', { grant: { ...TOKEN, token } })).code).toBe(
      'token_revoked',
    );
  });
});

describe('GET /v1/models', () => {
  const idsOf = async (grant: Grant) =>
    (await bodyOf('GET /v1/models', { grant })).data as { id: string }[];

  test('lists models with a price, per token as a decimal', async () => {
    const body = await bodyOf('GET /v1/models');
    expect(body.object).toBe('list');
    expect((body.data as unknown[])[0]).toEqual({
      id: 'demo/echo',
      object: 'model',
      created: 0,
      owned_by: 'demo',
      context_length: 128_000,
      pricing: {
        prompt: '0.000001',
        completion: '0',
        input_cache_read: '0.0000001',
        input_cache_write: '0.000001',
      },
    });
    expect((body.data as unknown[])[1]).toMatchObject({
      id: 'fast',
      owned_by: 'google',
      pricing: { prompt: '0.0000025', completion: '0.00001' },
    });
  });

  test('lists only what the key and the token both allow', async () => {
    const token = { ...TOKEN.token, models: ['google/*', 'openai/gpt-5'] } as Grant['token'] &
      object;
    const ids = async (grant: Grant) => (await idsOf(grant)).map(({ id }) => id);
    expect(await ids(SERVER)).toHaveLength(5);
    expect(await ids({ ...TOKEN, token })).toEqual([
      'fast',
      'google/gemini-2.5-flash',
      'openai/gpt-5',
    ]);
    expect(await ids({ ...TOKEN, token, models: ['openai/*', 'demo/echo'] })).toEqual([
      'openai/gpt-5',
    ]);
  });

  test('lists no model of a provider that cannot answer here', async () => {
    const canAnswer = (provider: string) => provider === 'openai';
    expect(await bodyOf('GET /v1/models', { canAnswer })).toMatchObject({
      data: [{ id: 'openai/gpt-5' }],
    });
    expect((await errorOf('GET /v1/models/demo/echo', { canAnswer })).code).toBe('model_not_found');
  });

  test('shows one model, with its slash escaped or not', async () => {
    expect(await bodyOf('GET /v1/models/openai/gpt-5')).toMatchObject({ id: 'openai/gpt-5' });
    expect(await bodyOf('GET /v1/models/openai%2Fgpt-5')).toMatchObject({ id: 'openai/gpt-5' });
    expect(await bodyOf('GET /v1/models/openrouter/meta-llama/llama-3')).toMatchObject({
      object: 'model',
    });
    expect(await bodyOf('GET /v1/models/fast')).toMatchObject({ id: 'fast', owned_by: 'google' });
  });

  test('answers 404 for a model that does not exist or is not allowed', async () => {
    expect(await errorOf('GET /v1/models/openai/gpt-1')).toEqual({
      code: 'model_not_found',
      message: 'the model "openai/gpt-1" does not exist',
      param: 'model',
    });
    const grant = { ...SERVER, models: ['google/*'] };
    expect((await errorOf('GET /v1/models/openai/gpt-5', { grant })).code).toBe('model_not_found');
  });

  test.each([['%E0%A4%A'], ['<b>'], ['%00'], ['x'.repeat(300)]])(
    'repeats no foreign text: %s',
    async (id) => {
      expect(await errorOf(`GET /v1/models/${id}`)).toMatchObject({
        code: 'model_not_found',
        message: 'The model does not exist.',
      });
    },
  );
});

describe('GET /v1/models from an Anthropic client', () => {
  const headers = [['anthropic-version', ['2023-06-01']]] as const;
  const ECHO = {
    type: 'model',
    id: 'demo/echo',
    display_name: 'demo/echo',
    created_at: '1970-01-01T00:00:00Z',
    max_input_tokens: 128_000,
    max_tokens: null,
    capabilities: null,
    pricing: {
      prompt: '0.000001',
      completion: '0',
      input_cache_read: '0.0000001',
      input_cache_write: '0.000001',
    },
  };

  test('returns Anthropic’s list of the models with its dialect', async () => {
    expect(await bodyOf('GET /v1/models', { headers })).toEqual({
      data: [ECHO],
      has_more: false,
      first_id: 'demo/echo',
      last_id: 'demo/echo',
    });
    expect(await bodyOf('GET /v1/models/demo%2Fecho', { headers })).toEqual(ECHO);
  });

  test('is empty if none of its models is allowed', async () => {
    const grant = { ...SERVER, models: ['google/*'] };
    expect(await bodyOf('GET /v1/models', { headers, grant })).toEqual({
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    });
  });

  test('answers 404 for a model of another dialect', async () => {
    expect((await errorOf('GET /v1/models/openai/gpt-5', { headers })).code).toBe(
      'model_not_found',
    );
  });
});

describe('GET /v1beta/models', () => {
  const FLASH = {
    name: 'models/google/gemini-2.5-flash',
    displayName: 'google/gemini-2.5-flash',
    supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
  };

  test('returns Google’s list of the models with its dialect', async () => {
    expect(await bodyOf('GET /v1beta/models')).toEqual({
      models: [{ ...FLASH, name: 'models/fast', displayName: 'fast' }, FLASH],
    });
  });

  test('shows one model by its full id and by Google’s own', async () => {
    expect(await bodyOf('GET /v1beta/models/google/gemini-2.5-flash')).toEqual(FLASH);
    expect(await bodyOf('GET /v1beta/models/gemini-2.5-flash')).toEqual(FLASH);
    expect((await errorOf('GET /v1beta/models/openai/gpt-5')).code).toBe('model_not_found');
  });

  test('is also at /v1 for a client that sends its key as Google’s do', async () => {
    const headers = [['x-goog-api-key', ['sk-a']]] as const;
    const query = { pageSize: '1' };
    expect(await bodyOf('GET /v1/models', { headers, query })).toMatchObject({
      models: [{ name: 'models/fast' }],
    });
  });

  test('has pages', async () => {
    const first = await bodyOf('GET /v1beta/models', { query: { pageSize: '1' } });
    expect(first).toMatchObject({ models: [{ name: 'models/fast' }], nextPageToken: 'fast' });
    const query = { pageSize: '1', pageToken: 'fast' };
    expect(await bodyOf('GET /v1beta/models', { query })).toEqual({ models: [FLASH] });
  });
});

describe('a page of models', () => {
  test('begins after the last model of the page before, also if that one is gone', async () => {
    const query = { limit: '2', after: 'google/a' };
    const body = await bodyOf('GET /v1/models', { query });
    expect(body).toMatchObject({
      data: [{ id: 'google/gemini-2.5-flash' }, { id: 'openai/gpt-5' }],
      has_more: true,
    });
  });

  test('of an Anthropic client says if there are more', async () => {
    const headers = [['anthropic-version', ['2023-06-01']]] as const;
    const body = await bodyOf('GET /v1/models', { headers, query: { limit: '1' } });
    expect(body).toMatchObject({ has_more: false, last_id: 'demo/echo' });
  });

  test.each(['0', '1001', '1.5', 'x', ''])('is not of the size "%s"', async (limit) => {
    expect(await errorOf('GET /v1/models', { query: { limit } })).toEqual({
      code: 'invalid_request',
      message: '"limit" must be a whole number from 1 to 1000',
      param: 'limit',
    });
  });
});

describe('the tag of a list of models', () => {
  const tagOf = async (grant: Grant) =>
    (await answerOf('GET /v1/models', { grant })).headers?.etag ?? '';

  test.each([
    ['the tag', (tag: string) => [tag]],
    ['a weak one', (tag: string) => [`W/${tag}`]],
    ['one of several', (tag: string) => [`"other", ${tag}`]],
  ])('spares the list for a client that sends %s', async (_what, toValues) => {
    const headers = [['if-none-match', toValues(await tagOf(SERVER))]] as const;
    const answer = await answerOf('GET /v1/models', { headers });
    expect(answer).toMatchObject({ status: 304, body: undefined });
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-cache' });
  });

  test('is another for a credential that may call other models', async () => {
    const tag = await tagOf({ ...SERVER, models: ['openai/*'] });
    expect(tag).toMatch(/^"[\w-]{22}"$/);
    const headers = [['if-none-match', [tag]]] as const;
    expect(await answerOf('GET /v1/models', { headers })).toMatchObject({ status: 200 });
  });
});
