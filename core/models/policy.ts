/**
 * Finds the model that a request names, and checks that its credential may use it.
 * Flow: grant > **policy** > price > reserve. Invariant: aliases are resolved before ids are compared, and both the
 * key's list and the token's must allow the model.
 */
import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { isConfigured, type ModelTarget, type ProviderUrls } from '../providers/provider.ts';

const MODEL_ID = /^[\w.:@/-]{1,200}$/;

/** The most allowed models that a refusal names. The rest are counted. */
const NAMED_MODELS_MAX = 20;

/**
 * Resolves an alias, then finds the provider: the part before the first slash if a provider has that name, else the
 * fallback.
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

/** Returns the refusal of a model that does not exist. */
export const modelNotFound = (id: string): GatewayError =>
  new GatewayError('model_not_found', {
    message: `the model "${id}" does not exist`,
    param: 'model',
  });

/** Returns true if a list allows a model, by its exact id or by `provider/*`. Without a list any model is allowed. */
const isListed = (list: readonly string[] | undefined, id: string): boolean =>
  list === undefined || list.includes(id) || list.includes(`${id.slice(0, id.indexOf('/'))}/*`);

/** Returns true if both the key's list and the token's allow a model, by its full id. */
export const isAllowedModel = ({ models, token }: Grant, id: string): boolean =>
  isListed(models, id) && isListed(token?.models, id);

/** @throws model_not_allowed with the model and the allowed ones */
export function requireAllowedModel(grant: Grant, id: string): void {
  if (isAllowedModel(grant, id)) return;
  throw new GatewayError('model_not_allowed', {
    message: `this credential may not use the model "${id}", allowed are ${nameModels(grant)}`,
    param: 'model',
  });
}

/** Names the models that both lists allow: the token's entries within the key's list, else the key's within the token's. */
function nameModels({ models, token }: Grant): string {
  const own = token?.models ?? models ?? [];
  const allowed = own.filter((entry) => isListed(models, entry));
  const overlap =
    allowed.length > 0 ? allowed : (models ?? []).filter((entry) => isListed(own, entry));
  if (overlap.length === 0) return 'none';
  const named = overlap.slice(0, NAMED_MODELS_MAX).join(', ');
  const more = overlap.length - NAMED_MODELS_MAX;
  return more > 0 ? `${named} and ${more} more` : named;
}
