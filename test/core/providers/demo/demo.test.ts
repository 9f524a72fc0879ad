import { describe, expect, test } from 'vitest';
import { makeDemo } from '../../../../core/providers/demo/demo.ts';
import { makeManualClock } from '../../../support/wallet-fixtures.ts';

const random = { uuid: () => 'u1', fraction: () => 0 };

const ask = (body: object, clock = makeManualClock()): Promise<string> =>
  post('/chat/completions', body, clock);

async function post(url: string, body: object, clock = makeManualClock()): Promise<string> {
  const { body: reads } = await makeDemo({ clock, random }).send({
    url,
    headers: {},
    body: JSON.stringify({ model: 'echo', ...body }),
    deadlineAtMs: 0,
  });
  let text = '';
  for await (const read of reads) text += Buffer.from(read).toString();
  return text;
}

const say = (content: unknown) => ({ messages: [{ role: 'user', content }] });

describe('the demo provider', () => {
  test('repeats the last message, one word per token', async () => {
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'good  morning' },
    ];
    expect(JSON.parse(await ask({ messages }))).toEqual({
      id: 'chatcmpl-u1',
      created: 1_795_176_000,
      model: 'echo',
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'echo: good  morning' },
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 },
    });
  });

  test('streams a word every 20 ms, then a finish reason, usage on request, and [DONE]', async () => {
    const clock = makeManualClock();
    const stream = { stream: true, stream_options: { include_usage: true } };
    const events = (await ask({ ...say('a b'), ...stream }, clock)).split('\n\n').slice(0, -1);
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice('data: '.length)));
    expect(clock.sleptMs).toEqual([20, 20]);
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: 'echo:' },
      { content: ' a' },
      { content: ' b' },
      {},
      undefined,
    ]);
    expect(chunks[3].choices[0].finish_reason).toBe('stop');
    expect(chunks[4].usage).toEqual({ prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 });
    expect(events.at(-1)).toBe('data: [DONE]');
  });

  test('sends no usage event without a request for it', async () => {
    expect(await ask({ ...say('a'), stream: true })).not.toContain('usage');
  });

  test('stops at the cap and reports it', async () => {
    const answer = JSON.parse(await ask({ ...say('one two three'), max_tokens: 2 }));
    expect(answer.choices[0]).toMatchObject({
      message: { content: 'echo: one' },
      finish_reason: 'length',
    });
    expect(answer.usage.completion_tokens).toBe(2);
  });

  test('answers at most 128 words', async () => {
    const answer = JSON.parse(await ask(say('w '.repeat(500))));
    expect(answer.usage.completion_tokens).toBe(128);
    expect(answer.choices[0].finish_reason).toBe('length');
  });

  test.each([
    ['parts', [{ type: 'text', text: 'hi' }, { type: 'image_url' }], 'echo: hi'],
    ['no content', null, 'echo:'],
  ])('reads %s', async (_, content, text) => {
    expect(JSON.parse(await ask(say(content))).choices[0].message.content).toBe(text);
  });
});

/** The events of a stream, without what says the same twice. */
const eventsOf = (stream: string): unknown[] =>
  stream
    .split('\n\n')
    .slice(0, -1)
    .map((event) => JSON.parse(event.slice(event.indexOf('{'))));
const member = (values: unknown[], name: string): unknown[] =>
  values.map((value) => Object(value)[name]);

test('answers an empty message with the prefix alone', async () => {
  expect(JSON.parse(await ask({})).choices[0].message.content).toBe('echo:');
  expect(await post('/models/echo:generateContent', {})).toContain('"text":"echo:"');
});

describe('the demo provider in Anthropic’s dialect', () => {
  const asked = { system: 'be brief', ...say([{ type: 'text', text: 'one two' }]), max_tokens: 2 };

  test('repeats the last message', async () => {
    expect(JSON.parse(await post('/messages', asked))).toEqual({
      id: 'msg_u1',
      type: 'message',
      role: 'assistant',
      model: 'echo',
      content: [{ type: 'text', text: 'echo: one' }],
      stop_reason: 'max_tokens',
      stop_sequence: null,
      usage: { input_tokens: 4, output_tokens: 2 },
    });
  });

  test('streams it word by word', async () => {
    const clock = makeManualClock();
    const events = eventsOf(await post('/messages', { ...asked, stream: true }, clock));
    expect(member(events, 'type')).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events[3]).toMatchObject({ delta: { type: 'text_delta', text: ' one' } });
    expect(events[5]).toMatchObject({
      delta: { stop_reason: 'max_tokens' },
      usage: { output_tokens: 2 },
    });
    expect(clock.sleptMs).toEqual([20]);
  });

  test('stops at the end of the text', async () => {
    expect(JSON.parse(await post('/messages', say('a'))).stop_reason).toBe('end_turn');
  });

  test('counts tokens', async () => {
    expect(JSON.parse(await post('/messages/count_tokens', asked))).toEqual({ input_tokens: 4 });
  });
});

describe('the demo provider in OpenAI’s responses', () => {
  const usage = {
    input_tokens: 3,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 2,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 5,
  };

  test.each([
    ['a text', 'hello'],
    ['items', [{ role: 'user', content: [{ type: 'input_text', text: 'hello' }] }]],
  ])('repeats the last message of %s', async (_, input) => {
    const answer = JSON.parse(await post('/responses', { instructions: 'be brief', input }));
    expect(answer).toMatchObject({
      id: 'resp_u1',
      object: 'response',
      status: 'completed',
      incomplete_details: null,
      output: [{ role: 'assistant', content: [{ type: 'output_text', text: 'echo: hello' }] }],
      usage,
    });
  });

  test('streams it word by word, with sequence numbers', async () => {
    const body = { input: 'one two', max_output_tokens: 2, stream: true };
    const events = eventsOf(await post('/responses', body));
    expect(member(events, 'type')).toEqual([
      'response.created',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.incomplete',
    ]);
    expect(member(events, 'sequence_number')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(member(events, 'delta').slice(3, 5)).toEqual(['echo:', ' one']);
    expect(events[8]).toMatchObject({
      response: {
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        usage: { input_tokens: 2, output_tokens: 2 },
      },
    });
  });

  test('ends as completed at the end of the text', async () => {
    expect(await post('/responses', { input: 'a', stream: true })).toContain(
      '"type":"response.completed"',
    );
  });
});

describe('the demo provider’s embeddings', () => {
  const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value));
  const embed = async (body: object) => JSON.parse(await post('/embeddings', body));

  test('have length one, and are close for similar texts', async () => {
    const { data, usage } = await embed({ input: ['ab', 'ab AB', 'xyz', ''] });
    const vectors: number[][] = data.map(({ embedding }: { embedding: number[] }) => embedding);
    const [first, like, unlike, empty] = vectors;
    expect(first?.slice(0, 3)).toEqual(near([Math.SQRT1_2, Math.SQRT1_2, 0]));
    expect(like).toEqual(near(first ?? []));
    expect(unlike?.slice(0, 2)).toEqual([0, 0]);
    expect(empty).toEqual(Array(26).fill(0));
    expect(usage).toEqual({ prompt_tokens: 4, total_tokens: 4 });
  });

  test('are base64 on request', async () => {
    const { data } = await embed({ input: 'a', encoding_format: 'base64' });
    const bytes = Buffer.from(data[0].embedding, 'base64');
    expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([104, 1, 0]);
  });
});

describe('the demo provider in Google’s dialect', () => {
  const part = (text: string) => ({ role: 'user', parts: [{ text }] });
  const asked = {
    systemInstruction: { parts: [{ text: 'be brief' }] },
    contents: [part('hello'), part('one two')],
    generationConfig: { maxOutputTokens: 2 },
  };
  const usageMetadata = { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 };

  test('repeats the last content', async () => {
    expect(JSON.parse(await post('/models/echo:generateContent', asked))).toEqual({
      candidates: [
        {
          index: 0,
          content: { role: 'model', parts: [{ text: 'echo: one' }] },
          finishReason: 'MAX_TOKENS',
        },
      ],
      usageMetadata,
      modelVersion: 'echo',
      responseId: 'u1',
    });
  });

  test('streams it word by word', async () => {
    const events = eventsOf(await post('/models/echo:streamGenerateContent', asked));
    const candidates = member(events, 'candidates').map((list) => Object(list)[0]);
    expect(member(candidates, 'content')).toEqual([
      { role: 'model', parts: [{ text: 'echo:' }] },
      { role: 'model', parts: [{ text: ' one' }] },
      { role: 'model', parts: [] },
    ]);
    expect(member(candidates, 'finishReason')).toEqual([undefined, undefined, 'MAX_TOKENS']);
    expect(member(events, 'usageMetadata')).toEqual([undefined, undefined, usageMetadata]);
  });

  test('stops at the end of the text, with only a content in the request', async () => {
    const answer = JSON.parse(
      await post('/models/echo:generateContent', { contents: [part('a'), 7, { parts: [8] }] }),
    );
    expect(answer.candidates[0].finishReason).toBe('STOP');
    expect(answer.candidates[0].content.parts).toEqual([{ text: 'echo:' }]);
  });
});
