import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundByMemory, promptHashes, promptToRemember } from '../../core/dialects/bound/prefix.ts';
import { vocabularyOf } from '../../core/dialects/bound/text-bound.ts';
import { inputTokensMax } from '../../core/dialects/input-bound.ts';
import { MESSAGES } from '../../core/dialects/messages/messages.ts';
import type { RequestInput } from '../../core/dialects/request-input.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { ask, makeProxy } from '../support/proxy-fixtures.ts';
import { REQUEST_RULES } from '../support/request-rules.ts';

const MODEL = 'claude-opus-5';
const rules = {
  imageTokensMax: 8_192,
  contextWindow: undefined,
  vocabulary: vocabularyOf(MODEL, 'messages'),
};
const NAMED = { model: MODEL, salt: '00112233aabbccdd' };

type Block = Readonly<Record<string, unknown>>;
interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: readonly Block[];
}

const inputOf = (messages: readonly Turn[], more: object = {}): RequestInput =>
  MESSAGES.parse(
    { model: MODEL, max_tokens: 100, messages, ...more },
    { ...REQUEST_RULES, model: MODEL },
  ).input;

const text = (words: string): Block => ({ type: 'text', text: words });
const thinking = (words: string): Block => ({
  type: 'thinking',
  thinking: words,
  signature: 'c2ln',
});
const call = (id: string): Block => ({ type: 'tool_use', id, name: 'read', input: { path: 'a' } });
/** An image that costs 100 tokens a byte. */
const image = (words: string): Block => ({
  type: 'image',
  source: {
    type: 'base64',
    media_type: 'image/png',
    data: Buffer.from(words).toString('base64'),
  },
});
const bytesOfImage = ({ source }: Block): number =>
  Buffer.from(Object(source).data ?? '', 'base64').length;
const result = (id: string, words: string): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  content: words,
});

/** A tool whose schema is no input until a message brings it in. */
const DEFERRED = { name: 'find', input_schema: { words: 'x'.repeat(300) }, defer_loading: true };
const reference = (id: string): Block => ({
  type: 'tool_result',
  tool_use_id: id,
  content: [{ type: 'tool_reference', tool_name: DEFERRED.name }],
});

/**
 * A provider that counts a token for three characters, 100 for a byte of an image, 5 a message, and more
 * than a token for each byte of a schema that a message brings in. It drops the thinking of finished turns: those
 * before the last message of a user that holds no tool's result.
 */
function countOf(messages: readonly Turn[], system: string): number {
  const finishedAt = messages.findLastIndex(
    ({ role, content }) => role === 'user' && content.every(({ type }) => type !== 'tool_result'),
  );
  return messages.reduce(
    (sum, { content }, at) => {
      const counted = content.filter(({ type }) => type !== 'thinking' || at > finishedAt);
      const texts = counted.map((each) => (each.type === 'image' ? 'image' : each));
      const ofImages = 100 * counted.reduce((bytes, each) => bytes + bytesOfImage(each), 0);
      const schemas = counted.filter(({ content }) => Array.isArray(content)).length;
      const ofSchemas = schemas * (JSON.stringify(DEFERRED).length + 10);
      return sum + 5 + ofImages + ofSchemas + Math.ceil(JSON.stringify(texts).length / 3);
    },
    7 + Math.ceil(system.length / 3),
  );
}

const words = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('say' as const), words }),
  fc.record({ kind: fc.constant('think' as const), words }),
  fc.record({ kind: fc.constant('tool' as const), words }),
  fc.record({ kind: fc.constant('edit' as const), words }),
  fc.record({ kind: fc.constant('rewind' as const), words }),
  fc.record({ kind: fc.constant('compact' as const), words }),
  fc.record({ kind: fc.constant('system' as const), words }),
  fc.record({ kind: fc.constant('show' as const), words }),
  fc.record({ kind: fc.constant('search' as const), words }),
  fc.record({ kind: fc.constant('repaint' as const), words }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function applied(messages: readonly Turn[], { kind, words: said }: Step): Turn[] {
  const user = (content: Block): Turn => ({ role: 'user', content: [content] });
  switch (kind) {
    case 'say':
      return [...messages, { role: 'assistant', content: [text('so')] }, user(text(said))];
    case 'think':
      return [
        ...messages,
        { role: 'assistant', content: [thinking(said), call('t1')] },
        user(result('t1', said)),
      ];
    case 'tool':
      return [...messages, { role: 'assistant', content: [call('t2')] }, user(result('t2', said))];
    case 'edit':
      return messages.map((each, at) =>
        at === Math.floor(messages.length / 2) && at > 0
          ? { ...each, content: [...each.content, text(said)] }
          : each,
      );
    case 'rewind':
      return messages.length > 2 ? messages.slice(0, -2) : [...messages];
    case 'compact':
      return [user(text(`summary: ${said}`))];
    case 'search':
      return [...messages, { role: 'assistant', content: [call('t3')] }, user(reference('t3'))];
    case 'show':
      return [...messages, { role: 'assistant', content: [text('so')] }, user(image(said))];
    case 'repaint':
      return messages.map((each) => ({
        ...each,
        content: each.content.map((block) => (block.type === 'image' ? image(said) : block)),
      }));
    case 'system':
      return [...messages];
  }
}

// guarantee: prefix-never-under
describe('the bound of a prompt by what was billed before', () => {
  test('is never under, in a thousand sessions with edits, rewinds, compaction and thinking', () => {
    let used = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
        let messages: Turn[] = [{ role: 'user', content: [text('hello')] }];
        let system = 'be brief';
        const billed: { hashes: readonly string[]; inputTokens: number }[] = [];
        for (const each of steps) {
          messages = applied(messages, each);
          if (each.kind === 'system') system = each.words;
          const input = inputOf(messages, { system, tools: [DEFERRED] });
          const hashes = promptHashes(input, NAMED) ?? [];
          const count = countOf(messages, system);
          const bound = boundByMemory(input, hashes, { billed, rules })?.tokensMax;
          if (bound !== undefined) {
            used += 1;
            expect(bound).toBeGreaterThanOrEqual(count);
          }
          billed.unshift({ hashes: promptToRemember(input, hashes), inputTokens: count });
          billed.length = Math.min(billed.length, 4);
        }
      }),
      { numRuns: 1_000, seed: 13 },
    );
    expect(used).toBeGreaterThan(2_000);
  });

  const first: Turn = { role: 'user', content: [text('one')] };
  const grown: readonly Turn[] = [
    first,
    { role: 'assistant', content: [text('two')] },
    { role: 'user', content: [text('three')] },
  ];
  const boundOf = (before: readonly Turn[], after: readonly Turn[], more: object = {}) => {
    const old = inputOf(before, more);
    const hashes = promptToRemember(old, promptHashes(old, NAMED) ?? []);
    const input = inputOf(after, more);
    const billed = [{ hashes, inputTokens: 1_000 }];
    return boundByMemory(input, promptHashes(input, NAMED) ?? [], { billed, rules })?.tokensMax;
  };

  test('is what was billed, 64, and the bytes of the messages behind it', () => {
    const behind = inputTokensMax(inputOf(grown), rules) ?? 0;
    const before = inputTokensMax(inputOf([first]), rules) ?? 0;
    expect(boundOf([first], grown)).toBe(1_000 + 64 + behind - before);
  });

  test('does not depend on where cache marks stand', () => {
    const marked = [
      { ...first, content: [{ ...text('one'), cache_control: { type: 'ephemeral' } }] },
    ];
    expect(boundOf(marked as Turn[], grown)).toBe(boundOf([first], grown));
  });

  test('is used for a changed last message, by a shorter prefix', () => {
    const changed: readonly Turn[] = [
      ...grown.slice(0, 2),
      { role: 'user', content: [text('four')] },
    ];
    expect(boundOf(grown, changed)).toBeGreaterThan(1_000);
  });

  test.each<[string, readonly Turn[], object]>([
    ['another system prompt', [first], { system: 'other' }],
    ['another first message', [{ role: 'user', content: [text('other')] }], {}],
  ])('is not used after %s', (_, before, more) => {
    const old = inputOf(before, more);
    const hashes = promptToRemember(old, promptHashes(old, NAMED) ?? []);
    const input = inputOf(grown);
    const billed = [{ hashes, inputTokens: 1_000 }];
    expect(
      boundByMemory(input, promptHashes(input, NAMED) ?? [], { billed, rules }),
    ).toBeUndefined();
  });

  test('is not used when thinking was dropped for a user and a tool answers now, or the reverse', () => {
    const thought: readonly Turn[] = [
      first,
      { role: 'assistant', content: [thinking('hm'), call('t')] },
      { role: 'user', content: [result('t', 'x')] },
    ];
    const asked: readonly Turn[] = [
      ...thought,
      { role: 'assistant', content: [text('done')] },
      { role: 'user', content: [text('next')] },
    ];
    const more: readonly Turn[] = [
      ...asked,
      { role: 'assistant', content: [call('u')] },
      { role: 'user', content: [result('u', 'y')] },
    ];
    expect(boundOf(thought, asked)).toBeUndefined();
    expect(boundOf(asked, more)).toBeUndefined();
    expect(boundOf(thought, thought)).toBeGreaterThan(1_000);
  });

  test('has the schema of a tool that a new message brings in, and that of an old one in its bill', () => {
    const searched: readonly Turn[] = [
      first,
      { role: 'assistant', content: [call('t')] },
      { role: 'user', content: [reference('t')] },
    ];
    const tools = { tools: [DEFERRED] };
    const most = (messages: readonly Turn[]) =>
      inputTokensMax(inputOf(messages, tools), rules) ?? 0;
    const texts = most(searched) - most([first]);
    const ofSchema = (boundOf([first], searched, tools) ?? 0) - 1_000 - 64 - texts;
    expect(ofSchema).toBeGreaterThan(JSON.stringify(DEFERRED).length);
    expect(boundOf(searched, searched, tools)).toBe(1_000 + 64);
  });

  test('is used across an image of the same bytes alone', () => {
    const showing = (words: string): readonly Turn[] => [{ role: 'user', content: [image(words)] }];
    const more = [...grown.slice(1), { role: 'user', content: [image('c')] } as const];
    const most = (messages: readonly Turn[]) => inputTokensMax(inputOf(messages), rules) ?? 0;
    const behind = most([...showing('a'), ...more]) - most(showing('a'));
    expect(boundOf(showing('a'), [...showing('a'), ...more])).toBe(1_000 + 64 + behind);
    expect(behind).toBeGreaterThan(8_192);
    expect(boundOf(showing('a'), [...showing('b'), ...more])).toBeUndefined();
  });

  test('finds nothing by another salt, which never leaves the table', () => {
    const input = inputOf(grown);
    const [one, other] = [NAMED, { ...NAMED, salt: 'ffffffffffffffff' }].map((named) =>
      promptHashes(input, named),
    );
    expect(one?.filter((hash) => other?.includes(hash))).toEqual([]);
    expect(new Set(one).size).toBe(4);
    expect(one?.every((hash) => /^[0-9a-f]{16}$/.test(hash))).toBe(true);
  });
});

describe('a conversation of a capped token', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  const long = { role: 'user', content: 'word '.repeat(4_000) };
  const next = [long, { role: 'assistant', content: 'yes' }, { role: 'user', content: 'go on' }];
  const body = (messages: readonly object[]) =>
    ask({ model: 'openai/both', messages, max_tokens: 100 });

  /** Serves the first prompt, billed as 5,000 tokens, and holds the second: its provider reports nothing. */
  async function heldFor(
    second: readonly object[],
    first: object = { prompt_tokens: 5_000 },
    prompt: readonly object[] = [long],
  ) {
    const wallets = makeMemoryWallets();
    const answer = completion('yes', { ...usageOf(5_000, 4), ...first });
    await makeProxy({ headers: JSON_TYPE, reads: [answer] }, { wallets }).serve(body(prompt));
    const proxy = makeProxy({ headers: JSON_TYPE, reads: [completion('x')] }, { wallets });
    await proxy.serve(body(second));
    return proxy.rows()[0]?.tokens.input;
  }

  test('holds what was billed and the bytes of what is new, without a read more', async () => {
    // 5,000, 64, and two messages of 36 and 33 bytes of text with 8 each.
    expect(await heldFor(next)).toBe(5_000 + 64 + 36 + 8 + 33 + 8);
  });

  test('holds what was billed across a screenshot, if its bytes are the same', async () => {
    const shown = (data: string) => ({
      role: 'user',
      content: [
        { type: 'text', text: long.content },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
      ],
    });
    const heldAfter = (data: string) =>
      heldFor([shown(data), ...next.slice(1)], {}, [shown('AAAA')]);
    expect(await heldAfter('AAAA')).toBe(5_000 + 64 + 36 + 8 + 33 + 8);
    expect(await heldAfter('BBBB')).toBeGreaterThan(20_000);
  });

  test('holds its bytes where the prompt is another', async () => {
    const other = [{ ...long, content: `x${long.content}` }, ...next.slice(1)];
    expect(await heldFor(other)).toBeGreaterThan(20_000);
  });

  test('holds its bytes where the report was too small to be that of the prompt', async () => {
    expect(await heldFor(next, { prompt_tokens: 100, total_tokens: 104 })).toBeGreaterThan(20_000);
  });
});
