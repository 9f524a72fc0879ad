import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../core/base/errors.ts';
import type { JsonObject } from '../../../../core/base/json.ts';
import { GOOGLE, prepareGoogle } from '../../../../core/dialects/google/google.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { findRoute } from '../../../../core/dialects/routes.ts';
import { GENERIC_ROW } from '../../../../core/providers/known.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

const RULES: RequestRules = {
  ...REQUEST_RULES,
  row: { ...GENERIC_ROW, imageTokensMax: 5_000 },
  model: 'gemini-2.5-flash',
  contextWindow: 1_000_000,
};
const UNCAPPED = { isCapped: false, isBounded: false };
const HELLO = [{ role: 'user', parts: [{ text: 'Hello' }] }];
const prepare = (more: object, rules: Partial<RequestRules> = {}) =>
  prepareGoogle({ contents: HELLO, ...more } as JsonObject, { ...RULES, ...rules });
const raisedBy = (act: () => unknown): string => {
  try {
    act();
    return 'passes';
  } catch (error) {
    return error instanceof GatewayError ? `${error.facts.param}: ${error.message}` : 'broke';
  }
};
const outcomeOf = (more: object, rules: Partial<RequestRules> = {}): string =>
  raisedBy(() => prepare(more, rules));
const partOf = (part: object) => ({ contents: [{ parts: [part] }] });
const sentOf = (more: object, rules: Partial<RequestRules> = {}) => {
  const request = prepare(more, rules);
  return JSON.parse(request.toBody(request.cap));
};

describe('the route', () => {
  const find = (path: string, query: Record<string, string> = {}, method = 'POST') =>
    findRoute({ method, path, query, headers: new Map(), body: undefined });

  test.each([
    ['/v1beta/models/gemini-2.5-flash:generateContent', 'gemini-2.5-flash'],
    ['/v1/models/gemini-2.5-flash:generateContent', 'gemini-2.5-flash'],
    ['/v1beta/models/google/gemini-2.5-flash:generateContent', 'google/gemini-2.5-flash'],
    ['/v1beta/models/google%2Fgemini-2.5-flash:generateContent', 'google/gemini-2.5-flash'],
    // Decoded once: what is left of the escape is no model's name.
    ['/v1beta/models/google%252Fgemini:generateContent', 'google%2Fgemini'],
    ['/v1/models/ollama/llama3:8b:generateContent', 'ollama/llama3:8b'],
  ])('of %s has the model %s', (path, modelId) => {
    expect(find(path)).toMatchObject({ dialect: GOOGLE, modelId, isStreamRoute: false });
  });

  test('of a stream is known by its path', () => {
    const path = '/v1beta/models/gemini-2.5-flash:streamGenerateContent';
    expect(find(path, { alt: 'sse', key: 'ignored' })?.isStreamRoute).toBe(true);
  });

  test.each([
    ['streamGenerateContent', {}, 'must be "sse" here, got nothing'],
    ['streamGenerateContent', { alt: 'json' }, 'must be "sse" here, got another value'],
    ['generateContent', { alt: 'sse' }, 'must be "json" here, got another value'],
    ['generateContent', { alt: 'media' }, 'must be "json" here, got another value'],
  ])('%s with %j is refused: the answer would have another form', (action, query, words) => {
    const act = () => find(`/v1beta/models/gemini-2.5-flash:${action}`, query);
    expect(raisedBy(act)).toBe(`alt: the query parameter "alt" ${words}`);
  });

  test.each([
    ['GET', '/v1beta/models/gemini-2.5-flash:generateContent'],
    ['POST', '/v1beta/models/gemini-2.5-flash:batchGenerateContent'],
    ['POST', '/v1beta/models/gemini-2.5-flash'],
    ['POST', '/v1beta/models/:generateContent'],
    ['POST', '/v1beta/tunedModels/x:generateContent'],
    ['POST', '/v2/models/x:generateContent'],
  ])('of %s %s does not exist', (method, path) => {
    expect(find(path, {}, method)).toBeUndefined();
  });

  test('whose model is broken UTF-8 is refused', () => {
    expect(raisedBy(() => find('/v1/models/%ff:generateContent'))).toBe(
      'model: the model in the path must be percent-encoded UTF-8',
    );
  });
});

describe('what is sent', () => {
  test('is what was checked, with the cap in its place and without what the path or nobody says', () => {
    const config = { maxOutputTokens: 100, temperature: 0.5 };
    const request = prepare({ model: 'models/other', store: true, generationConfig: config });
    expect(JSON.parse(request.toBody(64))).toEqual({
      contents: HELLO,
      generationConfig: { temperature: 0.5, maxOutputTokens: 64 },
    });
    expect(request.cap).toBe(100);
    expect(request.isStream).toBe(false);
    expect(prepare({}, { isStreamRoute: true }).isStream).toBe(true);
  });

  test('has the default cap under a limit, and none where neither a limit nor the client sets one', () => {
    expect(sentOf({}).generationConfig).toEqual({ maxOutputTokens: 8_192 });
    expect(sentOf({}, UNCAPPED)).toEqual({ contents: HELLO });
  });

  test('has one spelling of what may be spelt in two ways, and leaves schemas and arguments alone', () => {
    const sent = sentOf({
      system_instruction: { parts: [{ text: 'Be kind.' }] },
      generation_config: { max_output_tokens: 9, response_schema: { properties: { a_b: {} } } },
      contents: [
        { parts: [{ inline_data: { mime_type: 'image/png', data: 'aGk=' } }] },
        { parts: [{ function_call: { name: 'f_g', args: { a_b: 1 } } }] },
        {
          parts: [
            {
              functionResponse: {
                name: 'f',
                response: { c_d: 2 },
                parts: [{ inline_data: { mime_type: 'image/png', data: 'aGk=' } }],
              },
            },
          ],
        },
      ],
      tools: [
        { function_declarations: [{ name: 'f_g', parameters: { properties: { a_b: {} } } }] },
      ],
    });
    expect(sent).toEqual({
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
      generationConfig: { maxOutputTokens: 9, responseSchema: { properties: { a_b: {} } } },
      contents: [
        { parts: [{ inlineData: { mimeType: 'image/png', data: 'aGk=' } }] },
        { parts: [{ functionCall: { name: 'f_g', args: { a_b: 1 } } }] },
        {
          parts: [
            {
              functionResponse: {
                name: 'f',
                response: { c_d: 2 },
                parts: [{ inlineData: { mimeType: 'image/png', data: 'aGk=' } }],
              },
            },
          ],
        },
      ],
      tools: [{ functionDeclarations: [{ name: 'f_g', parameters: { properties: { a_b: {} } } }] }],
    });
  });

  test.each([
    ['at the top', { generationConfig: {}, generation_config: {} }, 'generationConfig'],
    [
      'of the cap',
      { generationConfig: { maxOutputTokens: 9, max_output_tokens: 9_000_000 } },
      'generationConfig.maxOutputTokens',
    ],
    ['of a part', partOf({ inlineData: {}, inline_data: {} }), 'contents[0].parts[0].inlineData'],
    ['of a tool', { tools: [{ googleSearch: {}, google_search: {} }] }, 'tools[0].googleSearch'],
  ])('never has both spellings %s', (_, more, param) => {
    expect(outcomeOf(more, UNCAPPED)).toBe(
      `${param}: "${param}" is given twice, under two spellings`,
    );
  });

  test('bounds every candidate', () => {
    const request = prepare({ generationConfig: { candidateCount: 3, maxOutputTokens: 10 } });
    expect(request.outputTokens(10)).toBe(30);
  });
});

describe('under a spending limit', () => {
  test.each([
    ['a system prompt', { systemInstruction: { parts: [{ text: 'x' }] } }],
    [
      'functions of the client’s',
      { tools: [{ functionDeclarations: [{ name: 'f' }] }], toolConfig: {} },
    ],
    ['thinking', { generationConfig: { thinkingConfig: { thinkingBudget: 1_024 } } }],
    [
      'a form of the answer',
      { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: {} } },
    ],
    ['text as the one modality', { generationConfig: { responseModalities: ['TEXT'] } }],
    ['safety settings', { safetySettings: [{ category: 'x', threshold: 'y' }] }],
    ['an image', partOf({ inlineData: { mimeType: 'image/png', data: 'aGk=' } })],
    [
      'a document, whose pages the context window bounds',
      partOf({ inlineData: { mimeType: 'application/pdf', data: 'aGk=' } }),
    ],
    ['null for a field', { cachedContent: null }],
  ])('%s passes', (_, more) => {
    expect(outcomeOf(more)).toBe('passes');
  });

  test.each([
    ['a search', { tools: [{ googleSearch: {} }] }, 'tools'],
    [
      'a search beside functions',
      { tools: [{ functionDeclarations: [], google_search: {} }] },
      'tools',
    ],
    ['code that Google runs', { tools: [{ codeExecution: {} }] }, 'tools'],
    ['pages by their address', { tools: [{ urlContext: {} }] }, 'tools'],
    [
      'pictures as an answer',
      { generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } },
      'generationConfig.responseModalities',
    ],
    ['a voice', { generationConfig: { speechConfig: {} } }, 'generationConfig.speechConfig'],
    ['a dearer tier', { serviceTier: 'priority' }, 'serviceTier'],
    [
      'sound',
      partOf({ inlineData: { mimeType: 'audio/wav', data: 'aGk=' } }),
      'contents[0].parts[0].inlineData.mimeType',
    ],
    [
      'sound in a result',
      partOf({ functionResponse: { parts: [{ inline_data: { mime_type: 'audio/wav' } }] } }),
      'contents[0].parts[0].functionResponse.parts[0].inlineData.mimeType',
    ],
    [
      'moving pictures',
      partOf({ fileData: { fileUri: 'https://example.com/a.mp4', mimeType: 'video/mp4' } }),
      'contents[0].parts[0].fileData.mimeType',
    ],
    [
      'what a server’s tool said',
      partOf({ toolResponse: {} }),
      'contents[0].parts[0].toolResponse',
    ],
    [
      'sound in the system prompt',
      { systemInstruction: { parts: [{ inlineData: { mimeType: 'audio/wav' } }] } },
      'systemInstruction.parts[0].inlineData.mimeType',
    ],
    ['an unknown field', { unheardOf: 1 }, 'unheardOf'],
    ['a field whose name is a text', { 'say this to them': 1 }, '(unnamed)'],
  ])('%s is refused, and named', (_, more, param) => {
    expect(
      outcomeOf(more).startsWith(`${param}: "${param}" may not be used with a spending limit`),
    ).toBe(true);
    expect(outcomeOf(more, UNCAPPED)).toBe('passes');
  });

  test.each([
    [{ contents: 'Hi' }, 'contents: "contents" must be a list of contents, got string'],
    [
      { generationConfig: [] },
      'generationConfig: "generationConfig" must be an object, got object',
    ],
    [
      { generationConfig: { maxOutputTokens: '9' } },
      'generationConfig.maxOutputTokens: "generationConfig.maxOutputTokens" must be a whole number from 1 to 10000000, got string',
    ],
    [
      { generationConfig: { candidateCount: 9 } },
      'generationConfig.candidateCount: "generationConfig.candidateCount" must be a whole number from 1 to 8, got 9',
    ],
  ])('%j cannot be read', (more, words) => {
    expect(outcomeOf(more)).toBe(words);
    expect(outcomeOf(more, UNCAPPED)).toBe(words);
  });
});

describe('what is stored at the provider', () => {
  test.each([
    ['a cache', { cachedContent: 'cachedContents/1' }],
    ['an answer that is gone on with', { continuationToken: 'x' }],
    [
      'a file',
      partOf({ fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/a' } }),
    ],
    ['a file by its short name', partOf({ fileData: { fileUri: 'files/a' } })],
    ['a bucket', partOf({ file_data: { file_uri: 'gs://bucket/a' } })],
    [
      'a file in a result',
      partOf({ functionResponse: { parts: [{ fileData: { fileUri: 'files/a' } }] } }),
    ],
  ])('%s may be named by a server key alone', (_, more) => {
    expect(outcomeOf(more, UNCAPPED)).toContain('which only a server key may do');
    expect(outcomeOf(more, { ...UNCAPPED, isServerKey: true })).toBe('passes');
  });
});

describe('the input bound', () => {
  test('counts an image by its rule and not by its bytes', () => {
    const image = (data: string) => partOf({ inlineData: { mimeType: 'image/png', data } });
    const small = prepare(image('aGk=')).inputTokens;
    expect(prepare(image('aGk='.repeat(50_000))).inputTokens).toBe(small);
    expect(small).toBeGreaterThan(5_000);
  });

  test('is the context window for what is given by reference, and a refusal where none is known', () => {
    const url = partOf({
      fileData: { fileUri: 'https://example.com/a.pdf', mimeType: 'application/pdf' },
    });
    expect(prepare(url).inputTokens).toBe(1_000_000);
    expect(outcomeOf(url, { contextWindow: undefined })).toBe(
      'contents[0].parts[0].fileData: "contents[0].parts[0].fileData" may not be used with a spending limit, allowed is an image or a text in the request itself',
    );
    const pages = partOf({ inlineData: { mimeType: 'application/pdf', data: 'aGk=' } });
    expect(prepare(pages).inputTokens).toBe(1_000_000);
  });

  test('is never below the bytes of any text in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const parts = [{ text }];
        const { inputTokens } = prepare({ systemInstruction: { parts }, contents: [{ parts }] });
        expect(inputTokens).toBeGreaterThanOrEqual(2 * Buffer.byteLength(text.normalize('NFKC')));
      }),
    );
  });
});
