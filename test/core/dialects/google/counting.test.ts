import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GOOGLE } from '../../../../core/dialects/google/google.ts';
import { inputTokensMax } from '../../../../core/dialects/input-bound.ts';
import { ImageData } from '../../../../core/dialects/leaves.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

const RULES: RequestRules = {
  ...REQUEST_RULES,
  model: 'gemini-2.5-flash',
  pathModel: 'google/gemini-2.5-flash',
};
const HELLO = [{ role: 'user', parts: [{ text: 'Hello' }] }];
const parse = (more: object, rules: Partial<RequestRules> = {}) =>
  GOOGLE.parse({ contents: HELLO, ...more }, { ...RULES, ...rules });
const withPart = (part: unknown) => ({ contents: [{ parts: [part] }] });
const PNG = { mimeType: 'image/png', data: 'aGk=' };
const FUNCTIONS = { functionDeclarations: [{ name: 'f' }] };

describe('what the bound counts', () => {
  const boundOf = (more: object, contextWindow?: number) =>
    inputTokensMax(parse(more).input, {
      imageTokensMax: 5_000,
      contextWindow,
      vocabulary: 'bytes',
    });

  test('is the head and each content, without image data', () => {
    const { input } = parse({
      systemInstruction: { parts: [{ text: 'Hi' }] },
      tools: [FUNCTIONS],
      safetySettings: [{ category: 'x' }],
      generationConfig: { temperature: 1, maxOutputTokens: 9, responseJsonSchema: {} },
      contents: [
        { role: 'user', parts: [{ inlineData: PNG }, { text: 'x' }] },
        { role: 'model', parts: [{ functionCall: { name: 'f' }, thoughtSignature: 'y' }] },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: {} } }] },
      ],
    });
    expect(input).toMatchObject({
      head: '{"systemInstruction":{"parts":[{"text":"Hi"}]},"tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"responseJsonSchema":{}}}',
      tools: { count: 3, typed: 0 },
      cacheMark: 'none',
      hasHostedTools: false,
    });
    expect(input.messages).toEqual([
      {
        text: '{"role":"user","parts":[{"inlineData":{"mimeType":"image/png"}},{"text":"x"}]}',
        images: [expect.any(ImageData)],
        endsInToolResult: false,
        hasHiddenReasoning: false,
      },
      {
        text: '{"role":"model","parts":[{"thoughtSignature":"y","functionCall":{"name":"f"}}]}',
        images: [],
        endsInToolResult: false,
        hasHiddenReasoning: true,
      },
      {
        text: '{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}',
        images: [],
        endsInToolResult: true,
        hasHiddenReasoning: false,
      },
    ]);
  });

  test('is an image by its rule and not by its bytes', () => {
    const image = (data: string) => withPart({ inlineData: { ...PNG, data } });
    expect(boundOf(image('aGk='.repeat(50_000)))).toBe(boundOf(image('aGk=')));
    expect(boundOf(image('aGk='))).toBeGreaterThan(5_000);
  });

  test('is what a text in base64 says, in every form', () => {
    const data = Buffer.from('\uFDFA'.repeat(100)).toString('base64');
    const tokens = boundOf(withPart({ inlineData: { mimeType: 'text/plain', data } }));
    expect(tokens).toBeGreaterThan(3_300);
  });

  test.each([
    [
      'a URL',
      withPart({ fileData: { fileUri: 'https://x.edu/a.pdf', mimeType: 'application/pdf' } }),
      false,
    ],
    ['a PDF', withPart({ inlineData: { mimeType: 'application/pdf', data: 'aGk=' } }), true],
  ])('is the context window for %s', (_, more, isInline) => {
    expect(boundOf(more, 1_000_000)).toBe(1_000_000);
    expect(boundOf(more)).toBeUndefined();
    expect(parse(more).toCountBody?.() !== undefined).toBe(isInline);
  });

  test('is never below the bytes of any text in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const parts = [{ text }];
        const tokens = boundOf({ systemInstruction: { parts }, contents: [{ parts }] });
        expect(tokens).toBeGreaterThanOrEqual(2 * Buffer.byteLength(text.normalize('NFKC')));
      }),
    );
  });
});

test('the body for the count route is the whole request', () => {
  const more = { systemInstruction: { parts: [{ text: 'Hi' }] }, tools: [FUNCTIONS] };
  expect(JSON.parse(parse(more).toCountBody?.() ?? '')).toEqual({
    generateContentRequest: { model: 'models/gemini-2.5-flash', contents: HELLO, ...more },
  });
});
