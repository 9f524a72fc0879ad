import { describe, expect, test } from 'vitest';
import { CHAT } from '../../../core/dialects/chat/chat.ts';
import type { Dialect } from '../../../core/dialects/dialect.ts';
import { GOOGLE } from '../../../core/dialects/google/google.ts';
import { inputTokensMax } from '../../../core/dialects/input-bound.ts';
import { MESSAGES } from '../../../core/dialects/messages/messages.ts';
import { RESPONSES } from '../../../core/dialects/responses/responses.ts';
import { measureGrowth } from '../../support/growth.ts';
import { REQUEST_RULES, SCOPED } from '../../support/request-rules.ts';

const SIZE = 2_000;
const BOUND = { imageTokensMax: 1, contextWindow: undefined, vocabulary: 'either' } as const;

const many = <T>(size: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: size }, (_, index) => make(index));
const inContent = (size: number, part: object) => ({
  messages: [{ role: 'user', content: many(size, () => part) }],
});
const deferred = (index: number) => ({
  ...{ name: `t${index}`, input_schema: { a: 'x' }, defer_loading: true },
});

/** Bodies by which a client could make a pass slow. */
const BODIES: readonly (readonly [string, Dialect, (size: number) => object])[] = [
  [
    'messages',
    MESSAGES,
    (size) => ({ messages: many(size, () => ({ role: 'user', content: '' })) }),
  ],
  ['parts', MESSAGES, (size) => inContent(size, { type: 'text', text: '' })],
  [
    'cache marks',
    MESSAGES,
    (size) => inContent(size, { type: 'text', text: '', cache_control: { type: 'ephemeral' } }),
  ],
  [
    'images',
    CHAT,
    (size) => inContent(size, { type: 'image_url', image_url: 'data:image/png;base64,aGk=' }),
  ],
  [
    'addresses',
    CHAT,
    (size) => inContent(size, { type: 'image_url', image_url: 'https://x.edu/y' }),
  ],
  [
    'tools and references to them',
    MESSAGES,
    (size) => ({
      tools: many(size, deferred),
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't',
              content: many(size, (index) => ({ type: 'tool_reference', tool_name: `t${index}` })),
            },
          ],
        },
      ],
    }),
  ],
  [
    'hosted tools beside one of the client’s',
    RESPONSES,
    (size) => ({
      input: '',
      tools: [{ type: 'local_shell' }, ...many(size, (index) => ({ type: `web_search_${index}` }))],
    }),
  ],
  [
    'items with ids',
    RESPONSES,
    (size) => ({ input: many(size, (index) => ({ role: 'user', content: '', id: `m${index}` })) }),
  ],
  [
    'contents',
    GOOGLE,
    (size) => ({
      contents: many(size, () => ({
        parts: { inline_data: { mime_type: 'text/plain', data: 'aGk=' } },
      })),
    }),
  ],
  [
    'names in two spellings',
    GOOGLE,
    (size) => ({
      contents: [
        {
          parts: [
            {
              function_call: {
                name: 'f',
                args: Object.fromEntries(many(size, (index) => [`a_b_${index}`, 1])),
              },
            },
          ],
        },
      ],
    }),
  ],
  [
    'a long text',
    CHAT,
    (size) => ({ messages: [{ role: 'user', content: 'a B,'.repeat(size * 8) }] }),
  ],
];

describe('a request is read, bounded and written in time that grows with it and no faster', () => {
  test.each(BODIES)('for many %s', (_, dialect, makeBody) => {
    const make = (size: number) => {
      const body = { ...makeBody(size) };
      return () => {
        const { input, output, write } = dialect.parse(body, REQUEST_RULES);
        return [inputTokensMax(input, BOUND), write(output.cap)];
      };
    };
    const { largeMs, largeMsMax } = measureGrowth(make, SIZE);
    expect(largeMs).toBeLessThan(largeMsMax);
  });

  const strange = (size: number): Readonly<Record<string, unknown>> => ({
    'members that nobody knows': Object.fromEntries(many(size, (index) => [`m${index}`, 'x'])),
    'a member with a long name': { ['a_b'.repeat(size * 8)]: many(size, () => 1) },
    'a list in a list': many(size, () => [['x']]),
    'addresses that nobody knows': many(size, (index) => `https://x.edu/${index}`),
  });
  test.each(Object.keys(strange(1)))('for %s, without a limit', (name) => {
    const make = (size: number) => {
      const body = { messages: [], unheard_of: strange(size)[name] };
      return () => {
        try {
          return CHAT.parse(body, { ...REQUEST_RULES, ...SCOPED }).write(1);
        } catch (error) {
          return error;
        }
      };
    };
    const { largeMs, largeMsMax } = measureGrowth(make, SIZE);
    expect(largeMs).toBeLessThan(largeMsMax);
  });
});
