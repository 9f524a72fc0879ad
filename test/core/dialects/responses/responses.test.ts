import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../core/base/errors.ts';
import { asRequestId } from '../../../../core/base/ids.ts';
import type { JsonObject } from '../../../../core/base/json.ts';
import { EMBEDDINGS, prepareEmbeddings } from '../../../../core/dialects/embeddings.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { prepareResponses, RESPONSES } from '../../../../core/dialects/responses/responses.ts';
import { GENERIC_ROW } from '../../../../core/providers/known.ts';
import { makeEventSplitter } from '../../../../core/proxy/sse.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

const RULES: RequestRules = {
  ...REQUEST_RULES,
  row: { ...GENERIC_ROW, imageTokensMax: 1_000 },
  contextWindow: 128_000,
};
const UNCAPPED = { isCapped: false, isBounded: false };
const prepare = (more: object, rules: Partial<RequestRules> = {}) =>
  prepareResponses({ model: 'x', input: 'Hi', ...more } as JsonObject, { ...RULES, ...rules });
const refusalOf = (prepared: () => unknown): string => {
  try {
    prepared();
    return 'passes';
  } catch (error) {
    return error instanceof GatewayError ? `${error.facts.param}` : 'broke';
  }
};
const outcomeOf = (more: object, rules: Partial<RequestRules> = {}) =>
  refusalOf(() => prepare(more, rules));
const itemOf = (...content: object[]) => ({ input: [{ role: 'user', content }] });
const PIXEL = 'data:image/png;base64,aGk=';

describe('a response request', () => {
  test('is sent with one cap, stores nothing and never runs on unseen', () => {
    const request = prepare({ store: true, background: false, max_output_tokens: 50 });
    expect(JSON.parse(request.toBody(20))).toEqual({
      model: 'm',
      input: 'Hi',
      store: false,
      max_output_tokens: 20,
    });
    expect(request.cap).toBe(50);
    expect(prepare({}).cap).toBe(8_192);
    expect(JSON.parse(prepare({}, UNCAPPED).toBody(8_192))).not.toHaveProperty('max_output_tokens');
  });

  test.each([
    ['texts', itemOf({ type: 'input_text', text: 'x' })],
    ['an image', itemOf({ type: 'input_image', image_url: PIXEL })],
    [
      'a call and what came of it',
      {
        input: [
          { type: 'function_call', name: 'f', call_id: 'c', arguments: '{}' },
          { type: 'function_call_output', call_id: 'c', output: 'x' },
        ],
      },
    ],
    ['encrypted reasoning', { include: ['reasoning.encrypted_content'] }],
    [
      'a schema of the answer',
      { text: { format: { type: 'json_schema', name: 'x', schema: {} } } },
    ],
    ['null for a field', { previous_response_id: null, background: null }],
  ])('with %s passes under a spending limit', (_, more) => {
    expect(outcomeOf(more)).toBe('passes');
  });

  test.each([
    ['a hosted tool', { tools: [{ type: 'file_search' }] }, 'tools'],
    ['results of a hosted tool', { include: ['file_search_call.results'] }, 'include'],
    ['a dearer tier', { service_tier: 'priority' }, 'service_tier'],
    ['a file', itemOf({ type: 'input_file', file_data: 'x' }), 'input[0].content[0].type'],
    ['a call of a hosted tool', { input: [{ type: 'web_search_call' }] }, 'input[0].type'],
    ['an unknown field', { unheard_of: 1 }, 'unheard_of'],
    ['a field whose name is a text', { 'say this': 1 }, '(unnamed)'],
  ])('with %s is refused under a spending limit, and passes without one', (_, more, param) => {
    expect(outcomeOf(more)).toBe(param);
    expect(outcomeOf(more, { ...UNCAPPED, isServerKey: true })).toBe('passes');
  });

  test.each([
    [{ background: true }, 'background'],
    [{ input: 5 }, 'input'],
    [{ stream: 'yes' }, 'stream'],
    [{ max_output_tokens: 0 }, 'max_output_tokens'],
  ])('%j is refused whoever asks', (more, param) => {
    expect(outcomeOf(more, { ...UNCAPPED, isServerKey: true })).toBe(param);
  });

  test.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'p' } }],
    ['input[0].id', { input: [{ type: 'item_reference', id: 'x' }] }],
    ['input[0].content[0].file_id', itemOf({ type: 'input_image', file_id: 'file_1' })],
  ])('may name what is stored as "%s" for a server key alone', (param, more) => {
    expect(outcomeOf(more, UNCAPPED)).toBe(param);
    expect(outcomeOf(more, { ...UNCAPPED, isServerKey: true })).toBe('passes');
  });

  test('is bounded by its bytes, by the image rule, or by the context window', () => {
    expect(prepare({ input: 'ä'.repeat(1_000) }).inputTokens).toBeGreaterThan(2_000);
    const one = prepare(itemOf({ type: 'input_image', image_url: PIXEL })).inputTokens;
    const large = `data:image/png;base64,${'aGk='.repeat(9_999)}`;
    expect(prepare(itemOf({ type: 'input_image', image_url: large })).inputTokens).toBe(one);
    expect(one).toBeGreaterThan(1_000);
    const byUrl = itemOf({ type: 'input_image', image_url: 'https://x/y.png' });
    expect(prepare(byUrl).inputTokens).toBe(128_000);
    expect(outcomeOf(byUrl, { contextWindow: undefined })).toBe('input[0].content[0]');
  });
});

const event = (data: { type: string; [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const TEXT = event({ type: 'response.output_text.delta', delta: 'Grüße "usage" 👋' });
const DONE = event({ type: 'response.output_text.done', text: 'Grüße "usage" 👋' });
const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 60, cache_write_tokens: 20 },
  output_tokens: 40,
  output_tokens_details: { reasoning_tokens: 30 },
  total_tokens: 140,
};
const lastOf = (type: string) => event({ type, response: { id: 'r', usage: USAGE } });

describe('the meter', () => {
  test.each([
    ['response.completed', false],
    ['response.incomplete', false],
    ['response.failed', true],
  ])('reads %s the same however the stream was cut, and holds it back', (type, hasFailed) => {
    const text = Buffer.from(TEXT + DONE + lastOf(type));
    for (let cut = 0; cut <= text.length; cut += 1) {
      const meter = RESPONSES.makeMeter(RESPONSES.parse({ input: 'Hi', stream: true }, RULES));
      const splitter = makeEventSplitter();
      const reads = [text.subarray(0, cut), text.subarray(cut)].map((read) =>
        meter.take(splitter.push(read).events),
      );
      expect(Buffer.concat(reads.map(({ forward }) => forward)).toString()).toBe(TEXT + DONE);
      expect(reads.flatMap(({ end }) => end?.toString() ?? []).join('')).toBe(lastOf(type));
      expect(meter.usage()?.tokens).toEqual({
        input: 100,
        cachedInput: 60,
        cacheWrite: 20,
        output: 40,
        reasoning: 30,
      });
      expect(meter.contentBytes()).toBe(Buffer.byteLength('Grüße \\"usage\\" 👋') - 2);
      expect([meter.isFinished(), meter.hasFailed()]).toEqual([true, hasFailed]);
    }
  });

  test('sees an error of the provider’s', () => {
    const meter = RESPONSES.makeMeter(RESPONSES.parse({ input: 'Hi', stream: true }, RULES));
    meter.take(Buffer.from(event({ type: 'error', message: 'no' })));
    expect([meter.isFinished(), meter.hasFailed()]).toEqual([false, true]);
  });
});

test('a cut stream ends as incomplete', () => {
  const meter = RESPONSES.makeMeter(RESPONSES.parse({ input: 'Hi', stream: true }, RULES));
  const facts = { requestId: asRequestId('r1'), model: 'openai/m', nowMs: 5_000 };
  const cut = RESPONSES.toCutEvents(facts, meter);
  expect(cut.startsWith('event: response.incomplete\ndata: ')).toBe(true);
  expect(JSON.parse(cut.slice(cut.indexOf('{')))).toMatchObject({
    response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
  });
});

describe('an embedding', () => {
  const embed = (more: object, rules: Partial<RequestRules> = {}) =>
    prepareEmbeddings({ model: 'x', input: 'Hi', ...more } as JsonObject, { ...RULES, ...rules });

  test.each([
    ['a text', 'Grüße', 7 + 8],
    ['tokens', [1, 2, 3], 3 + 8],
    ['texts', ['a', 'bc'], 3 + 16],
    ['lists of tokens', [[1], [2, 3]], 3 + 16],
  ])('of %s is bounded by its bytes or its tokens', (_, input, tokens) => {
    const request = embed({ input });
    expect([request.inputTokens, request.outputTokens(request.cap)]).toEqual([tokens, 0]);
  });

  test.each<[unknown]>([[[]], [5], [[['a']]], [[{}]], [null]])('of %j cannot be read', (input) => {
    expect(refusalOf(() => embed({ input }))).toBe('input');
  });

  test('is sent as it was checked, without what the provider does not know', () => {
    const row = { ...GENERIC_ROW, dropFields: ['user'] };
    const request = embed({ user: 'u', dimensions: 8 }, { row });
    expect(JSON.parse(request.toBody(0))).toEqual({ model: 'm', input: 'Hi', dimensions: 8 });
    expect(refusalOf(() => embed({ unheard_of: 1 }))).toBe('unheard_of');
    expect(refusalOf(() => embed({ unheard_of: 1 }, UNCAPPED))).toBe('passes');
  });

  test.each([
    [{ prompt_tokens: 9, total_tokens: 9 }, 9],
    [{ total_tokens: 9 }, 9],
  ])('of usage %j is input alone', (usage, input) => {
    expect(EMBEDDINGS.readUsage({ usage })?.tokens).toMatchObject({ input, output: 0 });
  });
});
