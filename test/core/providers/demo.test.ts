import { describe, expect, it } from 'vitest';
import { makeDemo } from '../../../core/providers/demo.ts';
import { makeManualClock } from '../../support/wallet-fixtures.ts';

const random = { uuid: () => 'u1', fraction: () => 0 };

async function ask(body: object, clock = makeManualClock()): Promise<string> {
  const { body: reads } = await makeDemo({ clock, random }).send({
    method: 'POST',
    url: '',
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
  it('says the last message back, one word a token', async () => {
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

  it('streams a word every 20 ms, then a finish reason, usage when asked, and [DONE]', async () => {
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

  it('sends no usage event when it was not asked to', async () => {
    expect(await ask({ ...say('a'), stream: true })).not.toContain('usage');
  });

  it('keeps the cap and says so', async () => {
    const answer = JSON.parse(await ask({ ...say('one two three'), max_tokens: 2 }));
    expect(answer.choices[0]).toMatchObject({
      message: { content: 'echo: one' },
      finish_reason: 'length',
    });
    expect(answer.usage.completion_tokens).toBe(2);
  });

  it('says at most 128 words', async () => {
    const answer = JSON.parse(await ask(say('w '.repeat(500))));
    expect(answer.usage.completion_tokens).toBe(128);
    expect(answer.choices[0].finish_reason).toBe('length');
  });

  it.each([
    ['parts', [{ type: 'text', text: 'hi' }, { type: 'image_url' }], 'echo: hi'],
    ['no content', null, 'echo:'],
  ])('reads %s', async (_, content, text) => {
    expect(JSON.parse(await ask(say(content))).choices[0].message.content).toBe(text);
  });
});
