/**
 * Sessions that a bound of remembered prompts could be fooled by: no bill passes its hold, and the books hold every bill.
 */
import { describe, expect, test } from 'vitest';
import { asNanoUsd, usdFromNano, ZERO_USD } from '../../core/base/money.ts';
import { costOf } from '../../core/models/pricing.ts';
import {
  type About,
  type Gateway,
  makeMessagesConversation,
  makeResponsesConversation,
  makeSessionGateway,
  pieces,
  priceOf,
} from './session.ts';
import {
  type CountText,
  countClaude,
  countGpt,
  makeSessionProvider,
  type SessionProvider,
} from './session-provider.ts';

const MODEL = 'anthropic/claude-sonnet-5';
const PATH = '/v1/messages';
const LIMIT_USD = 50;
const TURNS = 45;
const ANSWER = 'I read the next file.';
const MARK = { cache_control: { type: 'ephemeral' } };

const user = (text: string, ...more: readonly object[]): object => ({
  role: 'user',
  content: [...more, { type: 'text', text, ...MARK }],
});
const bodyOf = (messages: readonly object[]): object => ({
  ...{ model: MODEL, max_tokens: 1_000, stream: true, messages },
  system: [{ type: 'text', text: 'You write code.', ...MARK }],
});

const isThird = (turn: number): boolean => turn % 3 === 2;

type ProviderOptions = Parameters<typeof makeSessionProvider>[0];

function start(options: Partial<ProviderOptions> = {}, limitUsd = LIMIT_USD) {
  const provider = makeSessionProvider({
    ...{ countText: countClaude, outputTokens: 500, answer: ANSWER },
    // The dearest that it can be: nothing is read from the cache.
    isMiss: () => true,
    ...options,
  });
  return { provider, gateway: makeSessionGateway(provider, limitUsd) };
}

/** The figures of `/v1/key` when each answer was billed as the provider reported it, and nothing passed its hold. */
const exactBooks = ({ bills }: SessionProvider): About => ({
  usage: usdFromNano(
    bills.reduce((total, bill) => asNanoUsd(total + costOf(priceOf(MODEL), bill)), ZERO_USD),
  ),
  reserved: 0,
  overrun: 0,
});

const overruns = (gateway: Gateway): readonly bigint[] =>
  gateway.rows().map(({ overrunNanoUsd }) => overrunNanoUsd);

describe('a bill never passes its hold, and the limit counts every bill', () => {
  test('when thinking is dropped after a turn and comes back on a rewind', async () => {
    const { provider, gateway } = start();
    const source = pieces();
    let messages: readonly object[] = [user('Fix the tests.')];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const thinking = { type: 'thinking', thinking: source.next().value, signature: 'c2VhbA==' };
      const id = `toolu_${turn}`;
      const call = { type: 'tool_use', id, name: 'read', input: {} };
      const text = { type: 'text', text: source.next().value };
      const result = { type: 'tool_result', tool_use_id: id, content: source.next().value };
      // Every third turn ends with a text of the user: all thinking before it is dropped.
      messages =
        turn % 3 === 2
          ? [...messages, { role: 'assistant', content: [thinking, text] }, user('Go on.')]
          : [
              ...messages,
              { role: 'assistant', content: [thinking, call] },
              { role: 'user', content: [result] },
            ];
      // Every seventh goes back by four messages, into a turn whose thinking had been dropped.
      if (turn % 7 === 6) messages = messages.slice(0, -4);
      const { code } = await gateway.ask(PATH, bodyOf(messages));
      expect(code).toBeUndefined();
    }
    expect(overruns(gateway)).toEqual(Array(TURNS).fill(0n));
    expect(await gateway.about()).toEqual(exactBooks(provider));
  });

  test('when a URL of the prompt holds more at each turn', async () => {
    const { provider, gateway } = start({ urlTokens: (turn) => turn * 20_000 });
    const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
    const source = pieces();
    const messages: object[] = [user('Look at this.', image)];
    for (let turn = 0; turn < TURNS; turn += 1) {
      messages.push({ role: 'assistant', content: ANSWER }, user(source.next().value));
      await gateway.ask(PATH, bodyOf(messages));
    }
    expect(gateway.rows().length).toBeGreaterThan(10);
    expect(overruns(gateway)).toEqual(gateway.rows().map(() => 0n));
    expect(await gateway.about()).toEqual(exactBooks(provider));
  });

  test('when a text costs 2.33 tokens a byte', async () => {
    const countText: CountText = (text) =>
      text.includes('Ⱦ,') ? Math.ceil((Buffer.byteLength(text) * 7) / 3) : countClaude(text);
    const { provider, gateway } = start({ countText });
    const messages: object[] = [user('Ⱦ,'.repeat(10_000))];
    for (let turn = 0; turn < TURNS; turn += 1) {
      messages.push({ role: 'assistant', content: ANSWER }, user('Ⱦ,'.repeat(500)));
      const { code } = await gateway.ask(PATH, bodyOf(messages));
      expect(code).toBeUndefined();
    }
    expect(overruns(gateway)).toEqual(Array(TURNS).fill(0n));
    expect(await gateway.about()).toEqual(exactBooks(provider));
  });

  test.each([
    ['Sonnet 5', MODEL, countClaude, makeMessagesConversation],
    ['GPT-5.6', 'openai/gpt-5.6', countGpt, makeResponsesConversation],
  ])('when every third answer of %s breaks off', async (_, model, countText, converse) => {
    const limitUsd = 5;
    const { provider, gateway } = start({ countText, isDropped: isThird }, limitUsd);
    const size = { bytes: 40_000, growthBytes: 2_000, answer: ANSWER, cap: 1_000 };
    const { path, next } = converse({ model, ...size });
    for (let turn = 0; turn < TURNS; turn += 1) await gateway.ask(path, next());
    const rows = gateway.rows();
    const bills = provider.bills.map((bill) => costOf(priceOf(model), bill));
    expect(rows.map(({ status }) => status)).toEqual(
      bills.map((_bill, turn) => (isThird(turn) ? 'estimated' : 'exact')),
    );
    // An answer that could not be read costs at least what is billed for it, and all others exactly that.
    for (const [turn, { cost }] of rows.entries()) {
      const bill = bills[turn] ?? 0n;
      if (isThird(turn)) expect(cost.usd).toBeGreaterThanOrEqual(bill);
      else expect(cost.usd).toBe(bill);
    }
    const booked = usdFromNano(asNanoUsd(rows.reduce((total, { cost }) => total + cost.usd, 0n)));
    expect(await gateway.about()).toEqual({ usage: booked, reserved: 0, overrun: 0 });
    expect(booked).toBeLessThanOrEqual(limitUsd);
  });
});
