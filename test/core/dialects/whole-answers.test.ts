import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import { EMBEDDINGS } from '../../../core/dialects/embeddings.ts';
import { GOOGLE_COUNT_TOKENS } from '../../../core/dialects/google/count.ts';
import { GOOGLE_BATCH_EMBED, GOOGLE_EMBED } from '../../../core/dialects/google/embed.ts';
import { COUNT_TOKENS } from '../../../core/dialects/messages/messages.ts';
import { RESPONSES } from '../../../core/dialects/responses/responses.ts';
import { OPEN, REQUEST_RULES } from '../../support/request-rules.ts';

const CONTENT = { parts: [{ text: 'Hi' }] };
const WHOLE = [
  [EMBEDDINGS, { input: 'Hi' }],
  [GOOGLE_EMBED, { content: CONTENT }],
  [GOOGLE_BATCH_EMBED, { requests: [{ content: CONTENT }] }],
  [GOOGLE_COUNT_TOKENS, { contents: [CONTENT] }],
] as const;

describe.each(WHOLE)('%# a dialect that never streams', (dialect, body) => {
  test('has a meter that passes everything on and counts no output', () => {
    const meter = dialect.makeMeter(dialect.parse(body, REQUEST_RULES));
    const bytes = Buffer.from('{"content":"x","text":"y"}');
    expect(meter.take(bytes)).toEqual({ forward: bytes, end: undefined });
    expect([meter.contentBytes(), meter.usage(), meter.isFinished(), meter.hasFailed()]).toEqual([
      0,
      undefined,
      false,
      false,
    ]);
  });

  test('has a failure in its family’s words, and nothing that ends a stream', () => {
    const events = dialect.toErrorEvents(new GatewayError('upstream_error'));
    expect(events).toContain('The provider failed.');
    const facts = { requestId: asRequestId('r'), model: 'm', nowMs: 0 };
    const meter = dialect.makeMeter(dialect.parse(body, { ...REQUEST_RULES, ...OPEN }));
    expect([dialect.endEvents, dialect.toCutEvents(facts, meter)]).toEqual(['', '']);
  });
});

test('the counting of Anthropic’s tokens reports no usage', () => {
  expect(COUNT_TOKENS.readUsage({ input_tokens: 9 })).toBeUndefined();
});

test('a failure within OpenAI’s responses can be read by either kind of SDK', () => {
  const events = RESPONSES.toErrorEvents(new GatewayError('upstream_timeout', { param: 'model' }));
  const data = JSON.parse(events.slice(events.indexOf('{')));
  const words = { code: 'upstream_timeout', message: 'The provider did not answer in time.' };
  expect(data).toMatchObject({ type: 'error', ...words, param: 'model', error: words });
});
