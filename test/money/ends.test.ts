import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import { KNOWN_PROVIDERS, type ProviderRow } from '../../core/providers/known.ts';
import { type Bill, billOf, type CallEnd } from '../../core/proxy/ends.ts';

function rowOf(name: string): ProviderRow {
  const row = KNOWN_PROVIDERS.get(name);
  if (row === undefined) throw new Error(`${name} is not known`);
  return row;
}

const usage = { tokens: { input: 9, cachedInput: 0, cacheWrite: 0, output: 4, reasoning: 0 } };
const refused = (status: number, words?: string): CallEnd => ({
  kind: 'refused',
  status,
  words: words === undefined ? undefined : Buffer.from(words),
});
const unanswered = (error: GatewayError): CallEnd => ({ kind: 'unanswered', error });

// guarantee: unknown-is-the-hold
describe('the bill of a call', () => {
  test.each<[string, CallEnd, Bill]>([
    [
      'no connection, no name or no TLS',
      unanswered(new GatewayError('upstream_error', { transient: true })),
      'none',
    ],
    ['no signature to send it with', unanswered(new GatewayError('service_unavailable')), 'none'],
    ['a reset after it was sent', unanswered(new GatewayError('upstream_error')), 'hold'],
    ['no answer in time', unanswered(new GatewayError('upstream_timeout')), 'hold'],
    ['a redirect', refused(307, ''), 'none'],
    ['a bad request', refused(400, '{"error":{"code":"content_filter"}}'), 'none'],
    ['a key that is refused', refused(401, ''), 'none'],
    ['a model that is not there', refused(404, '{}'), 'none'],
    ['a time-out of the provider', refused(408, '{}'), 'hold'],
    ['a body that is too large', refused(413, '{}'), 'none'],
    ['a rate limit', refused(429, '{}'), 'none'],
    ['a failure of the provider', refused(500, ''), 'hold'],
    ['a failure in front of the provider', refused(502, ''), 'hold'],
    ['no room', refused(503, ''), 'none'],
    ['a time-out in front of the provider', refused(504, ''), 'hold'],
    ['overload', refused(529, ''), 'none'],
    ['an answer with usage', { kind: 'complete', usage }, 'reported'],
    ['an answer without usage', { kind: 'complete', usage: undefined }, 'hold'],
    ['a stream that broke off', { kind: 'broken-off', usage: undefined }, 'hold'],
    ['a stream that broke off after a report', { kind: 'broken-off', usage }, 'hold'],
    ['a stream that was cut', { kind: 'cut', usage, contentBytes: 9 }, 'beyond-hold'],
  ])('after %s', (_, end, bill) => {
    const dialect = { name: 'chat', isBilled: true } as const;
    expect(billOf(end, { row: rowOf('openai'), dialect })).toBe(bill);
  });

  test.each([
    ['anthropic', 'messages', 'input-reported'],
    ['anthropic', 'chat', 'hold'],
    ['bedrock', 'messages', 'input-reported'],
    ['bedrock-mantle', 'messages', 'input-reported'],
    ['google', 'google', 'input-reported'],
    ['google', 'chat', 'hold'],
    ['openai', 'responses', 'hold'],
    ['ollama', 'messages', 'hold'],
  ] as const)(
    'after a stream of %s in %s that broke off behind its first report',
    (name, dialect, bill) => {
      const by = { row: rowOf(name), dialect: { name: dialect, isBilled: true } };
      expect(billOf({ kind: 'broken-off', usage }, by)).toBe(bill);
      expect(billOf({ kind: 'broken-off', usage: undefined }, by)).toBe('hold');
    },
  );

  test.each<[string, number, string | undefined, Bill]>([
    ['a content filter', 400, '{"error":{"code":"content_filter","status":400}}', 'hold'],
    ['an input that is too long', 400, '{"error":{"code":"context_length_exceeded"}}', 'hold'],
    ['a refusal that cannot be read', 400, undefined, 'hold'],
    ['a field that is unknown', 400, '{"error":{"code":"unknown_parameter"}}', 'none'],
    ['a rate limit', 429, '{"error":{"code":"RateLimitReached"}}', 'none'],
  ])('after Azure refuses for %s', (_, status, words, bill) => {
    const dialect = { name: 'chat', isBilled: true } as const;
    expect(billOf(refused(status, words), { row: rowOf('azure'), dialect })).toBe(bill);
  });

  test('is nothing on a route that costs nothing, however it ends', () => {
    const by = {
      row: rowOf('anthropic'),
      dialect: { name: 'count_tokens', isBilled: false },
    } as const;
    const ends: readonly CallEnd[] = [
      unanswered(new GatewayError('upstream_timeout')),
      refused(500, ''),
      { kind: 'complete', usage: undefined },
    ];
    expect(ends.map((end) => billOf(end, by))).toEqual(['none', 'none', 'none']);
  });

  test('holds for refusals of every known provider: only Azure bills some', () => {
    const billing = [...KNOWN_PROVIDERS].filter(
      ([, { billsRefusals }]) => billsRefusals.length > 0,
    );
    expect(billing.map(([name]) => name)).toEqual(['azure']);
  });
});
