/**
 * `GET /v1/models` and `GET /v1beta/models`: the models that a credential may call and whose price is known, in pages.
 * Flow: Grant > **answer**. OpenAI's clients get OpenAI's list with OpenRouter's `pricing`, Anthropic's and Google's
 * clients get their own list of the models with their dialect:
 * https://openrouter.ai/docs/api-reference/list-available-models, https://docs.anthropic.com/en/api/models-list,
 * https://ai.google.dev/api/models
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError, invalidField } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import type { JsonObject } from '../base/json.ts';
import { toDecimal } from '../base/money.ts';
import { isModelPattern } from '../base/names.ts';
import type { ListedModel, ModelLists } from './catalogue.ts';
import { isAllowedModel, modelNotFound } from './policy.ts';
import type { Price } from './pricing.ts';

/** The form of a client's answer. All three may have the path `/v1/models`. */
export type ModelReader = 'anthropic' | 'google' | 'openai';

/** Returns the form for a client. Anthropic's clients send a version; Google's newest use `/v1` with their own key header. */
export function modelReaderOf({
  headers,
  path,
}: Pick<HttpRequest, 'headers' | 'path'>): ModelReader {
  if (path.startsWith('/v1beta/') || headers.has('x-goog-api-key')) return 'google';
  return headers.has('anthropic-version') ? 'anthropic' : 'openai';
}

/** The most models of a page whose size is given. */
const PAGE_MODELS_MAX = 1_000;

/** The parameters of a page, by form. An OpenAI client that gives none gets all, because it never requests a second page. */
const PAGE_PARAMETERS = {
  anthropic: { size: 'limit', after: 'after_id' },
  google: { size: 'pageSize', after: 'pageToken' },
  openai: { size: 'limit', after: 'after' },
} as const;

/**
 * Returns a page of the models that a credential may call, by id.
 * @throws invalid_request for a page size that is not 1 to 1000
 */
export async function listModels(
  request: HttpRequest,
  grant: Grant,
  lists: ModelLists,
): Promise<JsonObject> {
  const reader = modelReaderOf(request);
  const shown = await listCallable({ reader, grant, lists });
  const { models, next } = pageOf(shown, request.query, PAGE_PARAMETERS[reader]);
  switch (reader) {
    case 'openai':
      return { object: 'list', data: models.map(toAnswer), has_more: next !== undefined };
    case 'google':
      return {
        models: models.map(toGoogleAnswer),
        ...(next !== undefined && { nextPageToken: next }),
      };
    case 'anthropic':
      return {
        data: models.map(toAnthropicAnswer),
        has_more: next !== undefined,
        first_id: models.at(0)?.id ?? null,
        last_id: models.at(-1)?.id ?? null,
      };
  }
}

/** Returns the models of a client's dialect that a credential may call and whose provider can answer, by id. */
export async function listCallable(viewer: Viewer): Promise<readonly ListedModel[]> {
  const { lists } = viewer;
  const allowed = lists.catalogue.filter((model) => isAllowed(model, viewer));
  const answering = await answeringOf(allowed, lists);
  return allowed.filter(({ provider }) => answering.has(provider));
}

interface Page {
  readonly models: readonly ListedModel[];
  /** The id after which the next page begins; undefined: this is the last one. */
  readonly next: string | undefined;
}

function pageOf(
  models: readonly ListedModel[],
  query: HttpRequest['query'],
  { size, after }: (typeof PAGE_PARAMETERS)[ModelReader],
): Page {
  const text = query[size];
  const count = text === undefined ? models.length : Number(text);
  if (text !== undefined && !(Number.isInteger(count) && count >= 1 && count <= PAGE_MODELS_MAX)) {
    throw invalidField(size, `must be a whole number from 1 to ${PAGE_MODELS_MAX}`);
  }
  const last = query[after];
  // By order and not by place: the model of the last page may be gone.
  const rest = last === undefined || last === '' ? models : models.filter(({ id }) => id > last);
  const page = rest.slice(0, count);
  return { models: page, next: page.length < rest.length ? page.at(-1)?.id : undefined };
}

/** The provider of ids without one, for clients of a provider's own. */
const OWN_PROVIDER = { anthropic: 'anthropic', google: 'google', openai: undefined } as const;

/**
 * Returns a model by its id. For Anthropic's and Google's clients, an id without a provider is their own.
 * @throws model_not_found, also for a model that the credential may not call
 */
export async function findModel(
  id: string,
  reader: ModelReader,
  grant: Grant,
  lists: ModelLists,
): Promise<JsonObject> {
  const own = OWN_PROVIDER[reader];
  const ids = own === undefined ? [id] : [id, `${own}/${id}`];
  const model = lists.catalogue.find(
    (each) => ids.includes(each.id) && isAllowed(each, { reader, grant, lists }),
  );
  const answering = await answeringOf(model === undefined ? [] : [model], lists);
  if (model !== undefined && answering.has(model.provider)) return ANSWER_OF[reader](model);
  // The message repeats the id only if it is a well-formed one.
  throw isModelPattern(id) ? modelNotFound(id) : new GatewayError('model_not_found');
}

interface Viewer {
  readonly reader: ModelReader;
  readonly grant: Grant;
  readonly lists: ModelLists;
}

function isAllowed(model: ListedModel, { reader, grant, lists }: Viewer): boolean {
  const { target, speaksMessages, speaksGoogle } = model;
  const isSpoken = { openai: true, anthropic: speaksMessages, google: speaksGoogle }[reader];
  return isSpoken && isAllowedModel(grant, target, lists.names);
}

/** The providers of these models that can answer here. All are checked at the same time, each once. */
async function answeringOf(
  models: readonly ListedModel[],
  { canAnswer = () => true }: ModelLists,
): Promise<ReadonlySet<string>> {
  const providers = [...new Set(models.map(({ provider }) => provider))];
  const answers = await Promise.all(providers.map(canAnswer));
  return new Set(providers.filter((_, index) => answers[index]));
}

const toAnswer = ({ id, provider, price }: ListedModel): JsonObject => ({
  id,
  object: 'model',
  created: 0, // The price table does not have the date, and clients require the field.
  owned_by: provider,
  ...(price.contextWindow !== undefined && { context_length: price.contextWindow }),
  pricing: pricingOf(price),
});

const toAnthropicAnswer = ({ id, price }: ListedModel): JsonObject => ({
  type: 'model',
  id,
  display_name: id,
  created_at: '1970-01-01T00:00:00Z', // Anthropic's value for an unknown date.
  max_input_tokens: price.contextWindow ?? null,
  max_tokens: price.maxOutputTokens ?? null,
  capabilities: null,
  pricing: pricingOf(price),
});

const toGoogleAnswer = ({ id, price }: ListedModel): JsonObject => ({
  name: `models/${id}`,
  displayName: id,
  ...(price.contextWindow !== undefined && { inputTokenLimit: price.contextWindow }),
  ...(price.maxOutputTokens !== undefined && { outputTokenLimit: price.maxOutputTokens }),
  // An embedding is free of output.
  supportedGenerationMethods:
    price.outputNanoPerMillion === 0n
      ? ['embedContent', 'batchEmbedContents', 'countTokens']
      : ['generateContent', 'streamGenerateContent', 'countTokens'],
});

const ANSWER_OF = { openai: toAnswer, anthropic: toAnthropicAnswer, google: toGoogleAnswer };

const pricingOf = (price: Price): JsonObject => ({
  prompt: usdPerToken(price.inputNanoPerMillion),
  completion: usdPerToken(price.outputNanoPerMillion),
  input_cache_read: usdPerToken(price.cachedInputNanoPerMillion),
  input_cache_write: usdPerToken(price.cacheWriteNanoPerMillion),
});

/** A nano-dollar per million tokens is 1e-15 dollars a token. A double would be rounded and printed with an exponent. */
const usdPerToken = (nanoPerMillion: bigint): string => toDecimal(nanoPerMillion, 15);
