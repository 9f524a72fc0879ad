import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../../core/config.ts';
import {
  allowedEntries,
  idsOfEntry,
  isAllowedModel,
  requireAllowedModel,
  resolveModel,
} from '../../../core/models/policy.ts';
import { makeGrant, NOW_MS, TOKEN_ID } from '../../support/wallet-fixtures.ts';

const config = defineConfig({
  providers: { openai: {}, openrouter: {}, google: {} },
  aliases: { fast: 'google/gemini-2.5-flash' },
});
const withDefault = defineConfig({
  providers: { openai: {}, openrouter: {} },
  defaultProvider: 'openai',
  demo: false,
});

const listing = defineConfig({
  providers: { openai: {}, openrouter: {}, deepinfra: {}, together: {} },
  prices: {
    'together/lab/own': { inputUsdPerMillion: 1, outputUsdPerMillion: 1 },
    'openrouter/anthropic/claude-3': { inputUsdPerMillion: 1, outputUsdPerMillion: 1 },
  },
});

const grantOf = (models?: readonly string[], tokenModels?: readonly string[]) =>
  makeGrant([], {
    ...(models === undefined ? {} : { models }),
    token: {
      id: TOKEN_ID,
      issuedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 1,
      revoked: false,
      ...(tokenModels === undefined ? {} : { models: tokenModels }),
    },
  });

describe('resolveModel', () => {
  test.each([
    ['openai/gpt-5', 'openai', 'gpt-5', 'openai/gpt-5'],
    [
      'openrouter/deepseek/deepseek-chat',
      'openrouter',
      'deepseek/deepseek-chat',
      'openrouter/deepseek/deepseek-chat',
    ],
    ['fast', 'google', 'gemini-2.5-flash', 'google/gemini-2.5-flash'],
    ['demo/echo', 'demo', 'echo', 'demo/echo'],
  ])('reads %s as a model of %s', (asked, provider, model, id) => {
    expect(resolveModel(asked, config)).toEqual({ provider, model, id });
  });

  test.each([
    ['gpt-5', 'gpt-5', 'openai/gpt-5'],
    ['meta-llama/llama-3', 'meta-llama/llama-3', 'openai/meta-llama/llama-3'],
    ['demo/echo', 'demo/echo', 'openai/demo/echo'],
  ])('gives %s to the default provider when it names none', (asked, model, id) => {
    expect(resolveModel(asked, withDefault)).toEqual({ provider: 'openai', model, id });
  });

  // guarantee: deepinfra-as-documented
  test.each([
    ['meta-llama/Llama-3.3-70B-Instruct', 'deepinfra/meta-llama/Llama-3.3-70B-Instruct'],
    ['deepseek-ai/DeepSeek-V3', 'deepinfra/deepseek-ai/DeepSeek-V3'],
    ['lab/own', 'together/lab/own'],
  ])('gives %s to the first provider that lists the whole id', (asked, id) => {
    expect(resolveModel(asked, listing)).toMatchObject({ id, model: asked });
    expect(resolveModel(asked, listing, {}, 'anthropic')).toMatchObject({ id });
    expect(idsOfEntry(asked, { config: listing, providerUrls: {} })).toEqual([id]);
  });

  test.each([
    ['the model of a known provider that is not configured', 'anthropic/claude-3'],
    ['an id in other letters', 'deepseek-ai/deepseek-v3'],
    ['a part of an id', 'deepseek-ai/DeepSeek-V'],
  ])('finds no provider for %s', (_what, id) => {
    expect(() => resolveModel(id, listing)).toThrowError(
      expect.objectContaining({ code: 'model_not_found' }),
    );
  });

  test('finds a provider that only a URL adds', () => {
    expect(resolveModel('mine/m', config, { mine: 'http://127.0.0.1:1/v1' })).toEqual({
      provider: 'mine',
      model: 'm',
      id: 'mine/m',
    });
  });

  test.each(['gpt-5', 'nobody/m', 'openai/', '/m', 'constructor/m', 'toString'])(
    'answers 404 for %s without a default provider',
    (asked) => {
      expect(() => resolveModel(asked, config)).toThrowError(
        expect.objectContaining({
          code: 'model_not_found',
          message: `the model "${asked}" does not exist`,
        }),
      );
    },
  );

  test.each(['openai/a b', 'openai/é', `openai/${'m'.repeat(194)}`, 'openai/m\n'])(
    'refuses an id of other characters or too long: %j',
    (asked) => {
      expect(() => resolveModel(asked, config)).toThrowError(
        expect.objectContaining({
          code: 'invalid_request',
          message: '"model" must be 1 to 200 of A-Za-z0-9_.:@/-',
        }),
      );
    },
  );
});

const NAMES = {
  config: defineConfig({
    providers: { openai: {}, google: {}, mistral: {}, deepinfra: {} },
    aliases: { smart: 'openai/gpt-5', 'openai/old': 'openai/gpt-5', 'openai/gpt-6': 'google/x' },
    defaultProvider: 'deepinfra',
  }),
  providerUrls: {},
};

// guarantee: lists-by-one-rule
describe('an entry of a list of allowed models', () => {
  test.each([
    ['openai/gpt-5', ['openai/gpt-5']],
    ['openai/*', ['openai/*']],
    ['nobody/*', []],
    ['smart', ['openai/gpt-5']],
    ['openai/old', ['openai/gpt-5']],
    ['deepseek-ai/DeepSeek-R1', ['deepinfra/', 'openai/', 'google/']],
    ['gpt-5', ['deepinfra/', 'openai/', 'google/']],
  ])('%s stands for %j', (entry, ids) => {
    const full = ids.map((id) => (id.endsWith('/') ? `${id}${entry}` : id));
    expect(idsOfEntry(entry, NAMES)).toEqual(full);
  });

  test.each([
    ['an alias', ['smart'], 'openai/gpt-5', true],
    ['an id without a provider', ['gpt-5'], 'openai/gpt-5', true],
    ["DeepInfra's id, by the default provider", ['a/m'], 'deepinfra/a/m', true],
    ['an alias that hides the id', ['openai/gpt-6'], 'openai/gpt-6', false],
    ['an alias that hides the id, by its target', ['openai/gpt-6'], 'google/x', true],
  ])('allows by %s: %j, %s, %s', (_how, models, id, allowed) => {
    expect(isAllowedModel(grantOf(models), id, NAMES)).toBe(allowed);
    expect(isAllowedModel(grantOf(undefined, models), id, NAMES)).toBe(allowed);
  });

  test('is shown if the other list allows it under another name', () => {
    expect(allowedEntries(grantOf(['openai/*'], ['smart', 'google/x']), NAMES)).toEqual(['smart']);
    expect(allowedEntries(grantOf(), NAMES)).toBeUndefined();
  });
});

describe('requireAllowedModel', () => {
  test.each([
    ['no lists', undefined, undefined, true],
    ['the key’s exact id', ['openai/gpt-5'], undefined, true],
    ['the key’s provider', ['openai/*'], undefined, true],
    ['another provider of the key', ['google/*'], undefined, false],
    ['the token’s exact id', undefined, ['openai/gpt-5'], true],
    ['a longer id of the token', undefined, ['openai/gpt-5-mini'], false],
    ['a shorter id of the token', undefined, ['openai/gpt'], false],
    ['both', ['openai/*'], ['openai/gpt-5'], true],
    ['the token but not the key', ['google/*'], ['openai/gpt-5'], false],
    ['the key but not the token', ['openai/gpt-5'], ['google/*'], false],
    ['a bare star', ['*'], undefined, false],
  ])('decides openai/gpt-5 under %s', (_, models, tokenModels, allowed) => {
    expect(isAllowedModel(grantOf(models, tokenModels), 'openai/gpt-5', NAMES)).toBe(allowed);
  });

  test('names the model and what both lists allow', () => {
    const grant = grantOf(['openai/*', 'google/*'], ['openai/gpt-5', 'mistral/large']);
    expect(() => requireAllowedModel(grant, 'google/gemini', NAMES)).toThrowError(
      expect.objectContaining({
        code: 'model_not_allowed',
        status: 403,
        message: 'this credential may not use the model "google/gemini", allowed are openai/gpt-5',
      }),
    );
  });

  test('names the first 20 of many, and counts the rest', () => {
    const many = Array.from({ length: 23 }, (_, index) => `openai/m${index}`);
    expect(() => requireAllowedModel(grantOf(many), 'openai/x', NAMES)).toThrowError(
      /openai\/m19 and 3 more$/,
    );
  });

  test('says so if the two lists allow nothing together', () => {
    expect(() =>
      requireAllowedModel(grantOf(['openai/b'], ['google/d']), 'openai/b', NAMES),
    ).toThrowError(/allowed are none$/);
  });
});
