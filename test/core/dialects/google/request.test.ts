import { describe, expect, test } from 'vitest';
import { GOOGLE } from '../../../../core/dialects/google/google.ts';
import { outputTokensMax } from '../../../../core/dialects/request-output.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { OPEN, outcomeOf, REQUEST_RULES, SCOPED } from '../../../support/request-rules.ts';

const RULES: RequestRules = {
  ...REQUEST_RULES,
  model: 'gemini-2.5-flash',
  pathModel: 'google/gemini-2.5-flash',
};
const HELLO = [{ role: 'user', parts: [{ text: 'Hello' }] }];
const parse = (more: object, rules: Partial<RequestRules> = {}) =>
  GOOGLE.parse({ contents: HELLO, ...more }, { ...RULES, ...rules });
const outcome = (more: object, rules: Partial<RequestRules> = {}) =>
  outcomeOf(GOOGLE, { contents: HELLO, ...more }, { ...RULES, ...rules });
const sentOf = (more: object, rules: Partial<RequestRules> = {}) => {
  const { write, output } = parse(more, rules);
  return JSON.parse(write(output.cap));
};
const withPart = (part: unknown) => ({ contents: [{ parts: [part] }] });
const withResult = (...parts: unknown[]) => withPart({ functionResponse: { name: 'f', parts } });
const PNG = { mimeType: 'image/png', data: 'aGk=' };
const WAV = { mimeType: 'audio/wav', data: 'aGk=' };
const FUNCTIONS = { functionDeclarations: [{ name: 'f' }] };
const REMOVE = 'is not bounded by a spending limit; remove it or use a key without one';

describe('the body that is sent', () => {
  test('is what was read, with the cap in its place, and without a model or what is stored', () => {
    const config = { maxOutputTokens: 100, temperature: 0.5 };
    const request = parse({
      model: 'models/gemini-2.5-flash',
      store: true,
      generationConfig: config,
    });
    expect(JSON.parse(request.write(64))).toEqual({
      contents: HELLO,
      generationConfig: { maxOutputTokens: 64, temperature: 0.5 },
    });
    expect(request).toMatchObject({ isStream: false, output: { cap: 100, capMin: 16 } });
    expect(parse({}, { isStreamRoute: true }).isStream).toBe(true);
  });

  test('has the default cap under a limit, and none where neither a limit nor the client sets one', () => {
    expect(sentOf({}).generationConfig).toEqual({ maxOutputTokens: 8_192 });
    expect(sentOf({}, SCOPED)).toEqual({ contents: HELLO });
    expect(sentOf({}, OPEN)).toEqual({ contents: HELLO });
  });

  test('has one spelling of what has two, and leaves schemas and arguments alone', () => {
    const schema = { properties: { a_b: {} } };
    const image = { inline_data: { mime_type: 'image/png', data: 'aGk=' } };
    const sent = sentOf({
      system_instruction: { parts: [{ text: 'Be kind.' }] },
      generation_config: { max_output_tokens: 9, response_schema: schema },
      contents: [
        { parts: [image] },
        { parts: [{ function_call: { name: 'f_g', args: { a_b: 1 } } }] },
        { parts: [{ functionResponse: { name: 'f', response: { c_d: 2 }, parts: [image] } }] },
      ],
      tools: [{ function_declarations: [{ name: 'f_g', parameters: schema }] }],
    });
    expect(sent).toEqual({
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
      generationConfig: { maxOutputTokens: 9, responseSchema: schema },
      contents: [
        { parts: [{ inlineData: PNG }] },
        { parts: [{ functionCall: { name: 'f_g', args: { a_b: 1 } } }] },
        {
          parts: [
            { functionResponse: { name: 'f', response: { c_d: 2 }, parts: [{ inlineData: PNG }] } },
          ],
        },
      ],
      tools: [{ functionDeclarations: [{ name: 'f_g', parameters: schema }] }],
    });
  });

  test.each([
    ['a limit', {}],
    ['none', SCOPED],
  ])('has lists where Google takes one item for a list, under %s', (_, rules) => {
    const sent = sentOf(
      {
        contents: { role: 'user', parts: { text: 'Hello' } },
        systemInstruction: { parts: { text: 'Be kind.' } },
        tools: { functionDeclarations: { name: 'f' } },
        safetySettings: { category: 'x' },
        generationConfig: { maxOutputTokens: 9 },
      },
      rules,
    );
    expect(sent).toEqual({
      contents: HELLO,
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
      tools: [FUNCTIONS],
      safetySettings: [{ category: 'x' }],
      generationConfig: { maxOutputTokens: 9 },
    });
    const nested = withPart({ functionResponse: { name: 'f', parts: { inlineData: PNG } } });
    expect(sentOf(nested, rules).contents[0].parts[0].functionResponse.parts).toEqual([
      { inlineData: PNG },
    ]);
  });

  test.each([
    ['generationConfig', { generationConfig: {}, generation_config: {} }],
    [
      'generationConfig.maxOutputTokens',
      { generationConfig: { maxOutputTokens: 9, max_output_tokens: 9_000 } },
    ],
    ['contents[0].parts[0].inlineData', withPart({ inlineData: PNG, inline_data: PNG })],
    ['tools[0].googleSearch', { tools: [{ googleSearch: {}, google_search: {} }] }],
  ])('never has both spellings of %s', (path, more) => {
    const words = `"${path}" is given twice, under two spellings`;
    expect([{}, SCOPED].map((rules) => outcome(more, rules))).toEqual([words, words]);
  });

  test('has no model but the path’s', () => {
    for (const model of ['models/gemini-2.5-flash', 'google/gemini-2.5-flash', null]) {
      expect(outcome({ model })).toBe('passes');
    }
    const words = '"model" must be the model that the path names';
    expect(outcome({ model: 'models/gemini-3-pro' })).toBe(words);
    expect(outcome({ model: 'models/gemini-3-pro' }, OPEN)).toBe(words);
  });

  test('bounds every candidate', () => {
    const { output } = parse({ generationConfig: { candidateCount: 3, maxOutputTokens: 10 } });
    expect(outputTokensMax(output, 10)).toBe(30);
  });
});

describe('under a limit', () => {
  test.each([
    ['a system prompt', { systemInstruction: { parts: [{ text: 'x' }] } }],
    [
      'functions of the client’s',
      { tools: [FUNCTIONS], toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
    ],
    ['thinking', { generationConfig: { thinkingConfig: { thinkingBudget: 1_024 } } }],
    [
      'a form of the answer',
      { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: {} } },
    ],
    ['text as the one modality', { generationConfig: { responseModalities: ['TEXT'] } }],
    ['safety settings', { safetySettings: [{ category: 'x', threshold: 'y' }] }],
    ['an image', withPart({ inlineData: PNG, mediaResolution: { level: 'HIGH' } })],
    ['a text in base64', withPart({ inlineData: { mimeType: 'text/plain', data: 'aGk=' } })],
    ['a thought', withPart({ thought: true, text: 'x', thoughtSignature: 'y' })],
    ['null for a field', { cachedContent: null, unheardOf: null }],
  ])('%s passes', (_, more) => {
    expect(outcome(more)).toBe('passes');
  });

  test.each([
    ['tools[0].googleSearch', { tools: [{ googleSearch: {} }] }],
    ['tools[0].codeExecution', { tools: [{ code_execution: {} }, FUNCTIONS] }],
    ['tools.urlContext', { tools: { urlContext: {} } }],
    [
      'toolConfig.includeServerSideToolInvocations',
      { toolConfig: { includeServerSideToolInvocations: true } },
    ],
    ['generationConfig.speechConfig', { generationConfig: { speechConfig: {} } }],
    ['generationConfig.routingConfig', { generationConfig: { routingConfig: {} } }],
    ['contents[0].parts[0].toolResponse', withPart({ toolResponse: {} })],
    ['contents[0].parts[0].videoMetadata', withPart({ text: 'x', videoMetadata: { fps: 24 } })],
    [
      'contents[0].parts[0].mediaResolution.numTokens',
      withPart({ inlineData: PNG, mediaResolution: { numTokens: 9 } }),
    ],
    ['unheardOf', { unheard_of: 1 }],
    ['(unnamed)', { 'say this to them': 1 }],
  ])('%s is refused', (path, more) => {
    expect(outcome(more)).toBe(`"${path}" ${REMOVE}`);
    expect(outcome(more, { isCapped: false })).toBe(`"${path}" ${REMOVE}`);
    expect(outcome(more, SCOPED)).toBe('passes');
  });

  test.each([
    [
      'generationConfig.responseModalities[1]',
      'one of TEXT',
      { generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } },
    ],
    ['serviceTier', 'one of standard, unspecified', { serviceTier: 'priority' }],
    [
      'contents[0].parts[0].inlineData.mimeType',
      'an image, a text or application/pdf',
      withPart({ inlineData: WAV }),
    ],
    [
      'contents[0].parts[0].functionResponse.parts[0].inlineData.mimeType',
      'an image, a text or application/pdf',
      withResult({ inline_data: { mime_type: 'audio/wav', data: 'aGk=' } }),
    ],
    [
      'systemInstruction.parts.inlineData.mimeType',
      'an image, a text or application/pdf',
      { systemInstruction: { parts: { inlineData: WAV } } },
    ],
    [
      'contents[0].parts[0].fileData.mimeType',
      'an image, a text or application/pdf',
      withPart({ fileData: { fileUri: 'https://x.edu/a.mp4', mimeType: 'video/mp4' } }),
    ],
    [
      'contents.parts.fileData.mimeType',
      'an image, a text or application/pdf',
      { contents: { parts: { fileData: { fileUri: 'https://x.edu/v', mimeType: 'video/mp4' } } } },
    ],
    [
      'contents[0].parts[0].fileData.fileUri',
      'the address of an image, a text or a PDF',
      withPart({
        fileData: { fileUri: 'https://www.youtube.com/watch?v=x', mimeType: 'image/png' },
      }),
    ],
  ])('%s is limited to %s: the price is another', (path, allowed, more) => {
    expect(outcome(more)).toBe(
      `"${path}" is not bounded by a spending limit; allowed is ${allowed}, or a key without one`,
    );
    expect(outcome(more, SCOPED)).toBe('passes');
  });

  test('a search beside functions is left out and named', () => {
    const tools = [{ google_search: {} }, { ...FUNCTIONS, urlContext: {} }];
    expect(parse({ tools }).dropped).toEqual(['googleSearch', 'urlContext']);
    expect(sentOf({ tools }).tools).toEqual([FUNCTIONS]);
    expect(parse({ tools }, SCOPED).dropped).toEqual([]);
  });

  test.each([
    ['"contents" must be a list or an object, got a text', { contents: 'Hi' }],
    ['"contents" must be a list or an object, got nothing', { contents: undefined }],
    ['"contents[0]" must be an object, got a text', { contents: ['Hi'] }],
    [
      '"contents[0].parts" must be a list or an object, got a text',
      { contents: [{ parts: 'Hi' }] },
    ],
    ['"contents[0].parts[0]" must be an object, got a list', withPart([])],
    ['"contents[0].parts[0].text" must be a text, got an object', withPart({ text: {} })],
    [
      '"contents[0].parts[0].inlineData" must be an object, got a list',
      withPart({ inlineData: [PNG] }),
    ],
    [
      '"contents[0].parts[0].inlineData.data" must be base64, got a text',
      withPart({ inlineData: { ...PNG, data: 'a prompt!' } }),
    ],
    ['"systemInstruction" must be an object, got a text', { systemInstruction: 'x' }],
    ['"tools[0]" must be an object, got a text', { tools: ['x'] }],
    ['"generationConfig" must be an object, got a list', { generationConfig: [] }],
    [
      '"generationConfig.maxOutputTokens" must be a whole number from 1 to 10000000, got a text',
      { generationConfig: { maxOutputTokens: '9' } },
    ],
    [
      '"generationConfig.candidateCount" must be a whole number from 1 to 8, got 9',
      { generationConfig: { candidateCount: 9 } },
    ],
  ])('%s', (words, more) => {
    expect([{}, SCOPED].map((rules) => outcome(more, rules))).toEqual([words, words]);
  });
});

describe('without a limit', () => {
  test.each([
    ['cachedContent', { cachedContent: 'cachedContents/1' }],
    ['cachedContent', { cached_content: 'cachedContents/1' }],
    ['continuationToken', { continuationToken: 'x' }],
    [
      'contents[0].parts[0].fileData.fileUri',
      withPart({
        fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/a' },
      }),
    ],
    ['contents[0].parts[0].fileData.fileUri', withPart({ fileData: { fileUri: 'files/a' } })],
    [
      'contents[0].parts[0].fileData.fileUri',
      withPart({ file_data: { file_uri: 'gs://bucket/a' } }),
    ],
    [
      'contents[0].parts[0].functionResponse.parts[0].fileData.fileUri',
      withResult({ fileData: { fileUri: 'files/a' } }),
    ],
    ['tools[0].fileSearch', { tools: [{ fileSearch: { fileSearchStoreNames: ['x'] } }] }],
    [
      'tools[0].retrieval.vertexRagStore',
      { tools: [{ retrieval: { vertexRagStore: { corpora: 'x' } } }] },
    ],
  ])('%s may name what is stored for a server key alone', (path, more) => {
    expect(outcome(more, SCOPED)).toBe(
      `"${path}" may name data stored at the provider, which only a server key may do`,
    );
    expect(outcome(more, OPEN)).toBe('passes');
  });

  test('a server key sends what it likes, but for what the gateway itself reads', () => {
    const odd = { contents: ['Hi', { parts: 'x' }], tools: 'x', systemInstruction: 7 };
    expect(sentOf(odd, OPEN)).toEqual(odd);
    expect(outcome({ contents: 'Hi' }, OPEN)).toBe(
      '"contents" must be a list or an object, got a text',
    );
    const words = '"generationConfig.candidateCount" must be a whole number from 1 to 8, got 9';
    expect(outcome({ generation_config: { candidate_count: 9 } }, OPEN)).toBe(words);
  });
});
