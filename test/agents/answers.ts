/**
 * The answers of the stand-in, in each dialect: a call of the shell, then a text.
 * Thinking and its seal come with the call, because agents send them back.
 */
import type { JsonObject } from '../../core/base/json.ts';

export type Answer = { readonly body: object } | { readonly events: readonly string[] };

export const LAST_TEXT = 'The turn has ended.';
/** The answer when no result came back, and to requests beside the turn. */
export const OTHER_TEXT = 'Nothing was found.';
const SEAL = 'c2VhbA==';

/** The usage that each request bills. */
export const INPUT_TOKENS = 1_000;
export const OUTPUT_TOKENS = 20;

/** A tool that an agent is made to use. */
export interface ToolUse {
  /** Its names in the agents, and what each is called with. */
  readonly calls: Readonly<Record<string, object>>;
  /** A part of its result. The last text comes only when it is there. */
  readonly result: string;
}

const COMMAND = 'expr 4600 + 13';
const SCRIPT_TOOL = 'exec';

/** Codex's newer models write JavaScript that calls the tools. */
const toScript = (script: string): object => ({ [SCRIPT_TOOL]: { script } });

/** The command does not hold its result: the shell must have run. */
export const SHELL: ToolUse = {
  calls: {
    Bash: { command: COMMAND, description: 'Prints a sum' },
    bash: { command: COMMAND, description: 'Prints a sum' },
    exec_command: { cmd: COMMAND },
    run_shell_command: { command: COMMAND, description: 'Prints a sum' },
    ...toScript(`text(await tools.exec_command({ cmd: ${JSON.stringify(COMMAND)} }))`),
  },
  result: '4613',
};

/** Looks at `picture.png` of the project. */
export const VIEWER: ToolUse = {
  calls: {
    Read: { file_path: 'picture.png' },
    read: { filePath: 'picture.png' },
    read_file: { file_path: 'picture.png' },
    ...toScript('image(await tools.view_image({ path: "picture.png" }))'),
  },
  result: 'iVBOR',
};

/** Claude Code's, which brings in another tool's schema by its name. */
export const TOOL_SEARCH: ToolUse = {
  calls: { ToolSearch: { query: 'select:WebFetch' } },
  result: '"tool_reference"',
};

/** Searches the web by a request of its own. */
export const WEB_SEARCH: ToolUse = {
  calls: { WebSearch: { query: 'a sum' }, google_web_search: { query: 'a sum' } },
  result: OTHER_TEXT,
};

interface Asked {
  readonly path: string;
  readonly body: JsonObject;
  readonly use: ToolUse;
}

const ROUTES: readonly (readonly [RegExp, (asked: Asked) => Answer])[] = [
  [/^\/v1\/messages\/count_tokens/, () => ({ body: { input_tokens: INPUT_TOKENS } })],
  [/^\/v1\/messages/, answerMessages],
  [/^\/v1\/responses/, answerResponses],
  [/^\/v1\/chat\/completions/, answerChat],
  [/^\/v1beta\/models\/[^/:]+:countTokens/, () => ({ body: { totalTokens: INPUT_TOKENS } })],
  [/^\/v1beta\/models\/[^/:]+:(streamG|g)enerateContent/, answerGoogle],
];

/** Undefined: there is no such route. */
export function answerTo(asked: Asked): Answer | undefined {
  const [, answer] = ROUTES.find(([pattern]) => pattern.test(asked.path)) ?? [];
  return answer?.(asked);
}

/** The first of the tool's names that the request offers. */
const offered = ({ calls }: ToolUse, offers: readonly JsonObject[]): string | undefined =>
  Object.keys(calls).find((call) => offers.some(({ name }) => name === call));

const textAfter = (conversation: unknown, { result }: ToolUse): string =>
  has(conversation, result.replaceAll('"', '')) ? LAST_TEXT : OTHER_TEXT;

const listOf = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value : []);
const has = (value: unknown, text: string): boolean => JSON.stringify(value).includes(text);
const event = (data: object, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
const typed = (type: string, data: object): string => event({ type, ...data }, type);

function answerMessages({ body, use }: Asked): Answer {
  const isCalled = has(body.messages, '"tool_result"');
  const name = isCalled ? undefined : offered(use, listOf(body.tools));
  const last =
    name === undefined
      ? { type: 'text', text: textAfter(body.messages, use) }
      : { type: 'tool_use', id: 'toolu_1', name, input: use.calls[name] };
  const thinking = { type: 'thinking', thinking: '', signature: SEAL };
  const content = name === undefined ? [last] : [thinking, last];
  const usage = { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS };
  const stop_reason = name === undefined ? 'end_turn' : 'tool_use';
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: body.model,
    stop_sequence: null,
    usage,
  };
  if (body.stream !== true) return { body: { ...message, content, stop_reason } };
  return {
    events: [
      typed('message_start', { message: { ...message, content: [], stop_reason: null } }),
      ...content.flatMap((block, index) => [
        typed('content_block_start', { index, content_block: emptied(block) }),
        typed('content_block_delta', { index, delta: deltaOf(block) }),
        typed('content_block_stop', { index }),
      ]),
      typed('message_delta', { delta: { stop_reason, stop_sequence: null }, usage }),
      typed('message_stop', {}),
    ],
  };
}

function emptied(block: JsonObject): object {
  if (block.type === 'tool_use') return { ...block, input: {} };
  return block.type === 'thinking' ? { ...block, signature: '' } : { ...block, text: '' };
}

function deltaOf(block: JsonObject): object {
  if (block.type === 'tool_use') {
    return { type: 'input_json_delta', partial_json: JSON.stringify(block.input) };
  }
  return block.type === 'thinking'
    ? { type: 'signature_delta', signature: block.signature }
    : { type: 'text_delta', text: block.text };
}

function answerResponses({ body, use }: Asked): Answer {
  const input = listOf(body.input);
  const added = input.filter(({ type }) => type === 'additional_tools');
  const offers = [...listOf(body.tools), ...added.flatMap((item) => listOf(item.tools))].flatMap(
    (tool) => (tool.type === 'namespace' ? listOf(tool.tools) : [tool]),
  );
  const name = has(input, '_call_output"') ? undefined : offered(use, offers);
  const reasoning = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: SEAL };
  const items =
    name === undefined
      ? [messageItem(textAfter(input, use))]
      : [reasoning, callItem(name, use.calls[name])];
  const response = { id: 'resp_1', object: 'response', created_at: 1, model: body.model };
  const usage = {
    input_tokens: INPUT_TOKENS,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: OUTPUT_TOKENS,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
  };
  const whole = { ...response, status: 'completed', output: items, usage };
  if (body.stream !== true) return { body: whole };
  return {
    events: [
      typed('response.created', { response: { ...response, status: 'in_progress', output: [] } }),
      ...items.flatMap((item, index) => itemEvents(item, index)),
      typed('response.completed', { response: whole }),
    ],
  };
}

const messageItem = (text: string): JsonObject => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
});

function callItem(name: string, input: object | undefined): JsonObject {
  const call = { call_id: 'call_1', name, status: 'completed' };
  return name === SCRIPT_TOOL
    ? { type: 'custom_tool_call', id: 'ctc_1', input: Object.values(input ?? {})[0], ...call }
    : { type: 'function_call', id: 'fc_1', arguments: JSON.stringify(input), ...call };
}

function itemEvents(item: JsonObject, output_index: number): readonly string[] {
  const at = { item_id: item.id, output_index };
  const isText = item.type === 'message';
  const isCall = item.type === 'function_call';
  const started = {
    ...item,
    ...(isText ? { content: [] } : {}),
    ...(isCall ? { arguments: '' } : {}),
    status: 'in_progress',
  };
  const part = { type: 'output_text', text: '', annotations: [] };
  const text = { ...at, content_index: 0 };
  const [content] = listOf(item.content);
  return [
    typed('response.output_item.added', { output_index, item: started }),
    ...(isText ? [typed('response.content_part.added', { ...text, part })] : []),
    ...(isText ? [typed('response.output_text.delta', { ...text, delta: content?.text })] : []),
    ...(isCall
      ? [typed('response.function_call_arguments.delta', { ...at, delta: item.arguments })]
      : []),
    typed('response.output_item.done', { output_index, item }),
  ];
}

function answerChat({ body, use }: Asked): Answer {
  const offers = listOf(body.tools).map((tool) => tool.function as JsonObject);
  const name = has(body.messages, '"role":"tool"') ? undefined : offered(use, offers);
  const call = { name, arguments: JSON.stringify(use.calls[name ?? '']) };
  const message =
    name === undefined
      ? { role: 'assistant', content: textAfter(body.messages, use) }
      : {
          role: 'assistant',
          tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: call }],
        };
  const finish_reason = name === undefined ? 'stop' : 'tool_calls';
  const usage = {
    prompt_tokens: INPUT_TOKENS,
    completion_tokens: OUTPUT_TOKENS,
    total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
  };
  const envelope = { id: 'chatcmpl-1', created: 1, model: body.model };
  if (body.stream !== true) {
    const choices = [{ index: 0, message, finish_reason }];
    return { body: { ...envelope, object: 'chat.completion', choices, usage } };
  }
  const chunk = { ...envelope, object: 'chat.completion.chunk' };
  return {
    events: [
      event({ ...chunk, choices: [{ index: 0, delta: message, finish_reason: null }] }),
      event({ ...chunk, choices: [{ index: 0, delta: {}, finish_reason }] }),
      event({ ...chunk, choices: [], usage }),
      'data: [DONE]\n\n',
    ],
  };
}

function answerGoogle({ path, body, use }: Asked): Answer {
  const offers = listOf(body.tools).flatMap((tool) => listOf(tool.functionDeclarations));
  const name = has(body.contents, '"functionResponse"') ? undefined : offered(use, offers);
  const part =
    name === undefined
      ? { text: has(body, '"complexity_score"') ? routerText() : textAfter(body.contents, use) }
      : { functionCall: { name, args: use.calls[name] }, thoughtSignature: SEAL };
  const answer = {
    candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
    usageMetadata: {
      promptTokenCount: INPUT_TOKENS,
      candidatesTokenCount: OUTPUT_TOKENS,
      totalTokenCount: INPUT_TOKENS + OUTPUT_TOKENS,
    },
    modelVersion: 'stand-in',
  };
  return path.includes('alt=sse') ? { events: [event(answer)] } : { body: answer };
}

/** gemini-cli first asks a small model how hard the task is. */
const routerText = (): string =>
  JSON.stringify({ complexity_reasoning: 'One command.', complexity_score: 10 });
