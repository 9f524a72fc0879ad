/**
 * A provider that counts prompts with a real tokenizer and bills them as a prompt cache does. It speaks Anthropic's
 * messages and OpenAI's responses, answers their count routes, and keeps its own books.
 */
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { GatewayError } from '../../core/base/errors.ts';
import { isRecord, type JsonObject } from '../../core/base/json.ts';
import type { TokenUsage } from '../../core/base/token-usage.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../../core/providers/ports.ts';

/**
 * Tokens that Claude counts for one of o200k in TypeScript: 168,609 to 103,314 for 400 kB of this repository, by the
 * reconstruction that test/fixtures/tokens/README.md names.
 */
const CLAUDE_TOKENS = 1.632;
const FRAME_TOKENS = 20;
const MESSAGE_TOKENS = 4;
/** The part of the prompt before that a cache gives back: it ends at a mark or a block, not at the last token. */
const CACHED_SHARE = 0.95;

/** Counts a text as a provider does. */
export type CountText = (text: string) => number;

export const countGpt: CountText = (text) => countTokens(text);
export const countClaude: CountText = (text) => Math.ceil(countTokens(text) * CLAUDE_TOKENS);

export interface SessionProviderOptions {
  readonly countText: CountText;
  /** Billed for each answer, if its cap allows; most of it is hidden reasoning. */
  readonly outputTokens: number;
  /** The visible text of each answer. */
  readonly answer: string;
  /** True: the cache has lost the prompt of this turn, from 0. @default never */
  readonly isMiss?: (turn: number) => boolean;
  /** True: the connection breaks in the middle of this answer. It is billed. @default never */
  readonly isDropped?: (turn: number) => boolean;
  /** The tokens that a URL holds at this turn. @default none */
  readonly urlTokens?: (turn: number) => number;
}

export interface SessionProvider extends Upstream {
  /** Answers have no byte until then. */
  holdAnswers(until: Promise<unknown>): void;
  /** The usage that it bills for each answer, in order. */
  readonly bills: readonly TokenUsage[];
  /** Prompts that it counted without an answer. */
  countCalls(): number;
}

export function makeSessionProvider(options: SessionProviderOptions): SessionProvider {
  const bills: TokenUsage[] = [];
  const counted = new Map<string, number>();
  const cached = new Map<string, number>();
  let countCalls = 0;
  let held: Promise<unknown> = Promise.resolve();

  const countText: CountText = (text) => {
    const known = counted.get(text);
    if (known !== undefined) return known;
    const tokens = options.countText(text);
    counted.set(text, tokens);
    return tokens;
  };

  const bill = (body: JsonObject): TokenUsage => {
    const turn = bills.length;
    const input = promptTokens(body, { countText, urlTokens: options.urlTokens?.(turn) ?? 0 });
    const conversation = JSON.stringify(messagesOf(body)[0]);
    const before = options.isMiss?.(turn) ? 0 : (cached.get(conversation) ?? 0);
    const cachedInput = Math.min(before, Math.floor(input * CACHED_SHARE));
    const cacheWrite = input - cachedInput;
    cached.set(conversation, input);
    const output = Math.min(options.outputTokens, capOf(body));
    const usage = { input, cachedInput, cacheWrite, output, reasoning: 0 };
    bills.push(usage);
    return usage;
  };

  return {
    bills,
    countCalls: () => countCalls,
    holdAnswers: (until) => {
      held = until;
    },
    async send({ url, body: text }: UpstreamRequest): Promise<UpstreamResponse> {
      const body: JsonObject = JSON.parse(text);
      if (/\/(count|input)_tokens$/.test(url)) {
        countCalls += 1;
        const urlTokens = options.urlTokens?.(bills.length) ?? 0;
        return toJson({ input_tokens: promptTokens(body, { countText, urlTokens }) });
      }
      const isDropped = options.isDropped?.(bills.length) ?? false;
      const events = eventsOf(url, bill(body), options.answer);
      return toStream(events, { isDropped, held });
    },
  };
}

interface Counting {
  readonly countText: CountText;
  readonly urlTokens: number;
}

const messagesOf = (body: JsonObject): readonly unknown[] => {
  const messages = body.messages ?? body.input;
  return Array.isArray(messages) ? messages : [];
};

const capOf = ({ max_tokens, max_output_tokens }: JsonObject): number =>
  Number(max_tokens ?? max_output_tokens ?? Number.POSITIVE_INFINITY);

function promptTokens(body: JsonObject, counting: Counting): number {
  const head = [body.system, body.instructions, body.tools];
  const messages = billedMessages(messagesOf(body));
  return (
    FRAME_TOKENS +
    sum(head.map((part) => tokensIn(part, counting))) +
    sum(messages.map((message) => MESSAGE_TOKENS + tokensIn(message, counting)))
  );
}

/** Thinking of finished turns is dropped: all before the last message of the user that is no result of a tool. */
function billedMessages(messages: readonly unknown[]): readonly unknown[] {
  const last = messages.findLastIndex((message) => isUserText(message));
  return messages.map((message, index) => (index < last ? withoutThinking(message) : message));
}

const partsOf = (message: unknown): readonly JsonObject[] =>
  isRecord(message) && Array.isArray(message.content) ? message.content.filter(isRecord) : [];

const isUserText = (message: unknown): boolean =>
  isRecord(message) &&
  message.role === 'user' &&
  !partsOf(message).some(({ type }) => type === 'tool_result');

const withoutThinking = (message: unknown): unknown =>
  partsOf(message).some(({ type }) => type === 'thinking')
    ? { ...Object(message), content: partsOf(message).filter(({ type }) => type !== 'thinking') }
    : message;

/** The tokens of all texts in a value. Names, types and marks are free here. */
function tokensIn(value: unknown, counting: Counting, member = ''): number {
  if (typeof value === 'string') {
    if (member === 'url') return counting.urlTokens;
    return /^(role|type|id|tool_use_id|call_id|status)$/.test(member)
      ? 0
      : counting.countText(value);
  }
  if (Array.isArray(value)) return sum(value.map((item) => tokensIn(item, counting)));
  if (!isRecord(value)) return 0;
  const members = Object.entries(value).filter(([name]) => name !== 'cache_control');
  return sum(members.map(([name, inner]) => tokensIn(inner, counting, name)));
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, each) => total + each, 0);

const event = (data: { readonly type: string; readonly [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

function eventsOf(url: string, usage: TokenUsage, answer: string): readonly string[] {
  return url.endsWith('/messages') ? messagesEvents(usage, answer) : responsesEvents(usage, answer);
}

function messagesEvents(
  { input, cachedInput, cacheWrite, output }: TokenUsage,
  answer: string,
): readonly string[] {
  const usage = {
    input_tokens: input - cachedInput - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cachedInput,
    output_tokens: 1,
  };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage };
  const delta = { type: 'text_delta', text: answer };
  return [
    event({ type: 'message_start', message }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    event({ type: 'content_block_delta', index: 0, delta }),
    event({ type: 'content_block_stop', index: 0 }),
    event({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: output },
    }),
    event({ type: 'message_stop' }),
  ];
}

function responsesEvents(
  { input, cachedInput, cacheWrite, output }: TokenUsage,
  answer: string,
): readonly string[] {
  const usage = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cachedInput, cache_write_tokens: cacheWrite },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
  const response = { id: 'resp_1', object: 'response', status: 'completed', output: [], usage };
  return [
    event({ type: 'response.output_text.delta', delta: answer, output_index: 0, content_index: 0 }),
    event({ type: 'response.completed', response }),
  ];
}

const toJson = (answer: object): UpstreamResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: read([JSON.stringify(answer)], { isDropped: false, held: Promise.resolve() }),
});

interface Manner {
  readonly isDropped: boolean;
  readonly held: Promise<unknown>;
}

const toStream = (events: readonly string[], manner: Manner): UpstreamResponse => ({
  status: 200,
  headers: { 'content-type': 'text/event-stream' },
  body: read(manner.isDropped ? events.slice(0, -2) : events, manner),
});

async function* read(
  texts: readonly string[],
  { isDropped, held }: Manner,
): AsyncGenerator<Uint8Array> {
  await held;
  for (const text of texts) yield Buffer.from(text);
  if (isDropped) throw new GatewayError('upstream_error', { detail: 'the connection broke' });
}
