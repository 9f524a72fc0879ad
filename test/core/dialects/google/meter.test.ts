import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../core/base/errors.ts';
import { asRequestId } from '../../../../core/base/ids.ts';
import { GOOGLE } from '../../../../core/dialects/google/google.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { makeEventSplitter } from '../../../../core/proxy/sse.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

const parse = (more: object, rules: Partial<RequestRules> = {}) =>
  GOOGLE.parse(
    { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }], ...more },
    { ...REQUEST_RULES, model: 'gemini-2.5-flash', contextWindow: 1_000_000, ...rules },
  );
const event = (data: object): string => `data: ${JSON.stringify(data)}\r\n\r\n`;
const said = (text: string, more: object = {}, index = 0): string =>
  event({ candidates: [{ content: { parts: [{ text }], role: 'model' }, index, ...more }] });
const USAGE = {
  promptTokenCount: 100,
  toolUsePromptTokenCount: 5,
  cachedContentTokenCount: 40,
  candidatesTokenCount: 20,
  thoughtsTokenCount: 7,
  totalTokenCount: 132,
};
const TOKENS = { input: 105, cachedInput: 40, cacheWrite: 0, output: 27, reasoning: 7 };
const FIRST = event({
  candidates: [{ content: { parts: [{ text: 'Grüße, "usageMetadata":{ 👋', thought: true }] } }],
  usageMetadata: { promptTokenCount: 105, totalTokenCount: 105 },
});
const LAST = event({
  candidates: [{ content: { parts: [{ text: '!' }] }, finishReason: 'STOP', index: 0 }],
  usageMetadata: USAGE,
});
const meterOf = (text: string, more: object = {}) => {
  const meter = GOOGLE.makeMeter(parse(more, { isStreamRoute: true }));
  meter.take(Buffer.from(text));
  return meter;
};

describe('the meter', () => {
  test('says the same of a stream at whichever byte it was cut, and passes it on whole', () => {
    const bytes = Buffer.from(FIRST + LAST);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const splitter = makeEventSplitter();
      const meter = GOOGLE.makeMeter(parse({}));
      for (const read of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        meter.take(splitter.push(read).events);
      }
      expect(splitter.rest()).toHaveLength(0);
      expect(meter.usage()?.tokens).toEqual(TOKENS);
      expect(meter.contentBytes()).toBe(Buffer.byteLength('Grüße, "usageMetadata":{ 👋!'));
      expect(meter.isFinished()).toBe(true);
      expect(meter.hasFailed()).toBe(false);
    }
  });

  test('keeps the last of cumulative reports', () => {
    const more = event({ usageMetadata: { promptTokenCount: 105, candidatesTokenCount: 3 } });
    const meter = meterOf(FIRST + more + more);
    expect(meter.usage()?.tokens).toMatchObject({ input: 105, output: 3 });
    expect(meter.isFinished()).toBe(false);
  });

  test('counts the arguments of a call, which are no string', () => {
    const call = { functionCall: { name: 'f', args: { city: 'Köln' } } };
    const meter = meterOf(event({ candidates: [{ content: { parts: [call, call] } }] }));
    expect(meter.contentBytes()).toBe(2 * Buffer.byteLength('{"city":"Köln"}'));
  });

  test('is finished when every candidate is', () => {
    const more = { generationConfig: { candidateCount: 2 } };
    const first = said('a', { finishReason: 'STOP' });
    expect(meterOf(first, more).isFinished()).toBe(false);
    expect(meterOf(first + first, more).isFinished()).toBe(false);
    expect(meterOf(first + said('b', { finishReason: 'STOP' }, 1), more).isFinished()).toBe(true);
  });

  test('is finished when the prompt was blocked, which costs its input', () => {
    const meter = meterOf(
      event({
        promptFeedback: { blockReason: 'SAFETY' },
        usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
      }),
    );
    expect(meter.isFinished()).toBe(true);
    expect(meter.usage()?.tokens).toMatchObject({ input: 9, output: 0 });
  });

  test('sees an error of the provider’s', () => {
    expect(meterOf(FIRST).hasFailed()).toBe(false);
    expect(meterOf(event({ error: { code: 503, status: 'UNAVAILABLE' } })).hasFailed()).toBe(true);
  });
});

describe('the usage of a whole answer', () => {
  test('has thoughts in its output and the cached part in its input', () => {
    expect(GOOGLE.readUsage({ usageMetadata: USAGE })?.tokens).toEqual(TOKENS);
  });

  test('is at least what the total says', () => {
    const usageMetadata = { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 45 };
    expect(GOOGLE.readUsage({ usageMetadata })?.tokens).toMatchObject({ input: 10, output: 35 });
  });

  test.each([[undefined], [null], [{}], [{ promptTokenCount: -1 }], ['text']])(
    'is not known from %j',
    (usageMetadata) => {
      expect(GOOGLE.readUsage({ usageMetadata })).toBeUndefined();
    },
  );
});

describe('the gateway’s own events', () => {
  test('end a cut stream as if the cap had been kept', () => {
    const facts = { requestId: asRequestId('r1'), model: 'google/x', nowMs: 0 };
    expect(GOOGLE.toCutEvents(facts, meterOf(LAST))).toBe(
      'data: {"candidates":[{"content":{"parts":[],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":105,"candidatesTokenCount":20,"thoughtsTokenCount":7,"totalTokenCount":132},"modelVersion":"google/x"}\n\n',
    );
    expect(GOOGLE.toCutEvents(facts, meterOf(''))).not.toContain('usageMetadata');
  });

  test('tell a failure as an event, and once more behind the last one', () => {
    const body =
      '{"error":{"code":504,"message":"The provider did not answer in time.","status":"DEADLINE_EXCEEDED","reason":"upstream_timeout"}}';
    expect(GOOGLE.toErrorEvents(new GatewayError('upstream_timeout'))).toBe(
      `data: ${body}\n\n${body}`,
    );
  });
});
