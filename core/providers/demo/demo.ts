/**
 * The built-in provider `demo`: its model `echo` says the last user message back, in every wire format, so that
 * everything can be tried without an account. Flow: reserve > **forward** > meter.
 * Invariant: the answer follows from the request alone; only its id, its date and its pace come from ports.
 */
import type { JsonObject } from '../../base/json.ts';
import type { Clock, Random } from '../../base/ports.ts';
import type { Upstream, UpstreamResponse } from '../ports.ts';
import { DEMO_COUNT_TOKENS, DEMO_MESSAGES } from './anthropic.ts';
import type { DemoAnswer, DemoFormat } from './format.ts';
import { DEMO_GOOGLE } from './google.ts';
import { DEMO_CHAT, DEMO_EMBEDDINGS, DEMO_RESPONSES } from './openai.ts';

/** The provider's name; a provider of that name in the configuration takes its place. */
export const DEMO_PROVIDER = 'demo';
const ECHO = 'echo';

/** Its models, by their ids behind `demo/`. */
export const DEMO_MODELS: readonly string[] = [ECHO];

/** Where each format is asked, as its row says. */
const FORMATS: ReadonlyMap<string, DemoFormat> = new Map([
  ['/chat/completions', DEMO_CHAT],
  ['/responses', DEMO_RESPONSES],
  ['/embeddings', DEMO_EMBEDDINGS],
  ['/messages', DEMO_MESSAGES],
  ['/messages/count_tokens', DEMO_COUNT_TOKENS],
]);

/** The most words, and so streamed chunks, of one answer. */
const WORDS_MAX = 128;
const CHUNK_INTERVAL_MS = 20;

/** The demo provider in the place of an upstream: one word is one token. The path alone is its URL. */
export const makeDemo = ({ clock, random }: { clock: Clock; random: Random }): Upstream => ({
  async send(request) {
    const format = FORMATS.get(request.url) ?? DEMO_GOOGLE;
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
      paced(answer, (part) => toPart(part, answer, facts), clock),
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

/** Words with the white space before them, so that joined they are the text again. */
const splitWords = (text: string): readonly string[] => text.match(/\s*\S+/g) ?? [];

/** What starts the stream comes with the first word. */
async function* paced(
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
