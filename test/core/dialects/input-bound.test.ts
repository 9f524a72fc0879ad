import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundChatInput } from '../../../core/dialects/chat/input.ts';
import type { InputRules } from '../../../core/dialects/input-bound.ts';
import { CORPUS } from '../../support/corpus.ts';

const RULES: InputRules = { imageTokensMax: 1_000, contextWindow: undefined };
const bound = (body: Readonly<Record<string, unknown>>, rules = RULES) =>
  boundChatInput(body, JSON.stringify(body), rules);
const ask = (content: unknown) => ({ messages: [{ role: 'user', content }] });
const image = (url: unknown) => ({ type: 'image_url', image_url: { url } });
const BASE64 = 'iVBORw0KGgo'.repeat(1_000);
const INLINE = `data:image/png;base64,${BASE64}`;

describe('the bound of a chat’s input', () => {
  test('counts every byte that is sent, and an overhead a request and a message', () => {
    // 48 bytes of JSON, 64 a request, 8 a message.
    expect(bound(ask('hello'))).toEqual({ tokens: 120 });
  });

  test('counts bytes and not characters', () => {
    // Four characters of three bytes each in the place of five.
    expect(bound(ask('你好世界')).tokens).toBe(127);
  });

  test('counts what a character becomes where a tokenizer normalises it', () => {
    // Three bytes; 33 in the form NFKC: eight words of Arabic, 18 characters.
    expect(bound(ask('\uFDFA')).tokens).toBe(115 + 33);
    // Three bytes each, and one: the longer form counts.
    expect(bound(ask('ＡＢ')).tokens).toBe(115 + 6);
  });

  test('counts tools with their overhead', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    // ,"tools":[…] is 54 bytes, 640 for having tools, 16 a tool.
    expect(bound({ ...ask('hello'), tools }).tokens).toBe(120 + 54 + 640 + 16);
  });

  test('counts an image sent inline by its provider’s rule, not by its bytes', () => {
    // 86 bytes of JSON without the URL's text.
    expect(bound(ask([image(INLINE)]))).toEqual({ tokens: 86 + 64 + 8 + 1_000 });
    expect(bound(ask([{ type: 'image_url', image_url: INLINE }])).tokens).toBeLessThan(1_200);
  });

  test.each([
    ['a remote image', 'https://example.org/x.png'],
    ['a document', 'data:application/pdf;base64,AAAA'],
    ['something else than base64', 'data:image/svg+xml;base64,<svg>'],
    ['no text', 7],
  ])('takes %s as input by reference, bounded by the context window', (_, url) => {
    const body = ask([{ type: 'text', text: 'x' }, image(url)]);
    const reference = 'messages[0].content[1].image_url';
    expect(bound(body)).toEqual({ tokens: undefined, reference });
    expect(bound(body, { ...RULES, contextWindow: 128_000 })).toEqual({
      tokens: 128_000,
      reference,
    });
  });

  test.each([
    ['a file', 'messages[0].content[0]', ask([{ type: 'file', file: { file_data: 'x' } }])],
    ['a video', 'messages[0].content[0]', ask([{ type: 'video_url', video_url: {} }])],
    ['a voice', 'messages[0].audio', { messages: [{ role: 'assistant', audio: { id: 'a' } }] }],
  ])('takes %s as input by reference, whatever bytes it has', (_, reference, body) => {
    expect(bound(body)).toEqual({ tokens: undefined, reference });
    expect(bound(body, { ...RULES, contextWindow: 9_000 })).toEqual({ tokens: 9_000, reference });
  });

  test('does not take text for an image', () => {
    const body = ask([{ type: 'text', text: 'x', image_url: { url: INLINE } }]);
    expect(bound(body).tokens).toBeGreaterThan(11_000);
  });

  test.each([null, 7, 'x', [null], [7]])('reads any messages: %j', (messages) => {
    expect(bound({ messages }).tokens).toBeGreaterThan(64);
  });

  test.each(CORPUS)('is never under what tokenizers count: $kind', ({ text, tokens }) => {
    const { o200k, cl100k } = tokens;
    const counted = bound(ask(text)).tokens ?? 0;
    expect(counted).toBeGreaterThanOrEqual(Math.max(o200k, cl100k));
    // Nor is it beyond all measure: bytes, their escapes in JSON, and the frame of a message.
    expect(counted).toBeLessThanOrEqual(2 * Buffer.byteLength(text) + 200);
  });

  test('is never under the bytes of all texts, as they are and as tokenizers normalise them', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.base64String(),
    );
    const parts = fc.array(fc.record({ type: fc.constant('text'), text }));
    fc.assert(
      fc.property(fc.array(fc.oneof(text, parts)), text, (contents, description) => {
        const messages = contents.map((content) => ({ role: 'user', content }));
        const tools = [{ type: 'function', function: { name: 'f', description } }];
        const texts = contents.flatMap((content) =>
          typeof content === 'string' ? [content] : content.map((part) => part.text),
        );
        const counted = bound({ messages, tools }).tokens;
        for (const form of ['NFC', 'NFKC']) {
          const bytes = [...texts, description].map((each) =>
            Buffer.byteLength(form === 'NFC' ? each : each.normalize(form)),
          );
          expect(counted).toBeGreaterThanOrEqual(bytes.reduce((sum, each) => sum + each, 0));
        }
      }),
    );
  });
});
