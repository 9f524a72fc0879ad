/**
 * A coding agent's session through `serve`, with tables in memory: each turn sends the prompt before and a little more.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Grant } from '../../core/access/grant.ts';
import { describeKey } from '../../core/account/key-info.ts';
import { toGatewayError } from '../../core/base/errors.ts';
import { asRequestId } from '../../core/base/ids.ts';
import { defineConfig } from '../../core/config.ts';
import { findRoute } from '../../core/dialects/routes.ts';
import { makePriceBook, PRICE_TABLE, type Price } from '../../core/models/pricing.ts';
import { makeCountSlots } from '../../core/proxy/count-input.ts';
import { type ProxyPorts, serve } from '../../core/serve.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import { makeMemoryUsage } from '../support/memory-usage.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { MODEL_NAMES } from '../support/model-names.ts';
import { readAnswer } from '../support/proxy-fixtures.ts';
import { fixedRandom, makeGrant, makeManualClock, NOW_MS } from '../support/wallet-fixtures.ts';
import type { SessionProvider } from './session-provider.ts';

export const CONFIG = defineConfig({ providers: { anthropic: {}, openai: {} } });
const PRICES = makePriceBook(PRICE_TABLE, {});
const TURN_MS = 30_000;
const CALL_MS = 600_000;
/** A tool's result, and a line of the user. */
const PIECE_CHARS = 3_000;

export interface Turn {
  readonly status: number;
  /** The code of the refusal; undefined: it was served. */
  readonly code: string | undefined;
  /** The amount that was held before the answer began. */
  readonly heldNanoUsd: bigint;
  /** The cost in the books; undefined: refused. */
  readonly row: UsageRow | undefined;
}

export interface About {
  readonly usage: number;
  readonly reserved: number;
  readonly overrun: number;
}

export interface Gateway {
  /** One request; it returns when the answer has ended. */
  ask(path: string, body: object): Promise<Turn>;
  /** `usage`, `reserved` and `overrun` of `GET /v1/key`, in USD. */
  about(): Promise<About>;
  rows(): readonly UsageRow[];
}

/** A gateway for one token with a USD limit, that calls a provider of ours. */
export function makeSessionGateway(upstream: SessionProvider, limitUsd: number): Gateway {
  const clock = makeManualClock(NOW_MS);
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const grant: Grant = makeGrant([`token:usd:total=${limitUsd}`]);
  const held = new Map<string, bigint>();
  let requests = 0;
  const ports: ProxyPorts = {
    ...{ clock, usage, upstream, random: fixedRandom, log: { write: () => {} }, demo: upstream },
    countSlots: makeCountSlots(),
    secrets: {
      readKey: async () => '',
      readJwtSecret: async () => new Uint8Array(),
      findProviderKey: async () => 'sk-provider',
    },
    wallets: {
      ...wallets,
      async reserve(reservation) {
        const outcome = await wallets.reserve(reservation);
        const { requestId, amounts } = reservation.hold;
        if (outcome.written) held.set(requestId, amounts.usd);
        return outcome;
      },
    },
  };
  return {
    async ask(path, body) {
      requests += 1;
      const requestId = asRequestId(`r${requests}`);
      clock.advance(TURN_MS);
      const route = findRoute({
        method: 'POST',
        path,
        query: {},
        headers: new Map(),
        body: undefined,
      });
      if (route === undefined) throw new Error(`no route: ${path}`);
      const nowMs = clock.nowMs();
      const call = {
        ...{ requestId, grant, route, headers: new Map(), body: JSON.stringify(body) },
        deadlineAtMs: nowMs + CALL_MS,
        leaseEndsAtMs: nowMs + CALL_MS,
      };
      const settings = { config: CONFIG, prices: PRICES, providerUrls: {} };
      const outcome = await serve(call, settings, ports).then(
        async (answer) => {
          await readAnswer(answer);
          return { status: answer.status, code: undefined };
        },
        (cause: unknown) => {
          const { status, code } = toGatewayError(cause);
          return { status, code };
        },
      );
      const row = usage.rows.get(requestId);
      return { ...outcome, heldNanoUsd: held.get(requestId) ?? 0n, row };
    },
    async about() {
      const models = { names: MODEL_NAMES };
      const { data } = await describeKey(grant, { wallets, clock, models });
      const { usage: spent, reserved, overrun } = data;
      return { usage: spent, reserved, overrun };
    },
    rows: () => [...usage.rows.values()],
  };
}

export function priceOf(model: string): Price {
  const [provider = '', id = ''] = model.split('/');
  const price = PRICES.find(provider, id);
  if (price === undefined) throw new Error(`no price: ${model}`);
  return price;
}

/** TypeScript of a locked package, so that sessions stay as they are: 4.2 bytes a token of GPT's. */
const SOURCE = fileURLToPath(new URL('../../node_modules/@anthropic-ai/sdk/src/', import.meta.url));

/** The code, piece after piece, as often as it is needed. */
export function* pieces(): Generator<string, never> {
  const code = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .toSorted()
    .map((name) => readFileSync(`${SOURCE}${name}`, 'utf8'))
    .join('\n');
  for (;;) {
    for (let at = 0; at < code.length; at += PIECE_CHARS) yield code.slice(at, at + PIECE_CHARS);
  }
}

export interface ConversationOptions {
  readonly model: string;
  /** The size of the first prompt. */
  readonly bytes: number;
  /** The size of each result of a tool after it. */
  readonly growthBytes: number;
  readonly answer: string;
  readonly cap: number;
  /** The first message. @default one for all */
  readonly task?: string;
}

export interface Conversation {
  readonly path: string;
  /** The body of the next turn: the prompt before, the answer, and a tool's result. */
  next(): object;
}

/**
 * A conversation as Claude Code sends it (test/fixtures/agents/): marks on the system prompt and on the last message, a
 * tool that is deferred, and a system message whose content is a marked list at first and a text from then on.
 */
export function makeMessagesConversation(options: ConversationOptions): Conversation {
  const { model, cap, bytes, growthBytes, answer, task = 'Fix the tests.' } = options;
  const source = pieces();
  const marked = { cache_control: { type: 'ephemeral' } };
  const messages: object[] = [{ role: 'user', content: [{ type: 'text', text: task }] }];
  const note = source.next().value;
  let [calls, turns] = [0, 0];
  const addCall = (text: string): void => {
    calls += 1;
    const id = `toolu_${calls}`;
    const input = { file_path: `/project/file-${calls}.ts` };
    messages.push(
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: '', signature: signatureOf(text) },
          { type: 'text', text: answer },
          { type: 'tool_use', id, name: 'Read', input },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: text }] },
    );
  };
  while (JSON.stringify(messages).length < bytes) addCall(source.next().value);
  return {
    path: '/v1/messages',
    next() {
      addCall(source.next().value.slice(0, growthBytes));
      turns += 1;
      const content = turns === 1 ? [{ type: 'text', text: note, ...marked }] : note;
      const [first = {}, ...others] = messages.map((message, index) =>
        index === messages.length - 1 ? markLast(message, marked) : message,
      );
      return {
        ...{ model, max_tokens: cap, stream: true },
        system: [{ type: 'text', text: 'You write code.', ...marked }],
        tools: [TOOL, DEFERRED_TOOL],
        messages: [first, { role: 'system', content }, ...others],
      };
    },
  };
}

/** Sealed thinking: what it expands to is not seen. The provider of these tests counts it as the text that it is. */
const signatureOf = (text: string): string => Buffer.from(text).toString('base64url').slice(0, 300);

const TOOL = {
  name: 'Read',
  description: 'Reads a file.',
  input_schema: { type: 'object', properties: { file_path: { type: 'string' } } },
};

const DEFERRED_TOOL = {
  ...{ name: 'DeferredToolPlaceholder', description: 'Never call this tool.' },
  ...{ input_schema: { type: 'object', properties: {} }, defer_loading: true },
};

function markLast(message: object, marked: object): object {
  const { content, ...rest } = message as { readonly content: readonly object[] };
  return {
    ...rest,
    content: content.map((part, index) =>
      index === content.length - 1 ? { ...part, ...marked } : part,
    ),
  };
}

/** A conversation in OpenAI's responses, whose cache needs no marks. */
export function makeResponsesConversation(options: ConversationOptions): Conversation {
  const { model, cap, bytes, growthBytes, answer, task = 'Fix the tests.' } = options;
  const source = pieces();
  const input: object[] = [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: task }] },
  ];
  let calls = 0;
  const addCall = (output: string): void => {
    calls += 1;
    const call_id = `call_${calls}`;
    const path = JSON.stringify({ file_path: `/project/file-${calls}.ts` });
    input.push(
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: answer }] },
      {
        ...{ type: 'reasoning', id: `rs_${calls}`, summary: [] },
        encrypted_content: signatureOf(output),
      },
      { type: 'function_call', call_id, name: 'read', arguments: path },
      { type: 'function_call_output', call_id, output },
    );
  };
  while (JSON.stringify(input).length < bytes) addCall(source.next().value);
  return {
    path: '/v1/responses',
    next() {
      addCall(source.next().value.slice(0, growthBytes));
      return {
        ...{ model, max_output_tokens: cap, stream: true, store: false },
        instructions: 'You write code.',
        prompt_cache_key: 'session',
        tools: [{ type: 'function', name: 'read', parameters: TOOL.input_schema, strict: false }],
        input: [...input],
      };
    },
  };
}
