/**
 * `GET /v1/models`: the models that a credential may call and whose price is known. Flow: Grant > **answer**.
 * OpenAI's clients get OpenAI's list with OpenRouter's `pricing`: https://openrouter.ai/docs/api-reference/list-available-models
 * Anthropic's clients get Anthropic's list of the models with its dialect: https://docs.anthropic.com/en/api/models-list
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import type { JsonObject } from '../base/json.ts';
import { isModelPattern } from '../base/names.ts';
import type { Config } from '../config.ts';
import { DEMO_MODELS, DEMO_PROVIDER } from '../providers/demo/demo.ts';
import {
  findProvider,
  isConfigured,
  type ModelTarget,
  type ProviderUrls,
  pricePartsOf,
} from '../providers/provider.ts';
import {
  idsOfEntry,
  isAllowedModel,
  type ModelNames,
  modelNotFound,
  resolveModel,
} from './policy.ts';
import type { Price, PriceBook, PriceTable } from './pricing.ts';

/** A model by the id that a request may use. */
export interface ListedModel {
  /** `provider/model`, or an alias. */
  readonly id: string;
  /** `provider/model`, as in lists of allowed models. */
  readonly target: string;
  readonly provider: string;
  /** True if `/v1/messages` serves it. */
  readonly speaksMessages: boolean;
  readonly price: Price;
}

/** All models with a price, by id. */
export type ModelCatalogue = readonly ListedModel[];

/** The configuration of a deployment, its prices, and the price table. */
export interface CatalogueSource extends ModelNames {
  readonly prices: PriceBook;
  readonly table: Pick<PriceTable, 'models'>;
  /** False for a provider without its key: its models are not listed. @default all providers can answer */
  readonly canAnswer?: (provider: string) => boolean;
}

/** The models of a deployment, and what their ids stand for. */
export interface ModelLists {
  readonly catalogue: ModelCatalogue;
  readonly names: ModelNames;
}

/** Makes the catalogue of a deployment: models of the table and of its own prices, built-in models, and aliases. */
export function makeCatalogue(source: CatalogueSource): ModelCatalogue {
  const { config, providerUrls, prices, table, canAnswer = () => true } = source;
  const parts = new Map([
    ...Object.keys(table.models).map((name) => [name, [name]] as const),
    ...pricePartsOf(config),
  ]);
  const tabled = [...parts].flatMap(([provider, names]) =>
    names.flatMap((name) =>
      Object.keys(table.models[name] ?? {}).map((model) => `${provider}/${model}`),
    ),
  );
  const builtIn = DEMO_MODELS.map((model) => `${DEMO_PROVIDER}/${model}`);
  const ids = [
    ...tabled,
    ...builtIn,
    ...Object.keys(config.prices),
    ...Object.keys(config.aliases),
  ];
  return [...new Set(ids)].sort().flatMap((id): ListedModel[] => {
    const target = findTarget(id, config, providerUrls);
    if (target === undefined) return [];
    const { provider } = target;
    if (!canAnswer(provider)) return [];
    const price = prices.find(provider, target.model);
    if (price === undefined) return [];
    const found = findProvider(config, providerUrls, provider);
    const speaksMessages = found?.row.endpoints.messages !== undefined;
    return [{ id, target: target.id, provider, speaksMessages, price }];
  });
}

/** Finds the model of an id; undefined if no configured provider serves it. The default provider takes no such model. */
function findTarget(id: string, config: Config, urls: ProviderUrls): ModelTarget | undefined {
  const provider = id.slice(0, Math.max(id.indexOf('/'), 0));
  if (!Object.hasOwn(config.aliases, id) && !isConfigured(provider, config, urls)) return undefined;
  try {
    return resolveModel(id, config, urls);
  } catch {
    return undefined; // An alias without a provider; a call of it is refused with the reason.
  }
}

/**
 * Returns the entries of a list of allowed models that can match no model. An id with a known provider may be one that
 * the table lacks; an id without a provider must be a model of a provider whose models are listed.
 */
export function unmatchedEntries(
  entries: readonly string[],
  { catalogue, names }: ModelLists,
): readonly string[] {
  const listed = new Set(catalogue.map(({ target }) => target));
  const providers = new Set(catalogue.map(({ provider }) => provider));
  const isKnown = (id: string): boolean =>
    listed.has(id) || !providers.has(id.slice(0, id.indexOf('/')));
  return entries.filter((entry) => {
    const ids = idsOfEntry(entry, names);
    if (entry.startsWith(`${DEMO_PROVIDER}/`))
      return !ids.some((id) => id.endsWith('/*') || isKnown(id));
    const { aliases } = names.config;
    const isNamed = ids.includes((Object.hasOwn(aliases, entry) && aliases[entry]) || entry);
    return ids.length === 0 || !(isNamed || ids.some(isKnown));
  });
}

/** The client's API family. Anthropic's and OpenAI's `/v1/models` have the same path and different answers. */
export type ModelReader = 'anthropic' | 'openai';

/** Returns the API family of a client. Only Anthropic's clients send a version header. */
export const modelReaderOf = ({ headers }: HttpRequest): ModelReader =>
  headers.has('anthropic-version') ? 'anthropic' : 'openai';

/** Returns the list of the models that a credential may call. */
export function listModels(
  reader: ModelReader,
  grant: Grant,
  { catalogue, names }: ModelLists,
): JsonObject {
  const models = catalogue.filter((model) => isShown(model, { reader, grant, names }));
  if (reader === 'openai') return { object: 'list', data: models.map(toAnswer) };
  return {
    data: models.map(toAnthropicAnswer),
    has_more: false,
    first_id: models.at(0)?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  };
}

/**
 * Returns a model by its id. For Anthropic's clients, an id without a provider is Anthropic's.
 * @throws model_not_found, also for a model that the credential may not call
 */
export function findModel(
  id: string,
  reader: ModelReader,
  grant: Grant,
  { catalogue, names }: ModelLists,
): JsonObject {
  const ids = reader === 'anthropic' ? [id, `anthropic/${id}`] : [id];
  const model = catalogue.find(
    (each) => ids.includes(each.id) && isShown(each, { reader, grant, names }),
  );
  if (model !== undefined) return reader === 'openai' ? toAnswer(model) : toAnthropicAnswer(model);
  // The message repeats the id only if it is a well-formed one.
  throw isModelPattern(id) ? modelNotFound(id) : new GatewayError('model_not_found');
}

interface Viewer {
  readonly reader: ModelReader;
  readonly grant: Grant;
  readonly names: ModelNames;
}

const isShown = (model: ListedModel, { reader, grant, names }: Viewer): boolean =>
  isAllowedModel(grant, model.target, names) && (reader === 'openai' || model.speaksMessages);

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
  max_tokens: null,
  capabilities: null,
  pricing: pricingOf(price),
});

const pricingOf = (price: Price): JsonObject => ({
  prompt: usdPerToken(price.inputNanoPerMillion),
  completion: usdPerToken(price.outputNanoPerMillion),
  input_cache_read: usdPerToken(price.cachedInputNanoPerMillion),
  input_cache_write: usdPerToken(price.cacheWriteNanoPerMillion),
});

/** A nano-dollar per million tokens is 1e-15 dollars a token. */
const FRACTION_DIGITS = 15;

/** Formats dollars per token as a plain decimal. A double would be rounded and printed with an exponent. */
function usdPerToken(nanoPerMillion: bigint): string {
  const digits = String(nanoPerMillion).padStart(FRACTION_DIGITS + 1, '0');
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  const whole = digits.slice(0, -FRACTION_DIGITS);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
