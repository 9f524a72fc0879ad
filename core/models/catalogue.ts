/**
 * `GET /v1/models`: the models that a credential may call and whose price is known. Flow: Grant > **answer**.
 * OpenAI's list with OpenRouter's `pricing`: https://openrouter.ai/docs/api-reference/list-available-models
 * To Anthropic's clients, Anthropic's list of what speaks its format: https://docs.anthropic.com/en/api/models-list
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
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
import { isAllowedModel, modelNotFound, resolveModel } from './policy.ts';
import type { Price, PriceBook, PriceTable } from './pricing.ts';

/** A model by the name under which it is called. */
export interface ListedModel {
  /** `provider/model`, or an alias. */
  readonly id: string;
  /** `provider/model`: what lists of allowed models name. */
  readonly target: string;
  readonly provider: string;
  /** It is served on `/v1/messages`. */
  readonly speaksMessages: boolean;
  readonly price: Price;
}

/** All models with a price, by id. */
export type ModelCatalogue = readonly ListedModel[];

/** What a deployment serves: its configuration, the prices in force, and the table they come from. */
export interface CatalogueSource {
  readonly config: Config;
  readonly providerUrls: ProviderUrls;
  readonly prices: PriceBook;
  readonly table: Pick<PriceTable, 'models'>;
}

/** The catalogue of a deployment: models of the table, of its own prices, built-in ones, and its aliases. */
export function makeCatalogue(source: CatalogueSource): ModelCatalogue {
  const { config, providerUrls, prices, table } = source;
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
    const price = prices.find(provider, target.model);
    if (price === undefined) return [];
    const found = findProvider(config, providerUrls, provider);
    const speaksMessages = found?.row.endpoints.messages !== undefined;
    return [{ id, target: target.id, provider, speaksMessages, price }];
  });
}

/** Undefined for what nothing here serves. A model of a provider that is not configured is not the default one's. */
function findTarget(id: string, config: Config, urls: ProviderUrls): ModelTarget | undefined {
  const provider = id.slice(0, Math.max(id.indexOf('/'), 0));
  if (!Object.hasOwn(config.aliases, id) && !isConfigured(provider, config, urls)) return undefined;
  try {
    return resolveModel(id, config, urls);
  } catch {
    return undefined; // An alias of nothing: whoever calls it is told.
  }
}

type Answer = Readonly<Record<string, unknown>>;

/** Who asks: its own `/v1/models` has another shape with the same path. */
export type ModelReader = 'anthropic' | 'openai';

/** Anthropic's clients alone send a version. */
export const modelReaderOf = ({ headers }: HttpRequest): ModelReader =>
  headers.has('anthropic-version') ? 'anthropic' : 'openai';

export function listModels(reader: ModelReader, grant: Grant, catalogue: ModelCatalogue): Answer {
  const models = catalogue.filter((model) => isShown(model, reader, grant));
  if (reader === 'openai') return { object: 'list', data: models.map(toAnswer) };
  return {
    data: models.map(toAnthropicAnswer),
    has_more: false,
    first_id: models.at(0)?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  };
}

/**
 * A model by its id; to Anthropic's clients an id without a provider is Anthropic's.
 * @throws model_not_found, also for a model that exists and may not be called
 */
export function findModel(
  id: string,
  reader: ModelReader,
  grant: Grant,
  catalogue: ModelCatalogue,
): Answer {
  const ids = reader === 'anthropic' ? [id, `anthropic/${id}`] : [id];
  const model = catalogue.find((each) => ids.includes(each.id) && isShown(each, reader, grant));
  if (model !== undefined) return reader === 'openai' ? toAnswer(model) : toAnthropicAnswer(model);
  // Only what could be a model's id is repeated to the caller.
  throw isModelPattern(id) ? modelNotFound(id) : new GatewayError('model_not_found');
}

const isShown = (model: ListedModel, reader: ModelReader, grant: Grant): boolean =>
  isAllowedModel(grant, model.target) && (reader === 'openai' || model.speaksMessages);

const toAnswer = ({ id, provider, price }: ListedModel): Answer => ({
  id,
  object: 'model',
  created: 0, // The price table does not know it, and clients demand the field.
  owned_by: provider,
  ...(price.contextWindow !== undefined && { context_length: price.contextWindow }),
  pricing: pricingOf(price),
});

const toAnthropicAnswer = ({ id, price }: ListedModel): Answer => ({
  type: 'model',
  id,
  display_name: id,
  created_at: '1970-01-01T00:00:00Z', // What Anthropic says where it does not know.
  max_input_tokens: price.contextWindow ?? null,
  max_tokens: null,
  capabilities: null,
  pricing: pricingOf(price),
});

const pricingOf = (price: Price): Answer => ({
  prompt: usdPerToken(price.inputNanoPerMillion),
  completion: usdPerToken(price.outputNanoPerMillion),
  input_cache_read: usdPerToken(price.cachedInputNanoPerMillion),
  input_cache_write: usdPerToken(price.cacheWriteNanoPerMillion),
});

/** A nano-dollar per million tokens is 1e-15 dollars a token. */
const FRACTION_DIGITS = 15;

/** Dollars per token as a plain decimal: a double would round it, and write it with an exponent. */
function usdPerToken(nanoPerMillion: bigint): string {
  const digits = String(nanoPerMillion).padStart(FRACTION_DIGITS + 1, '0');
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  const whole = digits.slice(0, -FRACTION_DIGITS);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
