/**
 * The built-in provider `demo`: its model `echo` says the last user message back, so that everything can be tried
 * without an account. Flow: reserve > **forward** > meter.
 * Invariant: the answer follows from the request alone; only its id, its date and its pace come from ports.
 */
import type { Clock, Random, Upstream, UpstreamResponse } from '../ports.ts';

/** The provider's name; a provider of that name in the configuration takes its place. */
export const DEMO_PROVIDER = 'demo';
/** Its models, by their ids behind `demo/`. */
export const DEMO_MODELS: readonly string[] = ['echo'];

/** The most words, and so streamed chunks, of one answer. */
const WORDS_MAX = 128;
const CHUNK_INTERVAL_MS = 20;

interface Answer {
  readonly words: readonly string[];
  readonly finishReason: 'stop' | 'length';
  readonly usage: Readonly<Record<string, unknown>>;
}

/** What is sent to it was checked before: a field of another type counts as absent. */
interface DemoBody {
  readonly model?: unknown;
  readonly messages?: unknown;
  readonly max_tokens?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: { readonly include_usage?: unknown } | null;
}

/** The demo provider in the place of an upstream: one word is one token. */
export const makeDemo = ({ clock, random }: { clock: Clock; random: Random }): Upstream => ({
  async send(request) {
    const body = JSON.parse(request.body) as DemoBody;
    const answer = answerTo(body);
    const envelope = {
      id: `chatcmpl-${random.uuid()}`,
      created: Math.floor(clock.nowMs() / 1000),
      model: body.model,
    };
    return body.stream === true
      ? toResponse('text/event-stream', streamOf(answer, envelope, body, clock))
      : toResponse('application/json', only(wholeOf(answer, envelope)));
  },
});

function answerTo({ messages, max_tokens }: DemoBody): Answer {
  const texts = (Array.isArray(messages) ? messages : []).map(textOf);
  const full = splitWords(`echo: ${texts.at(-1) ?? ''}`);
  const cap = typeof max_tokens === 'number' ? Math.min(max_tokens, WORDS_MAX) : WORDS_MAX;
  const words = full.slice(0, cap);
  const promptTokens = texts.reduce((sum, text) => sum + splitWords(text).length, 0);
  return {
    words,
    finishReason: words.length < full.length ? 'length' : 'stop',
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: words.length,
      total_tokens: promptTokens + words.length,
    },
  };
}

/** Words with the white space before them, so that joined they are the text again. */
const splitWords = (text: string): readonly string[] => text.match(/\s*\S+/g) ?? [];

/** The text of a message, whether its content is a string or a list of parts. */
function textOf(message: unknown): string {
  const content = (message as { content?: unknown } | null)?.content;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join(' ');
}

type Envelope = Readonly<Record<string, unknown>>;

const wholeOf = ({ words, finishReason, usage }: Answer, envelope: Envelope): string =>
  JSON.stringify({
    ...envelope,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: words.join('') },
        finish_reason: finishReason,
      },
    ],
    usage,
  });

async function* streamOf(
  { words, finishReason, usage }: Answer,
  envelope: Envelope,
  { stream_options }: DemoBody,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const event = (choices: readonly object[], more: object = {}): Uint8Array =>
    encode({ ...envelope, object: 'chat.completion.chunk', choices, ...more });
  for (const [index, word] of words.entries()) {
    if (index > 0) await clock.sleep(CHUNK_INTERVAL_MS);
    const delta = index === 0 ? { role: 'assistant', content: word } : { content: word };
    yield event([{ index: 0, delta, finish_reason: null }]);
  }
  yield event([{ index: 0, delta: {}, finish_reason: finishReason }]);
  if (stream_options?.include_usage === true) yield event([], { usage });
  yield Buffer.from('data: [DONE]\n\n');
}

const encode = (value: object): Uint8Array => Buffer.from(`data: ${JSON.stringify(value)}\n\n`);

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const toResponse = (contentType: string, body: AsyncIterable<Uint8Array>): UpstreamResponse => ({
  status: 200,
  headers: { 'content-type': contentType },
  body,
});
