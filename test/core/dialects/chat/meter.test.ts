import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeChatMeter } from '../../../../core/dialects/chat/meter.ts';
import { makeEventSplitter } from '../../../../core/proxy/sse.ts';
import {
  chatEvent,
  DONE_EVENT,
  FINISH_EVENT,
  textEvent,
  usageEvent,
  usageOf,
} from '../../../support/fake-provider.ts';

/** Meters a stream that arrives in these reads. */
function meter(reads: readonly Uint8Array[], dropsUsageEvent = false) {
  const splitter = makeEventSplitter();
  const seen = makeChatMeter({ isUsageHidden: dropsUsageEvent });
  let forwarded = '';
  let end: string | undefined;
  for (const read of reads) {
    const taken = seen.take(splitter.push(read).events);
    forwarded += taken.forward.toString();
    end ??= taken.end?.toString();
  }
  const usage = seen.usage()?.tokens;
  return {
    usage: usage && [usage.input, usage.output],
    contentBytes: seen.contentBytes(),
    isFinished: seen.isFinished(),
    hasFailed: seen.hasFailed(),
    forwarded,
    end,
  };
}

const whole = (...events: readonly string[]) => meter([Buffer.from(events.join(''))]);
const dropping = (...events: readonly string[]) => meter([Buffer.from(events.join(''))], true);

describe('usage', () => {
  test.each([
    [
      'the last event',
      [textEvent('hi'), FINISH_EVENT, usageEvent(usageOf(9, 4)), DONE_EVENT],
      [9, 4],
    ],
    ['null in every event', [chatEvent({ content: 'x' }, { usage: null })], undefined],
    ['an event sent twice', [usageEvent(usageOf(9, 4)), usageEvent(usageOf(9, 4))], [9, 4]],
    ['cumulative reports', [1, 2, 3].map((n) => chatEvent({}, { usage: usageOf(9, n) })), [9, 3]],
    [
      'a report after which there is garbage',
      [usageEvent(usageOf(9, 4)), usageEvent({ x: 1 })],
      [9, 4],
    ],
    ['Groq’s own place', [chatEvent({}, { x_groq: { id: 'r', usage: usageOf(7, 3) } })], [7, 3]],
    [
      'white space',
      ['data: {"choices":[], "usage" :\t{"prompt_tokens": 9, "completion_tokens":4}}\n\n'],
      [9, 4],
    ],
    ['no space after the colon', [usageEvent(usageOf(9, 4)).replace('data: ', 'data:')], [9, 4]],
    [
      'data in two lines',
      ['data: {"choices":[],\ndata: "usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n'],
      [9, 4],
    ],
    ['CRLF', [usageEvent(usageOf(9, 4)).replaceAll('\n', '\r\n')], [9, 4]],
    ['an event with an id and a type', [`id: 7\nevent: x\n${usageEvent(usageOf(9, 4))}`], [9, 4]],
    ['broken JSON', ['data: {"usage":{"prompt_tokens":9,\n\n'], undefined],
    [
      'a completion that talks of it',
      [textEvent('"usage":{"prompt_tokens":999,"completion_tokens":9}')],
      undefined,
    ],
    [
      'another object of that name',
      ['data: {"choices":[],"more":{"usage":{"a":1}}}\n\n'],
      undefined,
    ],
    ['a comment', [': "usage":{"prompt_tokens":9,"completion_tokens":4}\n\n'], undefined],
  ])('is read from %s', (_, events, usage) => {
    expect(whole(...events).usage).toEqual(usage);
  });
});

describe('content', () => {
  test.each([
    ['content', chatEvent({ content: 'hello' }), 5],
    ['two-byte letters', chatEvent({ content: 'é' }), 2],
    ['escaped letters', 'data: {"choices":[{"delta":{"content":"\\u4f60\\n\\"\\\\"}}]}\n\n', 6],
    ['a text that ends in a backslash', chatEvent({ content: 'a\\', refusal: 'b' }), 3],
    ['refusals', chatEvent({ refusal: 'no' }), 2],
    ['arguments of calls', chatEvent({ tool_calls: [{ function: { arguments: '{"a":1}' } }] }), 7],
    ['reasoning', chatEvent({ reasoning: 'because', content: '' }), 7],
    ['reasoning under another name', chatEvent({ reasoning_content: 'because' }), 7],
    [
      'reasoning under three names',
      chatEvent({
        reasoning: 'abc',
        reasoning_content: 'abc',
        reasoning_details: [{ text: 'abc' }],
      }),
      3,
    ],
    [
      'a refusal beside reasoning under two names',
      chatEvent({ refusal: 'ab', reasoning: 'cd', reasoning_content: 'cdefg' }),
      7,
    ],
    ['a text that begins with a quote', chatEvent({ content: '"x', refusal: 'b' }), 3],
    [
      'an object in the place of a text',
      'data: {"choices":[{"delta":{"content":{ "a":1}}}]}\n\n',
      0,
    ],
    ['parts', chatEvent({ content: [{ type: 'text', text: 'ab' }] }), 2],
    ['an empty text', chatEvent({ content: '' }), 0],
    ['no text', chatEvent({ role: 'assistant', content: null }), 0],
  ])('counts the bytes of %s', (_, event, bytes) => {
    expect(whole(event).contentBytes).toBe(bytes);
  });
});

describe('the end', () => {
  test.each([
    ['nothing', [textEvent('x')], false],
    ['a finish reason', [FINISH_EVENT], true],
    ['an empty finish reason', ['data: {"choices":[{"delta":{},"finish_reason":""}]}\n\n'], false],
    ['[DONE]', [DONE_EVENT], true],
    ['[DONE] without a space', ['data:[DONE]\n\n'], true],
    ['a completion that says it', [textEvent('data: [DONE]')], false],
    ['[DONE] after carriage returns', ['data: {}\r\rdata: [DONE]\r\r'], true],
    ['a comment that says it', [': [DONE]\n\n'], false],
    ['another field that says it', ['dota: [DONE]\n\n'], false],
  ])('is seen after %s: %s', (_, events, isFinished) => {
    expect(whole(...events).isFinished).toBe(isFinished);
  });

  test('is kept apart from what comes before it', () => {
    const seen = whole(textEvent('data: [DONE]'), DONE_EVENT, ': bye\n\n');
    expect(seen.forwarded).toBe(textEvent('data: [DONE]'));
    expect(seen.end).toBe('data: [DONE]\n\n: bye\n\n');
  });

  test('knows an error event of the provider', () => {
    expect(whole('data: {"error":{"message":"overloaded"}}\n\n').hasFailed).toBe(true);
    expect(whole(chatEvent({ content: 'x' }, { error: null })).hasFailed).toBe(false);
  });
});

describe('the event of usage alone', () => {
  const usage = usageEvent(usageOf(9, 4));

  test('is dropped for a client that did not ask, wherever it stands', () => {
    const seen = dropping(textEvent('a'), usage, textEvent('b'), usage, DONE_EVENT);
    expect(seen.forwarded).toBe(textEvent('a') + textEvent('b'));
    expect(seen.usage).toEqual([9, 4]);
    expect(seen.end).toBe(DONE_EVENT);
  });

  test('is dropped with white space in it, and what stands before it is kept', () => {
    const spaced =
      'data: {"choices" : [ ], "usage" : {"prompt_tokens":9,"completion_tokens":4}}\n\n';
    expect(dropping(`\n\n${spaced}`, textEvent('b')).forwarded).toBe(`\n\n${textEvent('b')}`);
  });

  test('is kept for a client that asked', () => {
    expect(whole(textEvent('a'), usage).forwarded).toBe(textEvent('a') + usage);
  });

  test.each([
    ['usage beside choices', chatEvent({}, { usage: usageOf(9, 4) })],
    ['no choices and no usage', 'data: {"choices":[],"prompt_filter_results":[]}\n\n'],
    ['no choices and usage null', 'data: {"choices":[],"usage":null}\n\n'],
    [
      'usage beside choices, and an empty list elsewhere',
      chatEvent({ content: 'x' }, { usage: usageOf(9, 4), more: { choices: [] } }),
    ],
    [
      'usage without choices of its own',
      'data: {"more":{"choices":[]},"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n',
    ],
    [
      'usage null and usage elsewhere',
      'data: {"choices":[],"usage":null,"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":1}}}\n\n',
    ],
    ['usage without choices', 'data: {"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'],
    ['a report that is cut off', 'data: {"choices":[],"usage":{"prompt_tokens":9\n\n'],
    [
      'usage elsewhere',
      'data: {"choices":[],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":1}}}\n\n',
    ],
  ])('is not taken for %s', (_, event) => {
    expect(dropping(event, usage).forwarded).toBe(event);
  });
});

describe('however a stream is cut', () => {
  const stream = Buffer.from(
    [
      ': open\n\n',
      chatEvent({ role: 'assistant', content: '' }, { usage: null }),
      textEvent('né "quoted" \\ 你好 🎓 data: [DONE]\n\n'),
      chatEvent({ reasoning: 'a', reasoning_content: 'ab' }, { usage: usageOf(9, 1) }),
      `event: x\r\n${textEvent('crlf').trimEnd()}\r\n\r\n`,
      FINISH_EVENT,
      usageEvent(usageOf(9, 4)),
      DONE_EVENT,
    ].join(''),
  );
  const expected = {
    usage: [9, 4],
    // né "quoted" \ 你好 🎓 data: [DONE] and two ends of line are 41 bytes, "ab" is 2, "crlf" is 4.
    contentBytes: 47,
    isFinished: true,
    hasFailed: false,
    end: DONE_EVENT,
  };

  test.each([true, false])(
    'sees and passes on the same, cut once at every byte (dropping: %s)',
    (drops) => {
      const { forwarded, ...seen } = meter([stream], drops);
      expect(seen).toEqual(expected);
      for (let at = 0; at <= stream.length; at++) {
        const cut = meter([stream.subarray(0, at), stream.subarray(at)], drops);
        expect(cut, `cut at ${at}`).toEqual({ ...expected, forwarded });
      }
    },
  );

  // guarantee: usage-anyhow
  test('sees and passes on the same, cut anyhow', () => {
    const { forwarded } = meter([stream], true);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const reads: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          reads.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(meter(reads, true)).toEqual({ ...expected, forwarded });
      }),
    );
  });

  test('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (reads) => {
        meter(reads, true);
      }),
    );
  });
});
