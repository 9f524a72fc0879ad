import { describe, expect, test } from 'vitest';
import { inputTokensMax } from '../../../../core/dialects/input-bound.ts';
import type { RequestRules } from '../../../../core/dialects/request-rules.ts';
import { RESPONSES } from '../../../../core/dialects/responses/responses.ts';
import { GENERIC_ROW, KNOWN_PROVIDERS } from '../../../../core/providers/known.ts';
import { OPEN, outcomeOf, REQUEST_RULES, SCOPED } from '../../../support/request-rules.ts';

const parse = (more: object, rules: Partial<RequestRules> = {}) =>
  RESPONSES.parse({ model: 'x', input: 'Hi', ...more }, { ...REQUEST_RULES, ...rules });
const outcome = (more: object, rules: Partial<RequestRules> = {}) =>
  outcomeOf(RESPONSES, { input: 'Hi', ...more }, rules);
const sentOf = (more: object, rules: Partial<RequestRules> = {}) => {
  const { write, output } = parse(more, rules);
  return JSON.parse(write(output.cap));
};
const withItem = (item: unknown) => ({ input: [item] });
const withPart = (part: unknown) => withItem({ role: 'user', content: [part] });
const PIXEL = 'data:image/png;base64,aGk=';
const FUNCTION = { type: 'function', name: 'f', parameters: {}, strict: null };
const REMOVE = 'is not bounded by a spending limit; remove it or use a key without one';

/** A request as Codex sends it. */
const CODEX = {
  model: 'x',
  instructions: 'You are a coding agent.',
  input: [
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief.' }] },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Go.' }] },
    { type: 'reasoning', summary: [], content: null, encrypted_content: 'gAAA' },
    { type: 'function_call', name: 'shell', arguments: '{}', call_id: 'c1' },
    { type: 'function_call_output', call_id: 'c1', output: 'done' },
    {
      type: 'custom_tool_call',
      status: 'completed',
      call_id: 'c2',
      name: 'apply_patch',
      input: '*',
    },
    { type: 'custom_tool_call_output', call_id: 'c2', output: 'ok' },
    {
      type: 'local_shell_call',
      call_id: 'c3',
      status: 'completed',
      action: { type: 'exec', command: ['ls'], timeout_ms: 9, working_directory: '/', env: {} },
    },
    { type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'x' } },
    { type: 'tool_search_call', call_id: 'c4', execution: 'client', arguments: { query: 'x' } },
    { type: 'tool_search_output', call_id: 'c4', execution: 'client', tools: [FUNCTION] },
    { type: 'compaction', encrypted_content: 'gAAA' },
    { type: 'configuration_update', reasoning: { effort: 'high' } },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Done.' }] },
  ],
  tools: [
    FUNCTION,
    {
      type: 'custom',
      name: 'apply_patch',
      description: 'x',
      format: { type: 'grammar', syntax: 'lark', definition: 'x' },
    },
    { type: 'namespace', name: 'mcp', description: 'x', tools: [FUNCTION] },
    { type: 'tool_search', execution: 'client', description: 'x', parameters: {} },
    { type: 'local_shell' },
    { type: 'web_search', external_web_access: false },
    { type: 'image_generation', output_format: 'png' },
  ],
  tool_choice: 'auto',
  parallel_tool_calls: true,
  reasoning: { effort: 'medium', summary: 'auto', context: 'all_turns' },
  store: false,
  stream: true,
  stream_options: { include_obfuscation: false },
  include: ['reasoning.encrypted_content'],
  prompt_cache_key: 'k',
  text: { verbosity: 'low' },
  client_metadata: { turn: 'x' },
  access_programs: { cyber: 'standard' },
};

describe('the body that is sent', () => {
  test('has one cap, and neither stores anything nor runs in the background', () => {
    const request = parse({ store: true, background: false, max_output_tokens: 50 });
    expect(JSON.parse(request.write(20))).toEqual({
      model: 'm',
      input: 'Hi',
      store: false,
      max_output_tokens: 20,
    });
    expect(request.output).toMatchObject({ cap: 50, capMin: 16 });
    expect(sentOf({}).max_output_tokens).toBe(8_192);
    expect(sentOf({}, SCOPED)).toEqual({ model: 'm', input: 'Hi', store: false });
    expect(sentOf({}, OPEN)).toEqual({ model: 'm', input: 'Hi', store: false });
  });

  test('asks OpenAI for its default tier under a limit', () => {
    const row = KNOWN_PROVIDERS.get('openai') ?? GENERIC_ROW;
    expect(sentOf({}, { row }).service_tier).toBe('default');
    expect(sentOf({}, { row, ...SCOPED })).not.toHaveProperty('service_tier');
  });

  test('names no item by its id, except for a server key or a server of one’s own', () => {
    const item = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' };
    const { id: _id, ...unnamed } = item;
    expect(sentOf(withItem(item)).input).toEqual([unnamed]);
    expect(sentOf(withItem(item), SCOPED).input).toEqual([unnamed]);
    expect(sentOf(withItem(item), { isServerKey: true }).input).toEqual([item]);
    expect(sentOf(withItem(item), { row: { ...GENERIC_ROW, keyless: true } }).input).toEqual([
      item,
    ]);
    const image = {
      type: 'image_generation_call',
      id: 'ig_1',
      status: 'completed',
      result: 'aGk=',
    };
    expect(sentOf(withItem(image)).input).toEqual([image]);
  });
});

describe('a request of an agent', () => {
  test('passes under a limit, but for the tools that nothing bounds', () => {
    const { dropped, output } = parse(CODEX);
    expect(dropped).toEqual(['web_search', 'image_generation']);
    expect(output).toMatchObject({ cap: 32_000, capMin: 4_096 });
    const { tools } = sentOf(CODEX);
    expect(tools).toEqual(CODEX.tools.slice(0, 5));
    expect(sentOf(CODEX)).toMatchObject({ ...CODEX, model: 'm', tools });
  });

  test('with a cap of its own has that', () => {
    const output = { cap: 900, capMin: 16 };
    expect(parse({ ...CODEX, max_output_tokens: 900 }).output).toMatchObject(output);
  });

  test('has no larger cap than the model gives', () => {
    const output = { cap: 2_048, capMin: 2_048 };
    expect(parse(CODEX, { maxOutputTokens: 2_048 }).output).toMatchObject(output);
  });

  test('is counted by each item', () => {
    const { input } = parse(CODEX);
    expect(input.messages).toHaveLength(14);
    const flagged = (name: 'endsInToolResult' | 'hasHiddenReasoning') =>
      input.messages.flatMap((message, index) => (message[name] ? [index] : []));
    expect(flagged('endsInToolResult')).toEqual([4, 6, 10]);
    expect(flagged('hasHiddenReasoning')).toEqual([2, 11]);
    expect(input).toMatchObject({
      tools: { count: 7, typed: 2 },
      cacheMark: 'none',
      reference: undefined,
      hasHostedTools: false,
    });
    expect(input.head).toContain('"instructions":"You are a coding agent."');
    expect(input.head).not.toContain('client_metadata');
  });
});

describe('under a limit', () => {
  test.each([
    ['a text', { input: 'x' }],
    ['an image', withPart({ type: 'input_image', image_url: PIXEL, detail: 'auto' })],
    ['a message without a type', withItem({ role: 'user', content: 'x' })],
    [
      'a schema of the answer',
      { text: { format: { type: 'json_schema', name: 'x', schema: {} } } },
    ],
    ['null for a field', { previous_response_id: null, background: null, unheard_of: null }],
    ['a shell of the client’s', { tools: [{ type: 'shell', environment: { type: 'local' } }] }],
  ])('%s passes', (_, more) => {
    expect(outcome(more)).toBe('passes');
  });

  test.each([
    ['unheard_of', { unheard_of: 1 }],
    ['(unnamed)', { 'say this': 1 }],
    ['context_management', { context_management: [{ type: 'compaction' }] }],
    ['moderation', { moderation: { model: 'x' } }],
    ['input[0].content[0].video_url', withPart({ type: 'input_text', text: 'x', video_url: 'x' })],
    [
      'input[0].content[0].prompt_cache_breakpoint.note',
      withPart({
        type: 'input_text',
        text: 'x',
        prompt_cache_breakpoint: { mode: 'x', note: 'y' },
      }),
    ],
    ['reasoning.note', { reasoning: { note: 'x' } }],
    [
      'prompt_cache_options.comparison_response_id',
      { prompt_cache_options: { comparison_response_id: 'r' } },
    ],
  ])('%s is refused', (path, more) => {
    expect(outcome(more)).toBe(`"${path}" ${REMOVE}`);
    expect(outcome(more, { isCapped: false })).toBe(`"${path}" ${REMOVE}`);
  });

  test.each([
    ['"input" must be a text or a list, got nothing', { input: undefined }],
    ['"input" must be a text or a list, got an object', { input: { role: 'user' } }],
    ['"instructions" must be a text, got a list', { instructions: [{ role: 'user' }] }],
    ['"input[0].role" must be given, got nothing', withItem({ id: 'msg_1' })],
    ['"input[0].role" must be given, got nothing', withItem({ type: null, id: 'msg_1' })],
    ['"input[0]" must be an object, got a text', withItem('x')],
    [
      '"input[0].content" must be a text or a list, got an object',
      withItem({ role: 'user', content: { type: 'input_text' } }),
    ],
    [
      '"input[0].output" must be a text or a list, got an object',
      withItem({ type: 'function_call_output', call_id: 'c', output: { type: 'input_text' } }),
    ],
    [
      '"input[0].arguments" must be a text, got an object',
      withItem({ type: 'function_call', name: 'f', call_id: 'c', arguments: {} }),
    ],
    [
      '"input[0].result" must be a text, got nothing',
      withItem({ type: 'image_generation_call', id: 'ig_1', result: null }),
    ],
    ['"input[0].content[0].type" must be given, got nothing', withPart({ text: 'x' })],
    [
      '"client_metadata.a" must be a text, a number or true or false, got an object',
      { client_metadata: { a: {} } },
    ],
    [
      '"max_output_tokens" must be a whole number from 1 to 10000000, got 0',
      { max_output_tokens: 0 },
    ],
    ['"stream" must be true or false, got a text', { stream: 'yes' }],
  ])('%s', (words, more) => {
    expect(outcome(more)).toBe(words);
  });

  test.each([
    ['a hosted tool', 'tools[0].type', { tools: [{ type: 'file_search' }] }],
    ['a search and no other tool', 'tools[0].type', { tools: [{ type: 'web_search' }] }],
    [
      'a hosted tool in a namespace',
      'tools[0].tools[0].type',
      { tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'mcp' }] }] },
    ],
    [
      'a hosted tool that a search found',
      'input[0].tools[0].type',
      withItem({ type: 'tool_search_output', tools: [{ type: 'mcp' }] }),
    ],
    [
      'a search by OpenAI',
      'tools[0].execution',
      { tools: [{ type: 'tool_search', execution: 'server' }] },
    ],
    [
      'a shell of OpenAI’s',
      'tools[0].environment.type',
      { tools: [{ type: 'shell', environment: { type: 'container_auto' } }] },
    ],
    ['a choice of a hosted tool', 'tool_choice.type', { tool_choice: { type: 'web_search' } }],
    ['a call of code', 'input[0].type', withItem({ type: 'code_interpreter_call' })],
    ['an unknown part', 'input[0].content[0].type', withPart({ type: 'input_hologram' })],
    ['a dearer tier', 'service_tier', { service_tier: 'priority' }],
    ['a dearer mode', 'reasoning.mode', { reasoning: { mode: 'pro' } }],
    ['a cache of 12 hours', 'prompt_cache_options.ttl', { prompt_cache_options: { ttl: '12h' } }],
  ])('%s is not bounded', (_, path, more) => {
    expect(outcome(more).startsWith(`"${path}" is not bounded by a spending limit; `)).toBe(true);
    expect(outcome(more, OPEN)).toBe('passes');
  });

  test('a search found without its execution named is refused', () => {
    expect(outcome({ tools: [{ type: 'tool_search' }] })).toBe(
      '"tools[0].execution" must be given, got nothing',
    );
  });
});

describe('without a limit', () => {
  test.each([
    ['an unknown field', { unheard_of: { deep: [1] } }],
    ['a search of OpenAI’s', { tools: [{ type: 'web_search', search_context_size: 'low' }] }],
    ['an image to be drawn', { tools: [{ type: 'image_generation' }] }],
    [
      'a server of tools',
      { tools: [{ type: 'mcp', server_label: 'x', server_url: 'https://x.edu' }] },
    ],
    ['a file by its address', withPart({ type: 'input_file', file_url: 'https://x.edu/y.pdf' })],
    ['a dearer tier', { service_tier: 'priority', reasoning: { mode: 'pro' } }],
  ])('%s passes for a scoped credential', (_, more) => {
    expect(outcome(more, SCOPED)).toBe('passes');
    expect(sentOf(more, SCOPED)).toMatchObject(more);
  });

  test.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['conversation.id', { conversation: { id: 'conv_1' } }],
    ['prompt.id', { prompt: { id: 'p' } }],
    ['input[0].id', withItem({ type: 'item_reference', id: 'x' })],
    ['input[0].content[0].file_id', withPart({ type: 'input_image', file_id: 'f' })],
    ['input[0].content[0].file_id', withPart({ type: 'input_file', file_id: 'f' })],
    [
      'input[0].output[0].file_id',
      withItem({ type: 'function_call_output', output: [{ type: 'input_file', file_id: 'f' }] }),
    ],
    [
      'input[0].content[0].annotations[0].file_id',
      withPart({
        type: 'output_text',
        text: '',
        annotations: [{ type: 'file_path', file_id: 'f' }],
      }),
    ],
    ['tools[0].vector_store_ids', { tools: [{ type: 'file_search', vector_store_ids: ['v'] }] }],
    ['tools[0].container', { tools: [{ type: 'code_interpreter', container: 'c' }] }],
    ['tools[0].connector_id', { tools: [{ type: 'mcp', connector_id: 'c' }] }],
    [
      'prompt_cache_options.comparison_response_id',
      { prompt_cache_options: { comparison_response_id: 'r' } },
    ],
  ])('%s may name what is stored for a server key alone', (path, more) => {
    expect(outcome(more, SCOPED)).toBe(
      `"${path}" may name data stored at the provider, which only a server key may do`,
    );
    expect(outcome(more, OPEN)).toBe('passes');
  });

  test('an item by its id alone is refused to all but a server key', () => {
    const words = '"input[0].role" must be given, got nothing';
    expect(outcome(withItem({ id: 'msg_1' }), SCOPED)).toBe(words);
    expect(outcome(withItem({ id: 'msg_1' }), OPEN)).toBe('passes');
    const empty = withItem({ type: 'image_generation_call', id: 'ig_1', result: null });
    expect(outcome(empty, SCOPED)).toBe('"input[0].result" must be a text, got nothing');
  });

  test.each([
    [
      '"background" must be false: a request in the background cannot be billed',
      { background: true },
    ],
    ['"input" must be a text or a list, got 5', { input: 5 }],
    ['"stream" must be true or false, got a text', { stream: 'yes' }],
  ])('%s, whoever asks', (words, more) => {
    expect([{}, SCOPED, OPEN].map((rules) => outcome(more, rules))).toEqual([words, words, words]);
  });
});

describe('what the bound counts', () => {
  const boundOf = (more: object, contextWindow?: number) =>
    inputTokensMax(parse(more).input, {
      imageTokensMax: 1_000,
      contextWindow,
      vocabulary: 'bytes',
    });

  test('is the bytes of the text', () => {
    // {"type":"message","role":"user","content":"…"} is 45 bytes, {} is 2.
    expect(boundOf({ input: 'ä'.repeat(1_000) })).toBe(2_000 + 45 + 2 + 64 + 8);
  });

  test('is an image by its rule and not by its bytes', () => {
    const image = (url: string) => withPart({ type: 'input_image', image_url: url });
    const one = boundOf(image(PIXEL)) ?? 0;
    expect(boundOf(image(`data:image/png;base64,${'aGk='.repeat(9_999)}`))).toBe(one);
    expect(one).toBeGreaterThan(1_000);
    expect(
      boundOf(withItem({ type: 'image_generation_call', result: 'aGk='.repeat(9_999) })),
    ).toBeLessThan(1_200);
  });

  test.each([
    ['an address', withPart({ type: 'input_image', image_url: 'https://x.edu/y.png' }), false],
    [
      'a file',
      withPart({ type: 'input_file', file_data: 'data:application/pdf;base64,aGk=' }),
      true,
    ],
  ])('is the context window for %s', (_, more, isInline) => {
    expect(boundOf(more, 128_000)).toBe(128_000);
    expect(boundOf(more)).toBeUndefined();
    expect(parse(more).toCountBody?.() !== undefined).toBe(isInline);
  });

  test('is the context window for what a server key names', () => {
    const { reference, stored } = parse({ previous_response_id: 'r' }, { isServerKey: true }).input;
    expect([reference, stored]).toEqual(['previous_response_id', 'previous_response_id']);
  });
});

test('the body for the count route has what is counted', () => {
  expect(JSON.parse(parse({ ...CODEX, input: 'Hi' }).toCountBody?.() ?? '')).toEqual({
    model: 'm',
    input: 'Hi',
    instructions: CODEX.instructions,
    tools: CODEX.tools.slice(0, 5),
    tool_choice: 'auto',
    text: { verbosity: 'low' },
    reasoning: CODEX.reasoning,
  });
});
