/**
 * The model that a body of Google's names. Flow: policy > **parse** > write. Invariant: it is the path's, by which the
 * request was allowed and priced, and it is written from there.
 */
import { invalidRequest } from '../../base/errors.ts';
import type { RequestRules } from '../request-rules.ts';

/** The name that goes upstream. */
export const modelName = ({ model }: RequestRules): string => `models/${model}`;

/** @throws invalid_request for another model than the path's */
export function requirePathModel(
  given: string | null | undefined,
  param: string,
  { model, pathModel }: RequestRules,
): void {
  if (given === undefined || given === null) return;
  const name = given.replace(/^models\//, '');
  if (name === model || name === pathModel || name.endsWith(`/${model}`)) return;
  throw invalidRequest(`"${param}" must be the model that the path names`, param);
}
