/**
 * The catalogue: the models of a deployment whose price is known, by the ids that requests may use.
 * Flow: configuration > **catalogue** > `GET /v1/models`.
 */
import type { Config } from '../config.ts';
import { DEMO_MODELS, DEMO_PROVIDER } from '../providers/demo/demo.ts';
import {
  findProvider,
  isConfigured,
  type ModelTarget,
  type ProviderUrls,
  pricePartsOf,
} from '../providers/provider.ts';
import { idsOfEntry, type ModelNames, resolveModel } from './policy.ts';
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
  /** True if Google's routes serve it. */
  readonly speaksGoogle: boolean;
  readonly price: Price;
}

/** All models with a price, by id. */
export type ModelCatalogue = readonly ListedModel[];

/** The configuration of a deployment, its prices, and the price table. */
export interface CatalogueSource extends ModelNames {
  readonly prices: PriceBook;
  readonly table: Pick<PriceTable, 'models'>;
}

/** Returns true if a provider has all that a request to it needs, such as its key. */
export type CanAnswer = (provider: string) => boolean | Promise<boolean>;

/** The models of a deployment, and the meaning of their ids. */
export interface ModelLists {
  readonly catalogue: ModelCatalogue;
  readonly names: ModelNames;
  /** False for a provider without its key: its models are not listed. @default all providers can answer */
  readonly canAnswer?: CanAnswer | undefined;
}

/** Makes the catalogue of a deployment: models of the table and of its own prices, built-in models, and aliases. */
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
    const { messages, google } = findProvider(config, providerUrls, provider)?.row.endpoints ?? {};
    const speaks = { speaksMessages: messages !== undefined, speaksGoogle: google !== undefined };
    return [{ id, target: target.id, provider, ...speaks, price }];
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
