import { describe, expect, it } from 'vitest';
import { makeMeter } from '../../core/meter.ts';
import { makeEventSplitter } from '../../core/sse.ts';
import {
  chatEvent,
  DONE_EVENT,
  FINISH_EVENT,
  textEvent,
  usageEvent,
} from '../support/fake-provider.ts';

/** The usage of a stream that arrives in these reads. */
function usageOfReads(reads: readonly Uint8Array[]) {
  const splitter = makeEventSplitter();
  const meter = makeMeter({ dropsUsageEvent: false });
  for (const read of reads) meter.take(splitter.push(read).events);
  return meter.usage();
}

const beside = (usage: object): string => chatEvent({ content: 'é' }, { usage });
const said = textEvent('Grüße');

interface Recorded {
  readonly events: readonly string[];
  /** Input, of it read from a cache, of it written to one, output, of it reasoning. */
  readonly tokens: readonly [number, number, number, number, number];
  readonly costNanoUsd?: bigint;
}

const OPENAI_USAGE = {
  prompt_tokens: 40,
  completion_tokens: 25,
  total_tokens: 65,
  prompt_tokens_details: { cached_tokens: 16, cache_write_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 10 },
};
const OUTSIDE_USAGE = {
  prompt_tokens: 32,
  completion_tokens: 9,
  total_tokens: 141,
  completion_tokens_details: { reasoning_tokens: 100 },
};
const PLAIN_USAGE = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };

const RECORDED: Readonly<Record<string, Recorded>> = {
  openai: {
    events: [chatEvent({ content: 'a' }, { usage: null }), FINISH_EVENT, usageEvent(OPENAI_USAGE)],
    tokens: [40, 16, 8, 25, 10],
  },
  azure: {
    events: [
      'data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n',
      said,
      FINISH_EVENT,
      usageEvent(OPENAI_USAGE),
    ],
    tokens: [40, 16, 8, 25, 10],
  },
  bedrock: { events: [said, FINISH_EVENT, usageEvent(PLAIN_USAGE)], tokens: [12, 0, 0, 5, 0] },
  anthropic: { events: [said, FINISH_EVENT, usageEvent(PLAIN_USAGE)], tokens: [12, 0, 0, 5, 0] },
  'google, cumulative and thoughts outside': {
    events: [
      beside({ prompt_tokens: 32, completion_tokens: 2, total_tokens: 94 }),
      beside({ prompt_tokens: 32, completion_tokens: 9, total_tokens: 141 }),
      FINISH_EVENT,
    ],
    tokens: [32, 0, 0, 109, 0],
  },
  'groq, in its own place': {
    events: [said, chatEvent({}, { x_groq: { id: 'req_1', usage: PLAIN_USAGE } })],
    tokens: [12, 0, 0, 5, 0],
  },
  mistral: {
    events: [said, beside({ ...PLAIN_USAGE, num_cached_tokens: 4 })],
    tokens: [12, 4, 0, 5, 0],
  },
  'openrouter, with its cost': {
    events: [': OPENROUTER PROCESSING\n\n', said, usageEvent({ ...PLAIN_USAGE, cost: 0.00125 })],
    tokens: [12, 0, 0, 5, 0],
    costNanoUsd: 1_250_000n,
  },
  deepseek: {
    events: [
      ': keep-alive\n\n',
      beside({ ...PLAIN_USAGE, prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 4 }),
    ],
    tokens: [12, 8, 0, 5, 0],
  },
  'xai, reasoning outside': {
    events: [said, FINISH_EVENT, usageEvent(OUTSIDE_USAGE)],
    tokens: [32, 0, 0, 109, 100],
  },
  'deepinfra, reasoning outside and no total of it': {
    events: [
      said,
      FINISH_EVENT,
      usageEvent({ ...OUTSIDE_USAGE, total_tokens: 41, estimated_cost: 0.1 }),
    ],
    tokens: [32, 0, 0, 109, 100],
  },
  together: { events: [said, beside(PLAIN_USAGE)], tokens: [12, 0, 0, 5, 0] },
  'vllm, in every event': {
    events: [1, 2, 5].map((n) =>
      beside({ prompt_tokens: 12, completion_tokens: n, total_tokens: 12 + n }),
    ),
    tokens: [12, 0, 0, 5, 0],
  },
  ollama: { events: [said, FINISH_EVENT, usageEvent(PLAIN_USAGE)], tokens: [12, 0, 0, 5, 0] },
};

describe('the usage of a stream, wherever it is cut in two and byte by byte', () => {
  it.each(Object.entries(RECORDED))('of %s', (_, { events, tokens, costNanoUsd }) => {
    const stream = Buffer.from([...events, DONE_EVENT].join(''));
    const [input, cachedInput, cacheWrite, output, reasoning] = tokens;
    const expected = {
      tokens: { input, cachedInput, cacheWrite, output, reasoning },
      ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
    };
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(usageOfReads([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(expected);
    }
    expect(usageOfReads(Array.from(stream, (byte) => Buffer.from([byte])))).toEqual(expected);
  });
});
