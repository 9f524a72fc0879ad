/**
 * The turns that an agent gets for its budget: a session of 400 kB turns, billed by a provider that counts with a real tokenizer.
 */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { asNanoUsd, usdFromNano } from '../../core/base/money.ts';
import { costOf, type Price } from '../../core/models/pricing.ts';
import {
  type About,
  type Conversation,
  type ConversationOptions,
  makeMessagesConversation,
  makeResponsesConversation,
  makeSessionGateway,
  priceOf,
  type Turn,
} from './session.ts';
import {
  type CountText,
  countClaude,
  countGpt,
  makeSessionProvider,
  type SessionProvider,
} from './session-provider.ts';

/** Bodies of 400 kB, hundreds of times. */
vi.setConfig({ testTimeout: 60_000 });

const LIMIT_USD = 5;
/** At first; some 500 kB at the end. */
const BYTES = 400_000;
const GROWTH_BYTES = 500;
const CAP = 32_000;
const OUTPUT_TOKENS = 900;
const TURNS_MAX = 150;
/** Turns of the event loop until all requests are at the provider or refused. */
const WAITS_MAX = 1_000;
const ANSWER = 'I read the next file, because the test that fails imports it. '.repeat(16);
/** One in a hundred. */
const isMiss = (turn: number): boolean => turn % 100 === 10;

interface Agent {
  readonly model: string;
  readonly countText: CountText;
  converse(options: ConversationOptions): Conversation;
}

const OPUS: Agent = {
  model: 'anthropic/claude-opus-5',
  countText: countClaude,
  converse: makeMessagesConversation,
};
const SONNET: Agent = { ...OPUS, model: 'anthropic/claude-sonnet-5' };
const GPT: Agent = {
  model: 'openai/gpt-5.6',
  countText: countGpt,
  converse: makeResponsesConversation,
};

interface Session {
  readonly provider: SessionProvider;
  readonly turns: readonly Turn[];
  readonly refused: Turn | undefined;
  readonly about: About;
}

const conversationOf = (agent: Agent, task: string): Conversation =>
  agent.converse({
    task,
    ...{ model: agent.model, bytes: BYTES, growthBytes: GROWTH_BYTES },
    ...{ answer: ANSWER, cap: CAP },
  });

/** Turn after turn, until one is refused or enough were served. */
async function runSession(
  agent: Agent,
  limitUsd = LIMIT_USD,
  turnsMax = TURNS_MAX,
): Promise<Session> {
  const provider = makeSessionProvider({
    ...{ countText: agent.countText, outputTokens: OUTPUT_TOKENS, answer: ANSWER, isMiss },
  });
  const gateway = makeSessionGateway(provider, limitUsd);
  const conversation = conversationOf(agent, 'Fix the tests.');
  const turns: Turn[] = [];
  for (let turn = 0; turn < turnsMax; turn += 1) {
    const asked = await gateway.ask(conversation.path, conversation.next());
    if (asked.code !== undefined) {
      return { provider, turns, refused: asked, about: await gateway.about() };
    }
    turns.push(asked);
  }
  return { provider, turns, refused: undefined, about: await gateway.about() };
}

/** The cost of a turn whose whole prompt is written to the cache. */
function coldCost(price: Price, { row }: Turn): bigint {
  const tokens = row?.tokens ?? { input: 0, output: 0, reasoning: 0 };
  return costOf(price, { ...tokens, cachedInput: 0, cacheWrite: tokens.input });
}

// guarantee: agent-spends-its-budget
describe.each([
  ['Sonnet 5', SONNET, 0.88],
  ['GPT-5.6', GPT, 0.88],
  ['Opus 5', OPUS, 0.76],
])('an agent on %s with 5 USD', (_, agent, spentMin) => {
  test(`spends ${spentMin * 100} % before the first refusal, and never more than 5 USD`, async () => {
    const { provider, turns, refused, about } = await runSession(agent);
    const price = priceOf(agent.model);
    const billed = provider.bills.reduce((total, bill) => total + costOf(price, bill), 0n);
    const ratios = turns
      .slice(1)
      .map((turn) => Number(turn.heldNanoUsd) / Number(coldCost(price, turn)));
    expect(about).toEqual({ usage: usdFromNano(asNanoUsd(billed)), reserved: 0, overrun: 0 });
    expect(about.usage).toBeLessThanOrEqual(LIMIT_USD);
    expect(about.usage / LIMIT_USD).toBeGreaterThanOrEqual(spentMin);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(2.3);
    // What is left would not pay for the last prompt with a cold cache, let alone the next one.
    const [last] = turns.slice(-1);
    expect(about.usage + Number(last && coldCost(price, last)) / 1e9).toBeGreaterThan(LIMIT_USD);
    expect(provider.countCalls()).toBe(1);
    expect(refused?.code).toBe('request_too_expensive');
  });
});

test.each([
  ['Sonnet 5', SONNET, 20],
  ['GPT-5.6', GPT, 20],
  ['Opus 5', OPUS, 40],
])(
  'a hundred turns of an agent on %s need one count by the provider at most',
  async (_, agent, limitUsd) => {
    const { provider, turns } = await runSession(agent, limitUsd, 100);
    expect(turns).toHaveLength(100);
    expect(provider.countCalls()).toBeLessThanOrEqual(1);
  },
);

describe.each([
  ['Sonnet 5', SONNET],
  ['GPT-5.6', GPT],
])('four conversations on %s', (_, agent) => {
  test('send their first turns at once with a fresh 5 USD, and all are served', async () => {
    const provider = makeSessionProvider({
      ...{ countText: agent.countText, outputTokens: OUTPUT_TOKENS, answer: ANSWER },
    });
    const gateway = makeSessionGateway(provider, LIMIT_USD);
    const { promise, resolve } = Promise.withResolvers<void>();
    provider.holdAnswers(promise);
    const tasks = ['Fix the tests.', 'Write the docs.', 'Find the leak.', 'Name the parts.'];
    const turns = tasks.map((task) => {
      const conversation = conversationOf(agent, task);
      return gateway.ask(conversation.path, conversation.next());
    });
    for (let waits = 0; waits < WAITS_MAX && provider.bills.length < tasks.length; waits += 1) {
      await setImmediate();
    }
    resolve();
    const codes = (await Promise.all(turns)).map(({ code }) => code);
    expect(codes).toEqual([undefined, undefined, undefined, undefined]);
    expect((await gateway.about()).usage).toBeLessThanOrEqual(LIMIT_USD);
  });
});
