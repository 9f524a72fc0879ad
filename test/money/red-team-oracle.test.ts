import { describe, expect, test } from 'vitest';
import type { ParsedRequest } from '../../core/dialects/dialect.ts';
import { faultsOf, storedFaultsOf } from '../support/red-team/oracle.ts';
import type { SdkShape } from '../support/red-team/sdk-shapes.ts';

const ANY: SdkShape = { kind: 'any' };
const MESSAGE = { role: 'user', content: 'Hello' };

/** A request that is sent as one thing and counted as another. */
const pretend = (
  sent: object,
  counted: readonly unknown[] = [MESSAGE],
  more: Partial<ParsedRequest['input']> = {},
): ParsedRequest => ({
  isStream: false,
  dropped: [],
  input: {
    head: '{}',
    headImages: [],
    messages: counted.map((message) => ({
      text: JSON.stringify(message),
      images: [],
      endsInToolResult: false,
      hasHiddenReasoning: false,
    })),
    tools: { count: 0, typed: 0 },
    repeats: [],
    tokens: 0,
    reference: undefined,
    stored: undefined,
    isCountable: true,
    hasHostedTools: false,
    hasDeferredTools: false,
    cacheMark: 'none',
    cacheMarks: [],
    ...more,
  },
  output: { cap: 9, capMin: 9, choices: 1, predictionBytes: 0, thinkingBudget: undefined },
  write: (cap) => JSON.stringify({ messages: [MESSAGE], max_tokens: cap, ...sent }),
});
const faults = (request: ParsedRequest, shape: SdkShape = ANY) =>
  faultsOf({ dialect: 'chat', request, cap: 9, shape });
const part = (content: unknown) => ({ messages: [{ role: 'user', content }] });

test('finds nothing in a request that is counted as it is sent', () => {
  expect(faults(pretend({}))).toEqual([]);
  expect(faults(pretend({ temperature: 1, user: 'ada', metadata: { a: 'b' } }))).toEqual([]);
});

describe('finds', () => {
  test.each([
    [
      'a text that is not counted',
      pretend({ instructions: 'x' }),
      'not counted: "x" at instructions',
    ],
    [
      'a text that is sent twice',
      pretend({ messages: [MESSAGE, MESSAGE] }),
      'not counted: "Hello" at messages.content',
    ],
    [
      'the name of a member',
      pretend({ tools: [{ aPrompt: 1 }] }),
      'not counted: "aPrompt" at tools.aPrompt',
    ],
    [
      'an image that is not held',
      pretend(part([{ image_url: 'data:image/png;base64,aGk=' }]), [part([{}]).messages[0]]),
      'not counted: "data:image/png;base64,aGk=" at messages.content.image_url',
    ],
    [
      'a reference that was not seen',
      pretend({ previous_response_id: 'r' }),
      'a reference that was not seen: previous_response_id',
    ],
    [
      'a cache by its id',
      pretend({ cachedContent: 'c' }),
      'a reference that was not seen: cachedContent',
    ],
    ['a dear tier', pretend({ service_tier: 'priority' }), 'a dear value: service_tier'],
    ['a search', pretend({ web_search_options: {} }), 'a price of its own: web_search_options'],
    ['a hosted tool', pretend({ tools: [{ type: 'web_search' }] }), 'a hosted tool: web_search'],
    [
      'a shell of the provider’s',
      pretend({ tools: [{ environment: { type: 'container_auto' } }] }),
      'a shell of the provider’s',
    ],
    [
      'a dear cache',
      pretend({ prompt_cache_options: { ttl: '12h' } }),
      'a dear cache: prompt_cache_options.ttl',
    ],
    [
      'a cache mark',
      pretend({ cache_control: { type: 'ephemeral' } }),
      'a cache that is not priced',
    ],
    ['a template', pretend({ chat_template_kwargs: { chat_template: 'x' } }), 'a template'],
    ['a second cap', pretend({ max_completion_tokens: 99 }), 'not one cap, the one held'],
    ['more choices', pretend({ n: 3 }), 'more choices than held'],
    [
      'a prediction',
      pretend({ prediction: { type: 'content', content: 'x' } }),
      'a prediction that is not held',
    ],
  ])('%s', (_, request, fault) => {
    expect(faults(request)).toContain(fault);
  });

  test('an hour’s cache that is held as one of five minutes', () => {
    const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } };
    expect(faults(pretend(mark, [MESSAGE], { cacheMark: '5m' }))).toContain(
      'an hour’s cache that is not priced',
    );
  });

  test('a member and a kind of value that the SDK does not know', () => {
    const members = new Map([
      ['max_tokens', { shape: { kind: 'number' } as const, isRequired: true }],
      ['messages', { shape: { kind: 'list', item: ANY } as const, isRequired: true }],
    ]);
    const shape: SdkShape = { kind: 'object', id: 1, members };
    expect(faults(pretend({}), shape)).toEqual([]);
    expect(faults(pretend({ seed: 1 }), shape)).toEqual(['an unknown member: seed']);
    expect(faults(pretend({ messages: {} }, []), shape)).toEqual(['no list: messages']);
  });

  test.each([
    ['messages.content.file_id', part([{ file_id: 'f' }])],
    ['messages.content.image_url', part([{ image_url: 'gs://bucket/x' }])],
    ['input.type', { input: [{ type: 'item_reference' }] }],
    ['prompt.id', { prompt: { id: 'p' } }],
  ])('what is stored at %s', (path, sent) => {
    expect(storedFaultsOf(sent)).toEqual([path]);
  });
});
