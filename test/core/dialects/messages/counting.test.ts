import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inputTokensMax } from '../../../../core/dialects/input-bound.ts';
import { ImageData } from '../../../../core/dialects/leaves.ts';
import { COUNT_TOKENS, MESSAGES } from '../../../../core/dialects/messages/messages.ts';
import {
  HELLO,
  HOUR,
  MARK,
  PNG,
  parse,
  RULES,
  withPart,
  withResult,
} from '../../../support/messages-requests.ts';
import { outcomeOf } from '../../../support/request-rules.ts';

const boundOf = (more: object, contextWindow?: number) =>
  inputTokensMax(parse(more).input, { imageTokensMax: 8_192, contextWindow, vocabulary: 'bytes' });

describe('what the bound counts', () => {
  test('is the head and each message, without marks and image data', () => {
    const { input } = parse({
      temperature: 1,
      system: [{ type: 'text', text: 'Hi', cache_control: HOUR }],
      tools: [
        { name: 't', input_schema: {}, cache_control: MARK },
        { type: 'bash_20250124', name: 'bash' },
      ],
      messages: [
        { role: 'user', content: [{ type: 'image', source: PNG, cache_control: MARK }] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: '', signature: 'abc' }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'u', content: 'x' }] },
      ],
    });
    expect(input).toEqual({
      head: '{"system":[{"type":"text","text":"Hi"}],"tools":[{"input_schema":{},"name":"t"},{"type":"bash_20250124","name":"bash"}]}',
      headImages: [],
      messages: [
        {
          text: '{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png"}}]}',
          images: [expect.any(ImageData)],
          endsInToolResult: false,
          hasHiddenReasoning: false,
        },
        {
          text: '{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"abc"}]}',
          images: [],
          endsInToolResult: false,
          hasHiddenReasoning: true,
        },
        {
          text: '{"role":"user","content":[{"type":"tool_result","tool_use_id":"u","content":"x"}]}',
          images: [],
          endsInToolResult: true,
          hasHiddenReasoning: false,
        },
      ],
      tools: { count: 2, typed: 1 },
      repeats: [],
      tokens: 0,
      reference: undefined,
      stored: undefined,
      isCountable: true,
      hasHostedTools: false,
      hasDeferredTools: false,
      cacheMark: '1h',
      cacheMarks: ['1h head', '5m head', '5m 3'],
    });
  });

  test.each([
    ['no mark', {}, 'none'],
    [
      'a mark in a tool’s result',
      withResult([{ type: 'text', text: 'x', cache_control: MARK }]),
      '5m',
    ],
    ['a mark for all', { cache_control: HOUR }, '1h'],
  ])('knows the dearest cache: %s', (_, more, mark) => {
    expect(parse(more).input.cacheMark).toBe(mark);
  });

  test('is an image by its rule and not by its bytes', () => {
    const image = (data: string) => withPart({ type: 'image', source: { ...PNG, data } });
    expect(boundOf(image('aGk='.repeat(50_000)))).toBe(boundOf(image('aGk=')));
    expect(boundOf(image('aGk='))).toBe(8_192 + 64 + 2 + 8 + 96);
  });

  test.each([
    ['a URL', withPart({ type: 'image', source: { type: 'url', url: 'https://x/y.png' } }), false],
    [
      'a PDF',
      withPart({ type: 'document', source: { ...PNG, media_type: 'application/pdf' } }),
      true,
    ],
  ])('is the context window for %s', (_, more, isInline) => {
    expect(boundOf(more, 200_000)).toBe(200_000);
    expect(boundOf(more)).toBeUndefined();
    const { reference } = parse(more).input;
    expect(reference).toBe(`messages[0].content[0].source.${isInline ? 'data' : 'url'}`);
    expect(parse(more).toCountBody?.() !== undefined).toBe(isInline);
  });

  test('is a deferred tool’s schema once, and again for each later reference', () => {
    const tools = [{ name: 't', input_schema: { a: 'x'.repeat(1_000) }, defer_loading: true }];
    const references = (count: number) => ({
      tools,
      ...withResult(
        Array.from({ length: count }, () => ({ type: 'tool_reference', tool_name: 't' })),
      ),
    });
    const { text = '', times } = parse(references(3)).input.repeats[0] ?? {};
    expect([text.length > 1_000, times]).toEqual([true, 2]);
    expect(parse(references(1)).input.repeats).toEqual([]);
    expect(parse(references(2)).input.messages[0]?.schemas).toEqual([text, text]);
    expect(parse({ tools }).input.repeats).toEqual([]);
    const [one = 0, three = 0] = [boundOf(references(1)), boundOf(references(3))];
    expect(three - one).toBeGreaterThan(2_000);
  });

  test('is the same for a message that is a text as for a list of that text alone, with a mark', () => {
    const text = (role: string, content: unknown) => ({ role, content });
    const list = [{ type: 'text', text: 'x', cache_control: MARK }];
    const inputOf = (...messages: readonly object[]) => parse({ messages }).input.messages;
    expect(inputOf(text('user', list), text('system', list), text('assistant', list))).toEqual(
      inputOf(text('user', 'x'), text('system', 'x'), text('assistant', 'x')),
    );
  });

  test('is a schema of the answer like a tool', () => {
    const format = { type: 'json_schema', schema: {} };
    expect(parse({ output_config: { format } }).input.tools).toEqual({ count: 1, typed: 0 });
  });

  test('is never below the bytes of any text in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const tokens = boundOf({ system: text, messages: [{ role: 'user', content: text }] });
        expect(tokens).toBeGreaterThanOrEqual(2 * Buffer.byteLength(text.normalize('NFKC')));
      }),
    );
  });
});

describe('the count route', () => {
  const body = {
    model: 'x',
    messages: HELLO,
    system: 'Hi',
    max_tokens: 5,
    stream: true,
    metadata: { user_id: 'u' },
    service_tier: 'auto',
  };
  const counted = { model: 'claude-sonnet-5', messages: HELLO, system: 'Hi' };

  test('is sent what is counted, without a cap and without a price', () => {
    const request = COUNT_TOKENS.parse(body, RULES);
    expect(JSON.parse(request.write(0))).toEqual(counted);
    expect(request).toMatchObject({ isStream: false, output: { cap: 0 } });
    expect(COUNT_TOKENS.isBilled).toBe(false);
  });

  test('takes what a limit would refuse, because nothing is billed', () => {
    const tools = [{ type: 'web_search_20250305', name: 'x' }];
    expect(outcomeOf(COUNT_TOKENS, { messages: HELLO, tools }, RULES)).toBe('passes');
    expect(outcomeOf(COUNT_TOKENS, { messages: HELLO, container: 'c' }, RULES)).toContain('stored');
  });

  test('can count a request that is about to be sent', () => {
    expect(JSON.parse(MESSAGES.parse(body, RULES).toCountBody?.() ?? '')).toEqual(counted);
  });
});
