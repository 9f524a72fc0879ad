import { describe, expect, test } from 'vitest';
import { type ConfigInput, defineConfig } from '../../core/config.ts';

describe('defineConfig', () => {
  test('fills in defaults', () => {
    expect(defineConfig({ providers: { openai: {} } })).toEqual({
      providers: { openai: {} },
      aliases: {},
      prices: {},
      defaults: {
        limits: [],
        maxTokenLifetimeSeconds: 604_800,
        defaultMaxOutputTokens: 8192,
        holdAtCachePrice: false,
      },
      alerts: { at: [50, 80, 100] },
      allowedOrigins: ['*'],
      demo: true,
      pages: true,
    });
  });

  test('sorts levels of alerts, and takes a webhook by https or on this machine', () => {
    const alerts = (given: ConfigInput['alerts']) => () =>
      defineConfig({ providers: {}, alerts: given });

    expect(alerts({ at: [90, 10, 90] })().alerts.at).toEqual([10, 90]);
    expect(alerts({ webhook: 'http://127.0.0.1:9/hook' })().alerts.webhook).toBeDefined();
    expect(alerts({ webhook: 'http://example.com/hook' })).toThrow('"alerts.webhook": must begin');
    expect(alerts({ webhook: 'https://ada:secret@example.com' })).toThrow('name no user');
    expect(alerts({ at: [0] })).toThrow('"alerts.at.0"');
    expect(alerts({ topicArn: 'my-topic' })).toThrow('"alerts.topicArn"');
  });

  test('reads limits', () => {
    const { defaults } = defineConfig({ providers: {}, defaults: { limits: ['user:usd:week=5'] } });
    expect(defaults.limits).toEqual([
      { per: 'user', unit: 'usd', window: 'week', amount: 5_000_000_000n },
    ]);
  });

  test.each([
    ['an unknown field', { providers: {}, budget: 5 }, '"budget"'],
    [
      'an unknown field of a provider',
      { providers: { openai: { url: 'x' } } },
      '"providers.openai.url"',
    ],
    [
      'a provider name that cannot stand before a slash',
      { providers: { 'Open AI': {} } },
      'lower-case word',
    ],
    [
      'a wire format that nobody speaks',
      { providers: { lab: { wire: 'grpc' } } },
      '"providers.lab.wire"',
    ],
    [
      'a base URL that is none',
      { providers: { openai: { baseUrl: 'api.openai.com' } } },
      '"providers.openai.baseUrl"',
    ],
    [
      'a price that is the name of no model',
      { providers: {}, prices: { 'azure/chat': 'gpt-5' } },
      '"prices.azure/chat"',
    ],
    [
      'a region that is none',
      { providers: { bedrock: { region: 'Frankfurt' } } },
      '"providers.bedrock.region": "region" must be an AWS region such as "us-east-1"',
    ],
    [
      'another way to be known than a secret, none or a role',
      { providers: { bedrock: { auth: 'iam' } } },
      '"providers.bedrock.auth"',
    ],
    [
      'a default provider that is not there',
      { providers: { openai: {} }, defaultProvider: 'groq' },
      'must be one of openai, got "groq"',
    ],
    [
      'a negative price',
      { providers: {}, prices: { 'a/b': { inputUsdPerMillion: -1, outputUsdPerMillion: 1 } } },
      '"prices.a/b.inputUsdPerMillion"',
    ],
    [
      'a limit per something else',
      { providers: {}, defaults: { limits: ['course:usd:month=5'] } },
      'must be a limit such as "user:requests:minute=20"',
    ],
  ])('refuses %s with its path', (_name, input, words) => {
    expect(() => defineConfig(input as ConfigInput)).toThrow(words);
  });
});
