/**
 * Each known provider, a line each: where every wire format is posted to, how the key is given, and what becomes there
 * of one and the same chat request.
 */
import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../../core/config.ts';
import { parseChat } from '../../../core/dialects/chat/request.ts';
import type { RequestRules } from '../../../core/dialects/request-rules.ts';
import type { DialectName } from '../../../core/providers/endpoints.ts';
import { KNOWN_PROVIDERS, type ProviderRow } from '../../../core/providers/known.ts';
import { findProvider, requireEndpoint } from '../../../core/providers/provider.ts';
import { REQUEST_RULES } from '../../support/request-rules.ts';

const FORMATS: readonly DialectName[] = [
  ...(['chat', 'responses', 'embeddings', 'messages', 'count_tokens', 'google'] as const),
  ...(['google_count_tokens', 'google_embed', 'google_batch_embed'] as const),
];
const BEARER = 'authorization: Bearer KEY';
const OPENAI = {
  chat: `/chat/completions, ${BEARER}`,
  embeddings: `/embeddings, ${BEARER}`,
};
const CHAT = { chat: OPENAI.chat };
const RESPONSES = { responses: `/responses, ${BEARER}` };
const X_API_KEY = 'x-api-key: KEY';
const googleAt = (action: string) =>
  `https://generativelanguage.googleapis.com/v1beta/models/m:${action}, x-goog-api-key: KEY`;

interface Line {
  readonly baseUrl: string;
  /** Behind the base URL. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly keyVariable: string;
  /** The members that only this provider's chat request has: all but its model, messages and `stream`. */
  readonly sent: Readonly<Record<string, unknown>>;
}

const ASKED = {
  usage: { stream_options: { include_usage: true } },
  seed: { seed: 7, user: 'ada' },
};
const USUAL = { ...ASKED.usage, ...ASKED.seed, max_tokens: 50 };
const AS_OPENAI = { ...ASKED.usage, ...ASKED.seed, max_completion_tokens: 50 };

const LINES: Readonly<Record<string, Line>> = {
  openai: {
    baseUrl: 'https://api.openai.com/v1',
    endpoints: { ...OPENAI, ...RESPONSES },
    keyVariable: 'OPENAI_API_KEY',
    sent: { ...AS_OPENAI, service_tier: 'default' },
  },
  azure: {
    baseUrl: 'https://resource.openai.azure.com/openai/v1',
    endpoints: {
      chat: '/chat/completions, api-key: KEY',
      responses: '/responses, api-key: KEY',
      embeddings: '/embeddings, api-key: KEY',
    },
    keyVariable: 'AZURE_OPENAI_API_KEY',
    sent: AS_OPENAI,
  },
  bedrock: {
    baseUrl: 'https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1',
    endpoints: {
      ...CHAT,
      ...RESPONSES,
      messages: `https://bedrock-runtime.eu-central-1.amazonaws.com/anthropic/v1/messages, ${BEARER}`,
    },
    keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
    sent: AS_OPENAI,
  },
  'bedrock-mantle': {
    baseUrl: 'https://bedrock-mantle.eu-central-1.api.aws/v1',
    endpoints: {
      ...CHAT,
      ...RESPONSES,
      messages: `https://bedrock-mantle.eu-central-1.api.aws/anthropic/v1/messages, ${BEARER}`,
    },
    keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
    sent: AS_OPENAI,
  },
  anthropic: {
    baseUrl: 'https://api.anthropic.com/v1',
    endpoints: {
      ...CHAT,
      messages: `/messages, ${X_API_KEY}`,
      count_tokens: `/messages/count_tokens, ${X_API_KEY}`,
    },
    keyVariable: 'ANTHROPIC_API_KEY',
    sent: USUAL,
  },
  google: {
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
    endpoints: {
      ...OPENAI,
      google: googleAt('generateContent'),
      google_count_tokens: googleAt('countTokens'),
      google_embed: googleAt('embedContent'),
      google_batch_embed: googleAt('batchEmbedContents'),
    },
    keyVariable: 'GEMINI_API_KEY',
    sent: USUAL,
  },
  deepinfra: {
    baseUrl: 'https://api.deepinfra.com/v1/openai',
    endpoints: OPENAI,
    keyVariable: 'DEEPINFRA_API_KEY',
    sent: USUAL,
  },
  openrouter: {
    baseUrl: 'https://openrouter.ai/api/v1',
    endpoints: OPENAI,
    keyVariable: 'OPENROUTER_API_KEY',
    sent: { ...ASKED.seed, max_tokens: 50 },
  },
  groq: {
    baseUrl: 'https://api.groq.com/openai/v1',
    endpoints: CHAT,
    keyVariable: 'GROQ_API_KEY',
    sent: AS_OPENAI,
  },
  mistral: {
    baseUrl: 'https://api.mistral.ai/v1',
    endpoints: OPENAI,
    keyVariable: 'MISTRAL_API_KEY',
    sent: { random_seed: 7, max_tokens: 50 },
  },
  together: {
    baseUrl: 'https://api.together.xyz/v1',
    endpoints: OPENAI,
    keyVariable: 'TOGETHER_API_KEY',
    sent: USUAL,
  },
  deepseek: {
    baseUrl: 'https://api.deepseek.com',
    endpoints: CHAT,
    keyVariable: 'DEEPSEEK_API_KEY',
    sent: USUAL,
  },
  xai: {
    baseUrl: 'https://api.x.ai/v1',
    endpoints: { ...CHAT, ...RESPONSES },
    keyVariable: 'XAI_API_KEY',
    sent: USUAL,
  },
  vllm: {
    baseUrl: 'http://127.0.0.1:8000/v1',
    endpoints: { ...OPENAI, ...RESPONSES },
    keyVariable: 'VLLM_API_KEY',
    sent: USUAL,
  },
  ollama: {
    baseUrl: 'http://127.0.0.1:11434/v1',
    endpoints: { ...OPENAI, ...RESPONSES, messages: `/messages, ${BEARER}` },
    keyVariable: 'OLLAMA_API_KEY',
    sent: USUAL,
  },
};

const TARGET = { provider: 'p', model: 'm', id: 'p/m' };
const rowOf = (name: string): ProviderRow | undefined => KNOWN_PROVIDERS.get(name);

function providerOf(name: string, { baseUrl }: Line) {
  // A resource's or a region's address is the configuration's to give.
  const known = rowOf(name)?.baseUrl;
  const ofRegion = known?.includes('{region}') ? { region: 'eu-central-1' } : {};
  const settings = known === undefined ? { baseUrl } : ofRegion;
  const provider = findProvider(defineConfig({ providers: { [name]: settings } }), {}, name);
  if (provider === undefined) throw new Error('not found');
  return provider;
}

const messages = [{ role: 'user', content: 'hi' }];
const rulesOf = (row: ProviderRow): RequestRules => ({ ...REQUEST_RULES, row });

describe.each(Object.entries(LINES))('%s', (name, line) => {
  test('gets each dialect at its path, with the key in its own header', () => {
    const provider = providerOf(name, line);
    expect(provider.baseUrl).toBe(line.baseUrl);
    const offered = FORMATS.filter((format) => provider.row.endpoints[format] !== undefined);
    const found = offered.map((format) => {
      const { url, toAuthHeaders } = requireEndpoint(provider, format, TARGET);
      const headers = Object.entries(toAuthHeaders('KEY')).map((pair) => pair.join(': '));
      return [format, `${url.replace(line.baseUrl, '')}, ${headers.join()}`];
    });
    expect(Object.fromEntries(found)).toEqual(line.endpoints);
  });

  test('refuses dialects that it does not speak, and names the others', () => {
    const provider = providerOf(name, line);
    for (const format of FORMATS.filter((each) => line.endpoints[each] === undefined)) {
      expect(() => requireEndpoint(provider, format, TARGET)).toThrowError(
        expect.objectContaining({
          code: 'invalid_request',
          message: expect.stringMatching(`for the provider "${name}" use /v1/chat/completions`),
        }),
      );
    }
  });

  test('gets a chat request with its own fields', () => {
    const { row } = providerOf(name, line);
    const asked = { messages, stream: true, seed: 7, user: 'ada', max_completion_tokens: 50 };
    const chat = parseChat({ model: `${name}/m`, ...asked }, rulesOf(row));
    expect(JSON.parse(chat.write(chat.output.cap))).toEqual({
      model: 'm',
      messages,
      stream: true,
      ...line.sent,
    });
  });

  test('gets its key from a variable on a developer’s machine, and may lack it only there', () => {
    expect(rowOf(name)?.keyVariable).toBe(line.keyVariable);
    expect(rowOf(name)?.keyless).toBe(line.baseUrl.startsWith('http://127.0.0.1'));
  });
});

test('a provider that counts input at no charge has the URL of its count route', () => {
  const counts = Object.entries(LINES).flatMap(([name, line]) => {
    const provider = providerOf(name, line);
    return FORMATS.filter((format) => provider.row.endpoints[format] !== undefined).flatMap(
      (format) => requireEndpoint(provider, format, TARGET).countUrl ?? [],
    );
  });
  expect(counts).toEqual([
    'https://api.openai.com/v1/responses/input_tokens',
    'https://api.openai.com/v1/responses/input_tokens',
    'https://bedrock-mantle.eu-central-1.api.aws/anthropic/v1/messages/count_tokens',
    'https://api.anthropic.com/v1/messages/count_tokens',
    'https://generativelanguage.googleapis.com/v1beta/models/m:countTokens',
  ]);
});

test('this file tests every row', () => {
  expect([...KNOWN_PROVIDERS.keys()]).toEqual(Object.keys(LINES));
});

test('a provider that made its models is known, because their windows bound input only there', () => {
  const makers = [...KNOWN_PROVIDERS].filter(([, row]) => row.isModelsOwn);
  expect(makers.map(([name]) => name)).toEqual([
    ...['openai', 'anthropic', 'google', 'mistral', 'deepseek', 'xai'],
  ]);
});

describe('only OpenRouter', () => {
  test('sets the cost by its own report', () => {
    const believed = [...KNOWN_PROVIDERS].filter(([, row]) => row.reportsCost);
    expect(believed.map(([name]) => name)).toEqual(['openrouter']);
  });
});

describe('a provider that only the configuration names', () => {
  const config = defineConfig({
    providers: {
      lab: { baseUrl: 'https://llm.example.edu/v1' },
      strict: { baseUrl: 'https://strict.example.edu/v1', like: 'mistral' },
    },
  });
  const sentTo = (name: string) => {
    const provider = findProvider(config, {}, name);
    if (provider === undefined) throw new Error('not found');
    const chat = parseChat({ messages, stream: true, seed: 7 }, rulesOf(provider.row));
    const { url } = requireEndpoint(provider, 'chat', TARGET);
    return { url, ...JSON.parse(chat.write(9)) };
  };

  test('works as an OpenAI-compatible server without code', () => {
    expect(sentTo('lab')).toEqual({
      url: 'https://llm.example.edu/v1/chat/completions',
      model: 'm',
      messages,
      stream: true,
      seed: 7,
      stream_options: { include_usage: true },
      max_tokens: 9,
    });
  });

  test('follows the rules of the provider that it is like', () => {
    expect(sentTo('strict')).toEqual({
      url: 'https://strict.example.edu/v1/chat/completions',
      model: 'm',
      messages,
      stream: true,
      random_seed: 7,
      max_tokens: 9,
    });
  });
});
