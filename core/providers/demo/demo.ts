/**
 * The built-in provider `demo`: its model `echo` repeats the last user message, in every dialect, so that the gateway
 * can be tried without an account. Flow: reserve > **forward** > meter.
 * Invariant: the answer depends on the request alone; its id, date and pace come from ports.
 */
import type { JsonObject } from '../../base/json.ts';
import type { Clock, Random } from '../../base/ports.ts';
import type { Upstream, UpstreamResponse } from '../ports.ts';
import { DEMO_COUNT_TOKENS, DEMO_MESSAGES } from './anthropic.ts';
import type { DemoAnswer, DemoFormat } from './format.ts';
import { demoGoogle } from './google.ts';
import { DEMO_CHAT, DEMO_EMBEDDINGS, DEMO_RESPONSES } from './openai.ts';

/** The provider's name. A configured provider of that name replaces it. */
export const DEMO_PROVIDER = 'demo';
const ECHO = 'echo';

/** The ids of its models, without `demo/`. */
export const DEMO_MODELS: readonly string[] = [ECHO];

/** The formats by path, as in the provider's row. */
const FORMATS: ReadonlyMap<string, DemoFormat> = new Map([
  ['/chat/completions', DEMO_CHAT],
  ['/responses', DEMO_RESPONSES],
  ['/embeddings', DEMO_EMBEDDINGS],
  ['/messages', DEMO_MESSAGES],
  ['/messages/count_tokens', DEMO_COUNT_TOKENS],
]);

/** The most words of one answer. Each is a streamed chunk. */
const WORDS_MAX = 128;
const CHUNK_INTERVAL_MS = 20;

/** Makes the demo provider as an upstream. One word is one token. Its URLs are paths. */
export const makeDemo = ({ clock, random }: { clock: Clock; random: Random }): Upstream => ({
  async send(request) {
    const format = FORMATS.get(request.url) ?? demoGoogle(request.url);
    const body = JSON.parse(request.body) as JsonObject;
    const { texts, cap, isStream } = format.read(body, request.url);
    const answer = answerTo(texts, cap);
    const facts = {
      id: random.uuid(),
      createdSeconds: Math.floor(clock.nowMs() / 1000),
      model: ECHO,
      body,
    };
    if (!isStream || format.toPart === undefined) {
      return toResponse('application/json', only(JSON.stringify(format.toWhole(answer, facts))));
    }
    const { toPart } = format;
    return toResponse(
      'text/event-stream',
      streamWords(answer, (part) => toPart(part, answer, facts), clock),
    );
  },
});

function answerTo(texts: readonly string[], cap = WORDS_MAX): DemoAnswer {
  const full = splitWords(`echo: ${texts.at(-1) ?? ''}`);
  const words = full.slice(0, Math.min(cap, WORDS_MAX));
  return {
    texts,
    words,
    isCut: words.length < full.length,
    inputTokens: texts.reduce((sum, text) => sum + splitWords(text).length, 0),
  };
}

/** Splits a text into words, each with the white space before it, so that joining them gives the text. */
const splitWords = (text: string): readonly string[] => text.match(/\s*\S+/g) ?? [];

/** Yields the answer word by word. The first word comes with the stream's opening events. */
async function* streamWords(
  { words }: DemoAnswer,
  toPart: (part: 'start' | 'end' | number) => string,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  for (const index of words.keys()) {
    if (index > 0) await clock.sleep(CHUNK_INTERVAL_MS);
    yield Buffer.from(index === 0 ? toPart('start') + toPart(0) : toPart(index));
  }
  yield Buffer.from(toPart('end'));
}

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const toResponse = (contentType: string, body: AsyncIterable<Uint8Array>): UpstreamResponse => ({
  status: 200,
  headers: { 'content-type': contentType },
  body,
});
