/**
 * A chat completion request: read, counted, written. Flow: policy > **parse** > bound > reserve > **write**.
 * Invariant: what is written is what was read, with one output cap in the one field that the provider reads.
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import type { ParsedRequest } from '../dialect.ts';
import { readOpenAiBetas } from '../openai-betas.ts';
import { readRequest } from '../read-request.ts';
import { notBounded } from '../refusals.ts';
import { requireOwnData } from '../request-input.ts';
import { makeOutput, type RequestOutput, thinkingBudgetUnder } from '../request-output.ts';
import type { RequestRules } from '../request-rules.ts';
import { toInputTokensBody } from './count.ts';
import { countChat } from './input.ts';
import { CHAT_SHAPES, type ChatRequest } from './shape.ts';

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
export function parseChat(body: JsonObject, rules: RequestRules): ParsedRequest {
  requireOwnModel(rules);
  const request = readRequest(body, CHAT_SHAPES, rules);
  const input = countChat(request);
  requireOwnData(input, rules);
  const given = capOf(request);
  const output = makeOutput(given, rules, {
    choices: request.n ?? 1,
    predictionBytes: bytesOf(request.prediction),
    thinkingBudget: thinkingBudgetOf(request),
  });
  return {
    isStream: request.stream ?? false,
    isUsageHidden: request.stream_options?.include_usage !== true,
    input,
    output,
    dropped: [],
    headers: readOpenAiBetas(rules),
    write: (cap) => write(request, { output, cap, isCapGiven: given !== undefined }, rules),
    toCountBody: () => (input.isCountable ? toInputTokensBody(request, rules.model) : undefined),
  };
}

/** OpenRouter searches the web for a suffix of the model's id, and bills each result. */
function requireOwnModel({ row, model, isBounded }: RequestRules): void {
  if (isBounded && row.reportsCost && model.endsWith(':online')) {
    throw notBounded('model', 'a model without ":online"');
  }
}

/** The client's cap. Both fields may be given; the smaller one holds. */
function capOf({ max_tokens, max_completion_tokens }: ChatRequest): number | undefined {
  const caps = [max_tokens, max_completion_tokens].filter((cap) => typeof cap === 'number');
  return caps.length === 0 ? undefined : Math.min(...caps);
}

const bytesOf = (prediction: ChatRequest['prediction']): number =>
  prediction ? Buffer.byteLength(JSON.stringify(prediction)) : 0;

/** Anthropic's and OpenRouter's budgets must be under the cap. */
const thinkingBudgetOf = ({ thinking, reasoning }: ChatRequest): number | undefined =>
  thinking?.budget_tokens ?? reasoning?.max_tokens ?? undefined;

interface SentCap {
  readonly output: RequestOutput;
  readonly cap: number;
  readonly isCapGiven: boolean;
}

function write(request: ChatRequest, sent: SentCap, rules: RequestRules): string {
  const { row, model, isBounded, maxPrice } = rules;
  const members = new Map<string, unknown>([['model', model]]);
  for (const [name, value] of Object.entries(request)) {
    if (UNSENT.has(name) || row.dropFields.includes(name)) continue;
    const renamed = Object.hasOwn(row.renameFields, name) ? row.renameFields[name] : undefined;
    members.set(renamed ?? name, value);
  }
  const { stream_options: options } = request;
  if (request.stream === true && row.includeUsage === 'inject') {
    members.set('stream_options', { ...options, include_usage: true });
  } else if (options && row.includeUsage !== 'never') {
    members.set('stream_options', options);
  }
  const tier = row.endpoints.chat?.serviceTier;
  if (isBounded && tier !== undefined) members.set('service_tier', tier);
  if (maxPrice !== undefined) members.set('provider', { max_price: maxPrice });
  if (isBounded || sent.isCapGiven) {
    members.set(row.capField, sent.cap);
    for (const [name, value] of budgetsUnder(request, sent)) members.set(name, value);
  }
  return JSON.stringify(Object.fromEntries(members));
}

/** Members that the gateway sets anew or never sends: nothing is stored at a provider or runs in the background. */
const UNSENT: ReadonlySet<string> = new Set([
  ...['model', 'max_tokens', 'max_completion_tokens', 'stream_options', 'store', 'background'],
]);

/** The members with a budget of thinking, lowered under the cap. */
function budgetsUnder(
  { thinking, reasoning }: ChatRequest,
  { output, cap }: SentCap,
): readonly (readonly [string, JsonObject])[] {
  const budget = thinkingBudgetUnder(output, cap);
  if (isRecord(thinking) && typeof thinking.budget_tokens === 'number') {
    return [['thinking', { ...thinking, budget_tokens: budget }]];
  }
  if (isRecord(reasoning) && typeof reasoning.max_tokens === 'number') {
    return [['reasoning', { ...reasoning, max_tokens: budget }]];
  }
  return [];
}
