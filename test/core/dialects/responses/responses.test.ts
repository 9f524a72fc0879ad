import { describe, expect, test } from 'vitest';
import { asRequestId } from '../../../../core/base/ids.ts';
import { RESPONSES } from '../../../../core/dialects/responses/responses.ts';
import { makeEventSplitter } from '../../../../core/proxy/sse.ts';
import { REQUEST_RULES } from '../../../support/request-rules.ts';

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
      const meter = RESPONSES.makeMeter(
        RESPONSES.parse({ input: 'Hi', stream: true }, REQUEST_RULES),
      );
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
    const meter = RESPONSES.makeMeter(
      RESPONSES.parse({ input: 'Hi', stream: true }, REQUEST_RULES),
    );
    meter.take(Buffer.from(event({ type: 'error', message: 'no' })));
    expect([meter.isFinished(), meter.hasFailed()]).toEqual([false, true]);
  });
});

test('a cut stream ends as incomplete', () => {
  const meter = RESPONSES.makeMeter(RESPONSES.parse({ input: 'Hi', stream: true }, REQUEST_RULES));
  const facts = { requestId: asRequestId('r1'), model: 'openai/m', nowMs: 5_000 };
  const cut = RESPONSES.toCutEvents(facts, meter);
  expect(cut.startsWith('event: response.incomplete\ndata: ')).toBe(true);
  expect(JSON.parse(cut.slice(cut.indexOf('{')))).toMatchObject({
    response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
  });
});
