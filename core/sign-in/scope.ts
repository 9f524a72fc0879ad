/**
 * Narrows a token to the models of its request. Flow: request > **models** > token.
 * Invariant: a request never widens; an empty one means all that its rule or key allows.
 */
import { parseModelPatterns } from '../base/names.ts';
import type { Parameters } from './form.ts';
import { OAuthError } from './oauth-error.ts';

const MODEL_SCOPE = 'model:';
/** All that a token of ours allows. Clients that must send a scope send this one. */
const WHOLE_SCOPE = 'inference';

/**
 * Returns the models that a request narrows a rule to: `models` (with spaces or commas), or scopes `model:<id>`.
 * @throws invalid_scope for a model outside the rule's, and for an unknown scope
 */
export function narrowModels(
  parameters: Parameters,
  allowed: readonly string[] | undefined,
): readonly string[] | undefined {
  const scopes = words(parameters.get('scope')).filter((each) => each !== WHOLE_SCOPE);
  if (scopes.some((each) => !each.startsWith(MODEL_SCOPE))) {
    throw new OAuthError(
      'invalid_scope',
      `"scope" must be "${WHOLE_SCOPE}" or "${MODEL_SCOPE}<id>"`,
    );
  }
  const ofScope = scopes.map((each) => each.slice(MODEL_SCOPE.length));
  const wanted = [...words(parameters.get('models')), ...ofScope];
  if (wanted.length === 0) return allowed;
  const isInside = allowed === undefined || wanted.every((model) => isIn(allowed, model));
  if (parseModelPatterns(wanted) === undefined || !isInside) {
    throw new OAuthError('invalid_scope', 'the models must be among those that the rule allows');
  }
  return wanted;
}

/** Returns the models that two lists have in common; no second list allows all. */
export function commonModels(
  one: readonly string[],
  other: readonly string[] | undefined,
): readonly string[] {
  if (other === undefined) return one;
  const common = [
    ...one.filter((each) => isIn(other, each)),
    ...other.filter((each) => isIn(one, each)),
  ];
  return [...new Set(common)];
}

const words = (text = ''): readonly string[] => text.split(/[ ,]+/).filter((word) => word !== '');

/** True if a list has a model, or the pattern `provider/*` of its provider. */
const isIn = (list: readonly string[], model: string): boolean =>
  list.some(
    (each) => each === model || (each.endsWith('/*') && model.startsWith(each.slice(0, -1))),
  );

/** Writes models as scopes. */
export const toScope = (models: readonly string[]): string =>
  models.map((model) => `${MODEL_SCOPE}${model}`).join(' ');
