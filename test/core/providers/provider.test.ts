import { describe, expect, it } from 'vitest';
import { defineConfig } from '../../../core/config.ts';
import { KNOWN_PROVIDERS } from '../../../core/providers/known.ts';
import {
  findProvider,
  isDemo,
  keyVariableOf,
  type Provider,
  providerKeyMissing,
  requireEndpoint,
} from '../../../core/providers/provider.ts';

const config = defineConfig({
  providers: {
    openai: {},
    google: {},
    ollama: {},
    work: { baseUrl: 'https://llm.example/v1/', like: 'mistral', auth: { secret: 'shared' } },
    open: { baseUrl: 'https://open.example/v1', auth: 'none' },
    plain: {},
  },
});

const TARGET = { provider: 'p', model: 'some/m 1', id: 'p/some/m 1' };
const chatUrlOf = (provider: Provider | undefined) =>
  provider && requireEndpoint(provider, 'chat', TARGET).url;

describe('findProvider', () => {
  it.each([
    ['openai', 'https://api.openai.com/v1/chat/completions', 'openai', true],
    [
      'google',
      'https://generativelanguage.googleapis.com/v1beta/openai/chat/completions',
      'google',
      true,
    ],
    ['ollama', 'http://127.0.0.1:11434/v1/chat/completions', 'ollama', false],
    ['work', 'https://llm.example/v1/chat/completions', 'shared', true],
    ['open', 'https://open.example/v1/chat/completions', undefined, false],
  ])('finds %s at %s', (name, url, secret, keyRequired) => {
    expect(findProvider(config, {}, name)).toMatchObject({ name, secret, keyRequired });
    expect(chatUrlOf(findProvider(config, {}, name))).toBe(url);
  });

  it('sends its traffic to another URL, and then needs no key', () => {
    const urls = { openai: 'http://127.0.0.1:9/v1/', mine: 'http://127.0.0.1:9' };
    expect(chatUrlOf(findProvider(config, urls, 'openai'))).toBe(
      'http://127.0.0.1:9/v1/chat/completions',
    );
    expect(findProvider(config, urls, 'openai')).toMatchObject({
      secret: 'openai',
      keyRequired: false,
      row: { capField: 'max_completion_tokens' },
    });
    expect(findProvider(config, urls, 'mine')).toMatchObject({
      baseUrl: 'http://127.0.0.1:9',
      row: { capField: 'max_tokens', includeUsage: 'inject' },
    });
  });

  it('follows the rules of the provider it is like', () => {
    expect(findProvider(config, {}, 'work')?.row.renameFields).toEqual({ seed: 'random_seed' });
  });

  it.each(['nobody', 'constructor', '__proto__'])('does not find %s', (name) => {
    expect(findProvider(config, {}, name)).toBeUndefined();
  });

  it('has the built-in one unless the configuration says no or takes its name', () => {
    const own = { baseUrl: 'https://demo.example/v1' };
    const demoOf = (more: object) =>
      findProvider(defineConfig({ providers: {}, ...more }), {}, 'demo');
    expect(demoOf({}) && isDemo(demoOf({}) as never)).toBe(true);
    expect(demoOf({ demo: false })).toBeUndefined();
    expect(chatUrlOf(demoOf({ providers: { demo: own } }))).toBe(
      'https://demo.example/v1/chat/completions',
    );
  });

  it('says which setting is missing when there is no URL', () => {
    expect(() => findProvider(config, {}, 'plain')).toThrowError(
      'hallpass.config.ts: "providers.plain.baseUrl" must be set, got nothing',
    );
  });
});

describe('provider keys', () => {
  it.each([
    ['openai', 'OPENAI_API_KEY'],
    ['google', 'GEMINI_API_KEY'],
    ['work', 'MISTRAL_API_KEY'],
    ['my-own', 'MY_OWN_API_KEY'],
  ])('come for %s from %s', (name, variable) => {
    expect(keyVariableOf(config, name)).toBe(variable);
  });

  it('say how to set the one that is missing', () => {
    const provider = findProvider(config, {}, 'openai');
    expect(provider && providerKeyMissing(config, provider)).toMatchObject({
      code: 'model_not_found',
      message: 'provider "openai" has no API key: set OPENAI_API_KEY or the secret "openai"',
    });
  });
});

/** Their address holds a resource or a region. */
const OF_A_REGION: ReadonlySet<string> = new Set(['azure', 'bedrock', 'bedrock-mantle']);

describe('known providers', () => {
  it('have a base URL without a slash at its end, and a key variable', () => {
    for (const [name, row] of KNOWN_PROVIDERS) {
      if (!OF_A_REGION.has(name)) expect(row.baseUrl, name).toMatch(/^https?:\/\/.+[^/]$/);
      expect(row.keyVariable, name).toMatch(
        /^(?:[A-Z]+(?:_OPENAI)?_API_KEY|AWS_BEARER_TOKEN_BEDROCK)$/,
      );
    }
  });

  it.each([...OF_A_REGION])('has no URL of its own for %s: the configuration gives it', (name) => {
    const bare = defineConfig({ providers: { [name]: {} } });
    expect(() => findProvider(bare, {}, name)).toThrowError(
      `hallpass.config.ts: "providers.${name}.baseUrl" must be set, got nothing`,
    );
  });

  it.each([
    ['azure', 'https://r.openai.azure.com/openai/v1', { 'api-key': 'k' }],
    [
      'bedrock',
      'https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1',
      { authorization: 'Bearer k' },
    ],
    [
      'bedrock-mantle',
      'https://bedrock-mantle.eu-west-1.api.aws/v1',
      { authorization: 'Bearer k' },
    ],
  ])('posts to %s where the configuration says, with its key', (name, baseUrl, headers) => {
    const provider = findProvider(defineConfig({ providers: { [name]: { baseUrl } } }), {}, name);
    const endpoint = provider && requireEndpoint(provider, 'chat', TARGET);
    expect(endpoint?.url).toBe(`${baseUrl}/chat/completions`);
    expect(endpoint?.toAuthHeaders('k')).toEqual(headers);
  });
});

describe('an endpoint', () => {
  it('is refused for a format that the provider does not speak, and the route to use is named', () => {
    const openai = findProvider(config, {}, 'openai');
    expect(() => openai && requireEndpoint(openai, 'messages', TARGET)).toThrowError(
      expect.objectContaining({
        code: 'invalid_request',
        message: expect.stringContaining('for the provider "openai" use /v1/chat/completions or'),
      }),
    );
  });

  it('is given the provider’s key in its own header', () => {
    const openai = findProvider(config, {}, 'openai');
    expect(openai && requireEndpoint(openai, 'chat', TARGET).toAuthHeaders('k')).toEqual({
      authorization: 'Bearer k',
    });
  });
});
