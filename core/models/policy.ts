/**
 * Finds the model that a request names, and checks that its credential may use it.
 * Flow: grant > **policy** > price > reserve. Invariant: requests and lists are read by one rule before ids are compared,
 * and both the key's list and the token's must allow the model.
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError, invalidField } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { KNOWN_PROVIDERS } from '../providers/known.ts';
import { isConfigured, type ModelTarget, type ProviderUrls } from '../providers/provider.ts';
import { PRICE_TABLE } from './pricing.ts';

const MODEL_ID = /^[\w.:@/-]{1,200}$/;

/** The most allowed models that a refusal names. The rest are counted. */
const NAMED_MODELS_MAX = 20;

/**
 * Resolves an alias, then finds the provider: the part before the first slash if a provider has that name; else, without
 * a default provider, the first one that lists the whole id; else the fallback.
 * @param fallback the provider of ids that name none
 * @throws invalid_request for an id longer than 200 or with other characters than A-Za-z0-9_.:@/-, model_not_found if
 *   no provider serves it
 */
export function resolveModel(
  id: string,
  config: Config,
  providerUrls: ProviderUrls = {},
  fallback: string | undefined = config.defaultProvider,
): ModelTarget {
  if (!MODEL_ID.test(id)) {
    throw invalidField('model', 'must be 1 to 200 of A-Za-z0-9_.:@/-');
  }
  const resolved = Object.hasOwn(config.aliases, id) ? (config.aliases[id] ?? id) : id;
  const slash = resolved.indexOf('/');
  const provider = resolved.slice(0, Math.max(slash, 0));
  const model = resolved.slice(slash + 1);
  if (slash > 0 && model !== '' && isConfigured(provider, config, providerUrls)) {
    return { provider, model, id: resolved };
  }
  const found = (slash > 0 && listerOf(resolved, provider, config)) || fallback;
  if (found === undefined || model === '') throw modelNotFound(id);
  return { provider: found, model: resolved, id: `${found}/${resolved}` };
}

/**
 * Returns the first provider of the configuration whose own id is the whole id and has a price, as `deepinfra` for
 * `meta-llama/Llama-3.3-70B-Instruct`. None if there is a default provider, or if the first part is a known provider
 * that is not configured: its models are not another's.
 */
function listerOf(id: string, owner: string, config: Config): string | undefined {
  if (config.defaultProvider !== undefined || KNOWN_PROVIDERS.has(owner)) return undefined;
  return Object.keys(config.providers).find(
    (name) =>
      Object.hasOwn(PRICE_TABLE.models[name] ?? {}, id) ||
      Object.hasOwn(config.prices, `${name}/${id}`),
  );
}

/** Returns the refusal of a model that does not exist. */
export const modelNotFound = (id: string): GatewayError =>
  new GatewayError('model_not_found', {
    message: `the model "${id}" does not exist`,
    param: 'model',
  });

/** The meaning of model ids in this deployment. */
export interface ModelNames {
  readonly config: Config;
  readonly providerUrls: ProviderUrls;
}

/** Providers whose own format takes ids without a provider, as `fallbackOf` in proxy/call-plan.ts picks them. */
const OWN_FORMAT_PROVIDERS = ['openai', 'anthropic', 'google'] as const;

/**
 * Resolves an entry of a list of allowed models by the rule for the model of a request: an alias first, then the
 * provider it names, else each provider that a request without one may go to.
 * @returns ids with a provider, or `provider/*`; none if no provider serves it
 */
export function idsOfEntry(entry: string, { config, providerUrls }: ModelNames): readonly string[] {
  if (entry.endsWith('/*')) {
    return isConfigured(entry.slice(0, -2), config, providerUrls) ? [entry] : [];
  }
  const own = OWN_FORMAT_PROVIDERS.filter((name) => isConfigured(name, config, providerUrls));
  const fallbacks = [
    ...(config.defaultProvider === undefined ? [] : [config.defaultProvider]),
    ...own,
  ];
  const ids = [undefined, ...fallbacks].flatMap((fallback) => {
    try {
      return [resolveModel(entry, config, providerUrls, fallback).id];
    } catch {
      return []; // No provider serves it that way.
    }
  });
  return [...new Set(ids)];
}

/** Returns true if a list allows a model, by its id, an alias of it, or `provider/*`. Without a list any is allowed. */
function isListed(list: readonly string[] | undefined, id: string, names: ModelNames): boolean {
  if (list === undefined) return true;
  const all = `${id.slice(0, id.indexOf('/'))}/*`;
  return list.some((entry) => idsOfEntry(entry, names).some((each) => each === id || each === all));
}

/** Returns true if both the key's list and the token's allow a model, by its full id. */
export const isAllowedModel = (
  { models, token }: Pick<Grant, 'models' | 'token'>,
  id: string,
  names: ModelNames,
): boolean => isListed(models, id, names) && isListed(token?.models, id, names);

/** @throws model_not_allowed with the model and the allowed ones */
export function requireAllowedModel(grant: Grant, id: string, names: ModelNames): void {
  if (isAllowedModel(grant, id, names)) return;
  throw new GatewayError('model_not_allowed', {
    message: `this credential may not use the model "${id}", allowed are ${nameModels(grant, names)}`,
    param: 'model',
  });
}

/** Returns the entries of both lists that both allow; undefined if there is no list. */
export function allowedEntries(grant: Grant, names: ModelNames): readonly string[] | undefined {
  const { models, token } = grant;
  if (models === undefined && token?.models === undefined) return undefined;
  const entries = [...new Set([...(token?.models ?? []), ...(models ?? [])])];
  return entries.filter((entry) =>
    idsOfEntry(entry, names).some((id) => isAllowedModel(grant, id, names)),
  );
}

/** Names the models that both lists allow: the token's entries within the key's list, else the key's within the token's. */
function nameModels(grant: Grant, names: ModelNames): string {
  const own = new Set(grant.token?.models ?? grant.models);
  const allowed = allowedEntries(grant, names) ?? [];
  const ofOwn = allowed.filter((entry) => own.has(entry));
  const overlap = ofOwn.length > 0 ? ofOwn : allowed;
  if (overlap.length === 0) return 'none';
  const named = overlap.slice(0, NAMED_MODELS_MAX).join(', ');
  const more = overlap.length - NAMED_MODELS_MAX;
  return more > 0 ? `${named} and ${more} more` : named;
}
