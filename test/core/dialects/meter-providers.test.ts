/** The bill of a stream does not depend on how the network cut it: every provider, every format it streams. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../core/base/json.ts';
import { CHAT } from '../../../core/dialects/chat/chat.ts';
import type { Dialect } from '../../../core/dialects/dialect.ts';
import { GOOGLE } from '../../../core/dialects/google/google.ts';
import { MESSAGES } from '../../../core/dialects/messages/messages.ts';
import type { RequestRules } from '../../../core/dialects/request-rules.ts';
import { RESPONSES } from '../../../core/dialects/responses/responses.ts';
import { KNOWN_PROVIDERS } from '../../../core/providers/known.ts';
import { makeEventSplitter } from '../../../core/proxy/sse.ts';
import { RECORDED_STREAMS, type Recorded } from '../../support/recorded-streams.ts';
import { REQUEST_RULES } from '../../support/request-rules.ts';

const RULES: RequestRules = {
  ...REQUEST_RULES,
  isCapped: false,
  isBounded: false,
  isServerKey: true,
  isStreamRoute: true,
};
const STREAM = { stream: true, stream_options: { include_usage: true } };
const FORMATS = {
  chat: { dialect: CHAT, body: { messages: [{ role: 'user', content: 'Hi' }], ...STREAM } },
  responses: { dialect: RESPONSES, body: { input: 'Hi', stream: true } },
  messages: { dialect: MESSAGES, body: { messages: [], stream: true } },
  google: { dialect: GOOGLE, body: { contents: [] } },
} as const satisfies Record<string, { dialect: Dialect; body: JsonObject }>;
type StreamFormat = keyof typeof FORMATS;
const NAMES: readonly StreamFormat[] = ['chat', 'responses', 'messages', 'google'];

/** Meters a stream that arrives in these reads: its usage, and the bytes for the client. */
function readAlong(format: StreamFormat, reads: readonly Uint8Array[]) {
  const { dialect, body } = FORMATS[format];
  const splitter = makeEventSplitter();
  const meter = dialect.makeMeter(dialect.parse(body, RULES));
  const passed: Buffer[] = [];
  for (const read of reads) {
    const { forward, end } = meter.take(splitter.push(read).events);
    passed.push(forward, end ?? Buffer.alloc(0));
  }
  return { usage: meter.usage(), passed: Buffer.concat(passed).toString() };
}

const streams = NAMES.flatMap((format) =>
  Object.entries<Recorded>(RECORDED_STREAMS[format]).map(
    ([name, recorded]): [string, StreamFormat, Recorded] => [name, format, recorded],
  ),
);

describe('the usage of a stream, wherever it is cut in two and byte by byte', () => {
  test.each(streams)('of %s (%s)', (_, format, { events, tokens, more }) => {
    const stream = Buffer.from(events.join(''));
    const [input, cachedInput, cacheWrite, output, reasoning] = tokens;
    const expected = {
      usage: { tokens: { input, cachedInput, cacheWrite, output, reasoning }, ...more },
      passed: stream.toString(),
    };
    for (let cut = 0; cut <= stream.length; cut++) {
      const reads = [stream.subarray(0, cut), stream.subarray(cut)];
      expect(readAlong(format, reads)).toEqual(expected);
    }
    const bytes = Array.from(stream, (byte) => Buffer.from([byte]));
    expect(readAlong(format, bytes)).toEqual(expected);
  });

  test.each(NAMES)('is there for every provider that streams %s', (format) => {
    const serving = [...KNOWN_PROVIDERS].filter(([, row]) => row.endpoints[format] !== undefined);
    const recorded = Object.keys(RECORDED_STREAMS[format]).map((name) => name.split(',')[0]);
    expect(new Set(recorded)).toEqual(new Set(serving.map(([name]) => name)));
  });
});
