import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHAT } from '../../../core/dialects/chat/chat.ts';
import { type BoundRules, inputTokensMax } from '../../../core/dialects/input-bound.ts';
import { CORPUS } from '../../support/corpus.ts';
import { REQUEST_RULES } from '../../support/request-rules.ts';

const RULES: BoundRules = {
  imageTokensMax: 1_000,
  contextWindow: undefined,
  vocabulary: 'bytes',
};
const inputOf = (body: Readonly<Record<string, unknown>>) => CHAT.parse(body, REQUEST_RULES).input;
const bound = (body: Readonly<Record<string, unknown>>, rules = RULES) =>
  inputTokensMax(inputOf(body), rules);
const ask = (content: unknown) => ({ messages: [{ role: 'user', content }] });
const image = (url: unknown) => ({ type: 'image_url', image_url: { url } });
const BASE64 = 'iVBORw0KGgo'.repeat(1_000);
const INLINE = `data:image/png;base64,${BASE64}`;

describe('the bound of a chat’s input', () => {
  test('counts every byte that is sent, and an overhead a request and a message', () => {
    // 33 bytes of JSON, 2 of the empty head, 64 a request, 8 a message.
    expect(bound(ask('hello'))).toBe(107);
  });

  test('counts bytes and not characters', () => {
    // Four characters of three bytes each in the place of five.
    expect(bound(ask('你好世界'))).toBe(114);
  });

  test('counts what a character becomes where a tokenizer normalises it', () => {
    // Three bytes; 33 in the form NFKC: eight words of Arabic, 18 characters.
    expect(bound(ask('\uFDFA'))).toBe(102 + 33);
    // Three bytes each, and one: the longer form counts.
    expect(bound(ask('ＡＢ'))).toBe(102 + 6);
  });

  test('counts tools with their overhead', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    // "tools":[…] is 53 bytes, 640 for having tools, 16 a tool.
    expect(bound({ ...ask('hello'), tools })).toBe(107 + 53 + 640 + 16);
  });

  test('counts an image sent inline by its provider’s rule, not by its bytes', () => {
    // 63 bytes of JSON without the URL.
    expect(bound(ask([image(INLINE)]))).toBe(63 + 2 + 64 + 8 + 1_000);
    expect(bound(ask([{ type: 'image_url', image_url: INLINE }]))).toBeLessThan(1_200);
  });

  test.each([
    ['a remote image', 'https://example.org/x.png'],
    ['a document', 'data:application/pdf;base64,AAAA'],
    ['something else than base64', 'data:image/svg+xml;base64,<svg>'],
  ])('takes %s as input by reference, bounded by the context window', (_, url) => {
    const body = ask([{ type: 'text', text: 'x' }, image(url)]);
    expect(inputOf(body).reference).toBe('messages[0].content[1].image_url.url');
    expect(bound(body)).toBeUndefined();
    expect(bound(body, { ...RULES, contextWindow: 128_000 })).toBe(128_000);
  });

  test.each(CORPUS)('is never under what tokenizers count: $kind', ({ text, tokens }) => {
    const { o200k, cl100k } = tokens;
    const counted = bound(ask(text)) ?? 0;
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
    const parts = fc.array(fc.record({ type: fc.constant('text'), text }), { maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(text, parts), { maxLength: 3 }),
        text,
        (contents, description) => {
          const messages = contents.map((content) => ({ role: 'user', content }));
          const tools = [{ type: 'function', function: { name: 'f', description } }];
          const texts = contents.flatMap((content) =>
            typeof content === 'string' ? [content] : content.map((part) => part.text),
          );
          const counted = bound({ messages, tools });
          for (const form of ['NFC', 'NFKC']) {
            const bytes = [...texts, description].map((each) =>
              Buffer.byteLength(form === 'NFC' ? each : each.normalize(form)),
            );
            expect(counted).toBeGreaterThanOrEqual(bytes.reduce((sum, each) => sum + each, 0));
          }
        },
      ),
    );
  });
});
