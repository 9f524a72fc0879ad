import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { describeSettings } from '../../../core/account/managed-settings.ts';
import { defineConfig } from '../../../core/config.ts';
import type { ModelLists } from '../../../core/models/catalogue.ts';
import { answerOf, bodyOf, errorOf, SERVER, TOKEN } from '../../support/account.ts';

const ROUTE = 'GET /managed/settings';
const EMPTY_CHECKSUM = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';

const priced = (id: string, speaksMessages: boolean) => ({
  id,
  target: id,
  provider: id.split('/')[0] ?? '',
  speaksMessages,
  speaksGoogle: false,
  price: {
    inputNanoPerMillion: 1n,
    outputNanoPerMillion: 1n,
    cachedInputNanoPerMillion: 1n,
    cacheWriteNanoPerMillion: 1n,
  },
});
const LISTS: ModelLists = {
  catalogue: [
    priced('anthropic/claude-opus-4-5', true),
    priced('anthropic/claude-sonnet-4-5', true),
    priced('bedrock/anthropic.claude-haiku-4-5', true),
    priced('openai/gpt-5', false),
  ],
  names: {
    config: defineConfig({ providers: { anthropic: {}, bedrock: {}, openai: {} } }),
    providerUrls: {},
  },
};

describe('the settings of coding agents', () => {
  // guarantee: settings-narrow-to-the-grant
  test.each([
    ['the key', { models: ['anthropic/claude-sonnet-4-5', 'openai/*'] }, ['claude-sonnet-4-5']],
    [
      'the key, by a pattern',
      { models: ['anthropic/*', 'bedrock/*'] },
      ['claude-opus-4-5', 'claude-sonnet-4-5', 'bedrock/anthropic.claude-haiku-4-5'],
    ],
    [
      'a token',
      {
        models: ['anthropic/*'],
        ...(TOKEN.token && { token: { ...TOKEN.token, models: ['anthropic/claude-opus-4-5'] } }),
      },
      ['claude-opus-4-5'],
    ],
    ['the key, none of its dialect', { models: ['openai/*'] }, []],
  ])('name the models of %s in the words of the agent', async (_, change, availableModels) => {
    const grant: Grant = { ...SERVER, ...change };
    expect(await describeSettings(grant, LISTS)).toMatchObject({ settings: { availableModels } });
  });

  test('are an empty policy for a credential without a list of models', async () => {
    expect(await bodyOf(ROUTE)).toEqual({
      uuid: '44136fa3-55b3-878a-8146-ad16f7e8649e',
      checksum: EMPTY_CHECKSUM,
      settings: {},
    });
  });

  test('have their checksum as their tag, and are spared for a client that has them', async () => {
    const first = await answerOf(ROUTE);
    expect(first.headers).toEqual({
      etag: `"${EMPTY_CHECKSUM}"`,
      'cache-control': 'private, no-cache',
    });
    const headers = [['if-none-match', [`"${EMPTY_CHECKSUM}"`]]] as const;
    expect(await answerOf(ROUTE, { headers })).toMatchObject({ status: 304, body: undefined });
    const grant: Grant = { ...SERVER, models: ['demo/*'] };
    expect(await answerOf(ROUTE, { headers, grant })).toMatchObject({
      status: 200,
      body: { settings: { availableModels: ['demo/echo'] } },
    });
  });

  test('are not there at a gateway without sign-in', async () => {
    expect(await errorOf(ROUTE, { hasSignIn: false })).toMatchObject({ code: 'not_found' });
  });
});
