import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../../core/config.ts';
import type { DialectName } from '../../../core/providers/endpoints.ts';
import { KNOWN_PROVIDERS } from '../../../core/providers/known.ts';
import {
  canProviderAnswer,
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
  test.each([
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

  test('uses another URL on request, and then needs no key', () => {
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

  test('follows the rules of the provider that it is like', () => {
    expect(findProvider(config, {}, 'work')?.row.renameFields).toEqual({ seed: 'random_seed' });
  });

  test.each(['nobody', 'constructor', '__proto__'])('does not find %s', (name) => {
    expect(findProvider(config, {}, name)).toBeUndefined();
  });

  test('finds the built-in provider unless the configuration turns it off or uses its name', () => {
    const own = { baseUrl: 'https://demo.example/v1' };
    const demoOf = (more: object) =>
      findProvider(defineConfig({ providers: {}, ...more }), {}, 'demo');
    expect(demoOf({}) && isDemo(demoOf({}) as never)).toBe(true);
    expect(demoOf({ demo: false })).toBeUndefined();
    expect(chatUrlOf(demoOf({ providers: { demo: own } }))).toBe(
      'https://demo.example/v1/chat/completions',
    );
  });

  test('names the missing setting if there is no URL', () => {
    expect(() => findProvider(config, {}, 'plain')).toThrowError(
      'hallpass.config.ts: "providers.plain.baseUrl" must be set, got nothing',
    );
  });
});

describe('a configured API family', () => {
  const providerOf = (settings: object) =>
    findProvider(defineConfig({ providers: { lab: settings } }), {}, 'lab');
  const formatsOf = (settings: object) => Object.keys(providerOf(settings)?.row.endpoints ?? {});
  const baseUrl = 'https://llm.example/v1';
  const urlOf = (settings: object, dialect: DialectName) => {
    const provider = providerOf(settings);
    const endpoint = provider && requireEndpoint(provider, dialect, TARGET, true);
    return { url: endpoint?.url, headers: endpoint?.toAuthHeaders('k') };
  };

  test('is used for an unknown server', () => {
    expect(formatsOf({ baseUrl })).toEqual(['chat', 'embeddings']);
    expect(formatsOf({ baseUrl, wire: 'openai' })).toEqual(['chat', 'embeddings']);
    expect(formatsOf({ baseUrl, wire: 'anthropic' })).toEqual(['messages', 'count_tokens']);
    expect(urlOf({ baseUrl, wire: 'anthropic' }, 'messages')).toEqual({
      url: 'https://llm.example/v1/messages',
      headers: { 'x-api-key': 'k' },
    });
    expect(urlOf({ baseUrl, wire: 'google' }, 'google')).toEqual({
      url: 'https://llm.example/v1/models/some%2Fm%201:streamGenerateContent?alt=sse',
      headers: { 'x-goog-api-key': 'k' },
    });
  });

  test('limits a known provider to its endpoints', () => {
    expect(formatsOf({ like: 'anthropic', wire: 'anthropic' })).toEqual([
      'messages',
      'count_tokens',
    ]);
    expect(formatsOf({ like: 'google', wire: 'openai' })).toEqual(['chat', 'embeddings']);
    expect(providerOf({ like: 'mistral', wire: 'openai' })?.row.renameFields).toEqual({
      seed: 'random_seed',
    });
  });

  test.each([
    [
      { like: 'groq', wire: 'anthropic' },
      '"providers.lab.wire" must be a format that "groq" speaks, got "anthropic"',
    ],
    [{ baseUrl, like: 'mistrl' }, '"providers.lab.like" must be one of openai, azure, '],
  ])('refuses %j', (settings, message) => {
    expect(() => providerOf(settings)).toThrowError(message);
  });
});

describe('provider keys', () => {
  test.each([
    ['openai', 'OPENAI_API_KEY'],
    ['google', 'GEMINI_API_KEY'],
    ['work', 'MISTRAL_API_KEY'],
    ['my-own', 'MY_OWN_API_KEY'],
  ])('for %s are in %s', (name, variable) => {
    expect(keyVariableOf(config, name)).toBe(variable);
  });

  test('have a refusal that says how to set a missing one', () => {
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
  test('have a base URL without a slash at its end, and a key variable', () => {
    for (const [name, row] of KNOWN_PROVIDERS) {
      if (!OF_A_REGION.has(name)) expect(row.baseUrl, name).toMatch(/^https?:\/\/.+[^/]$/);
      expect(row.keyVariable, name).toMatch(
        /^(?:[A-Z]+(?:_OPENAI)?_API_KEY|AWS_BEARER_TOKEN_BEDROCK)$/,
      );
    }
  });

  test.each([
    ['azure', 'baseUrl'],
    ['bedrock', 'region'],
    ['bedrock-mantle', 'region'],
  ])('refuse %s without its %s in the configuration', (name, field) => {
    const bare = defineConfig({ providers: { [name]: {} } });
    expect(() => findProvider(bare, {}, name)).toThrowError(
      `hallpass.config.ts: "providers.${name}.${field}" must be set, got nothing`,
    );
  });

  test.each([
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
  ])('posts to %s at the configured URL, with its key', (name, baseUrl, headers) => {
    const provider = findProvider(defineConfig({ providers: { [name]: { baseUrl } } }), {}, name);
    const endpoint = provider && requireEndpoint(provider, 'chat', TARGET);
    expect(endpoint?.url).toBe(`${baseUrl}/chat/completions`);
    expect(endpoint?.toAuthHeaders('k')).toEqual(headers);
  });

  test.each([
    ['bedrock', 'https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1', 'bedrock'],
    ['bedrock-mantle', 'https://bedrock-mantle.eu-west-1.api.aws/v1', 'bedrock-mantle'],
  ])(
    'finds %s by its region, signs for it with the role, and reads no secret',
    (name, url, service) => {
      const byRole = defineConfig({
        providers: { [name]: { region: 'eu-west-1', auth: 'aws-role' } },
      });
      expect(findProvider(byRole, {}, name)).toEqual({
        name,
        row: KNOWN_PROVIDERS.get(name),
        baseUrl: url,
        secret: undefined,
        keyRequired: false,
        signing: { service, region: 'eu-west-1' },
      });
      expect(keyVariableOf(byRole, name)).toBe('AWS_ACCESS_KEY_ID');
    },
  );

  test('reads the signing region from the URL by default', () => {
    const baseUrl = 'https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/openai/v1';
    const settings = { like: 'bedrock', baseUrl, auth: 'aws-role' } as const;
    const at = (region?: string) =>
      findProvider(
        defineConfig({ providers: { gov: { ...settings, ...(region && { region }) } } }),
        { gov: 'http://127.0.0.1:9/v1' },
        'gov',
      )?.signing;
    expect(at()).toEqual({ service: 'bedrock', region: 'us-gov-west-1' });
    expect(at('us-east-1')).toEqual({ service: 'bedrock', region: 'us-east-1' });
  });

  test.each([
    [
      'openai',
      {},
      'hallpass.config.ts: "providers.openai.auth" may be "aws-role" only for bedrock, bedrock-mantle and providers that are "like" them',
    ],
    [
      'bedrock',
      { baseUrl: 'https://vpce-1.example/openai/v1' },
      'hallpass.config.ts: "providers.bedrock.region" must be set, got nothing',
    ],
  ])('refuses a role for %s', (name, settings, message) => {
    const wrong = defineConfig({ providers: { [name]: { ...settings, auth: 'aws-role' } } });
    expect(() => findProvider(wrong, {}, name)).toThrowError(new TypeError(message));
  });

  test.each([
    ['chat', 'openai.gpt-oss-120b', '/v1/chat/completions'],
    ['chat', 'qwen.qwen3-32b', '/v1/chat/completions'],
    ['chat', 'google.gemma-3-27b-it', '/v1/chat/completions'],
    ['chat', 'google.gemma-4-e2b', '/openai/v1/chat/completions'],
    ['chat', 'xai.grok-5', '/openai/v1/chat/completions'],
    ['responses', 'openai.gpt-5.5', '/openai/v1/responses'],
    ['responses', 'openai.gpt-oss-20b', '/v1/responses'],
    ['messages', 'anthropic.claude-opus-4-8', '/anthropic/v1/messages'],
  ] as const)('posts %s of mantle for %s to %s, however its URL ends', (dialect, model, path) => {
    const host = 'https://bedrock-mantle.us-east-1.api.aws';
    for (const baseUrl of [host, `${host}/v1`, `${host}/openai/v1`, `${host}/v1/`]) {
      const mantle = defineConfig({ providers: { 'bedrock-mantle': { baseUrl } } });
      const provider = findProvider(mantle, {}, 'bedrock-mantle');
      const target = { provider: 'bedrock-mantle', model, id: `bedrock-mantle/${model}` };
      expect(provider && requireEndpoint(provider, dialect, target).url).toBe(`${host}${path}`);
    }
  });

  test("posts Claude on the runtime in Anthropic's dialect, beside OpenAI's", () => {
    const runtime = defineConfig({ providers: { bedrock: { region: 'us-east-1' } } });
    const provider = findProvider(runtime, {}, 'bedrock');
    const urls = (['messages', 'chat', 'responses'] as const).map(
      (dialect) => provider && requireEndpoint(provider, dialect, TARGET).url,
    );
    expect(urls).toEqual([
      'https://bedrock-runtime.us-east-1.amazonaws.com/anthropic/v1/messages',
      'https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions',
      'https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/responses',
    ]);
    expect(() => provider && requireEndpoint(provider, 'count_tokens', TARGET)).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('an endpoint', () => {
  test('is refused for a dialect that the provider does not speak, with the route to use', () => {
    const openai = findProvider(config, {}, 'openai');
    expect(() => openai && requireEndpoint(openai, 'messages', TARGET)).toThrowError(
      expect.objectContaining({
        code: 'invalid_request',
        message: expect.stringContaining('for the provider "openai" use /v1/chat/completions or'),
      }),
    );
  });

  test('sends the provider’s key in its own header', () => {
    const openai = findProvider(config, {}, 'openai');
    expect(openai && requireEndpoint(openai, 'chat', TARGET).toAuthHeaders('k')).toEqual({
      authorization: 'Bearer k',
    });
  });
});

test('a provider can answer if its secret has a value, or if it needs none', async () => {
  const asked: string[] = [];
  const hasKey = async (secret: string) => {
    asked.push(secret);
    return secret === 'openai';
  };
  const here = defineConfig({
    providers: {
      ...{ openai: {}, groq: {} },
      bedrock: { region: 'us-east-1', auth: 'aws-role' },
    },
  });
  const names = ['openai', 'groq', 'bedrock', 'demo'];
  const answers = names.map((name) => canProviderAnswer(findProvider(here, {}, name), hasKey));
  expect(await Promise.all(answers)).toEqual([true, false, true, true]);
  expect(asked).toEqual(['openai', 'groq']);
  expect(await canProviderAnswer(undefined, hasKey)).toBe(false);
});
