import { describe, expect, test } from 'vitest';
import { CHAT } from '../../../core/dialects/chat/chat.ts';
import type { Dialect } from '../../../core/dialects/dialect.ts';
import { GOOGLE } from '../../../core/dialects/google/google.ts';
import { MESSAGES } from '../../../core/dialects/messages/messages.ts';
import { RESPONSES } from '../../../core/dialects/responses/responses.ts';
import { makeEventSplitter } from '../../../core/proxy/sse.ts';
import { measureGrowth } from '../../support/growth.ts';
import { OPEN, REQUEST_RULES } from '../../support/request-rules.ts';

const METERS: readonly (readonly [string, Dialect, object])[] = [
  ['chat', CHAT, { messages: [], stream: true }],
  ['messages', MESSAGES, { messages: [], stream: true }],
  ['responses', RESPONSES, { input: 'Hi', stream: true }],
  ['google', GOOGLE, { contents: [] }],
];

/** Texts by which a provider could make a scanner slow: names of fields, quotes and line ends in every state. */
const UNITS: Readonly<Record<string, string>> = {
  'reports of usage in one event': '"usage":{',
  'reports of Google’s usage': '"usageMetadata":{',
  'reports of usage, an event each': 'data: {"choices":[],"usage":{"x":1}}\n\n',
  'ends of streams': 'data: [DONE]',
  'texts that never end': '"content":"',
  'escaped quotes': '\\"',
  backslashes: '\\',
  'names without a value': '"usage"   ',
  'lists of no choices': '"choices":[   ',
  'ends of lines': '\r\n\r',
  'lines of data': 'data: \n',
};

const CHARS = 60_000;

describe.each(METERS)(
  'the meter of %s takes time that grows with the answer and no faster',
  (_, dialect, body) => {
    const request = dialect.parse({ ...body }, { ...REQUEST_RULES, ...OPEN, isStreamRoute: true });

    test.each(Object.entries(UNITS))('for %s', (__, unit) => {
      const make = (chars: number) => {
        const bytes = Buffer.from(`data: ${unit.repeat(chars / unit.length)}\n\n`);
        return () => dialect.makeMeter(request).take(bytes);
      };
      const { largeMs, largeMsMax } = measureGrowth(make, CHARS);
      expect(largeMs).toBeLessThan(largeMsMax);
    });
  },
);

test('an answer of one event in many reads is put together in linear time', () => {
  const make = (bytes: number) => () => {
    const splitter = makeEventSplitter();
    for (let at = 0; at < bytes; at += 16) splitter.push(Buffer.from('"usage":{aaaaaaa'));
    return splitter.rest();
  };
  const { largeMs, largeMsMax } = measureGrowth(make, 200_000);
  expect(largeMs).toBeLessThan(largeMsMax);
});
