/**
 * Which model a request means, and whether its credential may use it.
 * Flow: grant > **policy** > price > reserve. Invariant: what is compared is the id after aliases are resolved,
 * and both lists, the key's and the token's, must allow it.
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { isConfigured, type ModelTarget, type ProviderUrls } from '../providers/provider.ts';

const MODEL_ID = /^[\w.:@/-]{1,200}$/;

/** How many allowed models a refusal names before it only counts the rest. */
const NAMED_MODELS_MAX = 20;

/**
 * Resolves an alias, then finds the provider: the part before the first slash if it is one, else the fallback.
 * @param fallback the provider of ids that name none
 * @throws invalid_request for an id of other characters than A-Za-z0-9_.:@/- or longer than 200, model_not_found when no provider serves it
 */
export function resolveModel(
  id: string,
  config: Config,
  providerUrls: ProviderUrls = {},
  fallback: string | undefined = config.defaultProvider,
): ModelTarget {
  if (!MODEL_ID.test(id)) {
    throw new GatewayError('invalid_request', {
      message: '"model" must be 1 to 200 of A-Za-z0-9_.:@/-',
      param: 'model',
    });
  }
  const resolved = Object.hasOwn(config.aliases, id) ? (config.aliases[id] ?? id) : id;
  const slash = resolved.indexOf('/');
  const provider = resolved.slice(0, Math.max(slash, 0));
  const model = resolved.slice(slash + 1);
  if (slash > 0 && model !== '' && isConfigured(provider, config, providerUrls)) {
    return { provider, model, id: resolved };
  }
  if (fallback === undefined || model === '') throw modelNotFound(id);
  return { provider: fallback, model: resolved, id: `${fallback}/${resolved}` };
}

/** The refusal of a model that does not exist. */
export const modelNotFound = (id: string): GatewayError =>
  new GatewayError('model_not_found', {
    message: `the model "${id}" does not exist`,
    param: 'model',
  });

/** Whether one list allows a model: by its exact id, or all of its provider's by `provider/*`. No list: any model. */
const isListed = (list: readonly string[] | undefined, id: string): boolean =>
  list === undefined || list.includes(id) || list.includes(`${id.slice(0, id.indexOf('/'))}/*`);

/** Whether the key's list and the token's both allow a model, by its full id. */
export const isAllowedModel = ({ models, token }: Grant, id: string): boolean =>
  isListed(models, id) && isListed(token?.models, id);

/** @throws model_not_allowed, naming the model and the allowed ones */
export function requireAllowedModel(grant: Grant, id: string): void {
  if (isAllowedModel(grant, id)) return;
  throw new GatewayError('model_not_allowed', {
    message: `this credential may not use the model "${id}", allowed are ${nameModels(grant)}`,
    param: 'model',
  });
}

/** The narrower list is the token's, save for what the key does not allow any more. */
function nameModels({ models, token }: Grant): string {
  const own = token?.models ?? models ?? [];
  const allowed = own.filter((entry) => models === undefined || covers(models, entry));
  const overlap =
    allowed.length > 0 ? allowed : (models ?? []).filter((entry) => covers(own, entry));
  if (overlap.length === 0) return 'none';
  const named = overlap.slice(0, NAMED_MODELS_MAX).join(', ');
  const more = overlap.length - NAMED_MODELS_MAX;
  return more > 0 ? `${named} and ${more} more` : named;
}

const covers = (list: readonly string[], entry: string): boolean => isListed(list, entry);
