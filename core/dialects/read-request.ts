/**
 * Reads a body as strictly as its credential demands. Flow: policy > **parse** > bound > write.
 *
 * - under a limit in USD or tokens: what a dialect's closed shape names, and nothing else;
 * - for any other credential that is no bare server key: unknown members ride along unless they could name stored data;
 * - for a bare server key without such a limit: as the client wrote it, if the shapes do not fit.
 */
import { isRecord, type JsonObject } from '../base/json.ts';
import { notInBackground } from './refusals.ts';
import type { RequestRules } from './request-rules.ts';
import { type RequestShapes, readShape, tryShape } from './shapes.ts';

/**
 * Reads a body.
 * @throws invalid_request naming the first path that may not be sent
 */
export function readRequest<R>(
  body: JsonObject,
  shapes: RequestShapes<R>,
  { isBounded, isServerKey }: Pick<RequestRules, 'isBounded' | 'isServerKey'>,
): R {
  if (body.background === true) throw notInBackground();
  if (isBounded) return readShape(shapes.bounded, body);
  if (!isServerKey) return readShape(shapes.scoped, body);
  // The shape of an open request names fewer members, and a reader finds the others missing.
  return tryShape(shapes.scoped, body) ?? (readShape(shapes.open, body) as R);
}

export interface KeptTools {
  readonly body: JsonObject;
  /** Types of the tools that were left out. */
  readonly dropped: readonly string[];
}

/**
 * Leaves out tools that agents send by default and that nothing bounds, under a limit. A request that has no other
 * tools keeps them, and is refused by their name.
 * @param isDropped of a tool's `type`; true for plain names only, which a header may repeat
 */
export function dropTools(
  body: JsonObject,
  isDropped: (type: string) => boolean,
  { isBounded }: Pick<RequestRules, 'isBounded'>,
): KeptTools {
  const { tools } = body;
  if (!isBounded || !Array.isArray(tools)) return { body, dropped: [] };
  const droppedTypeOf = (tool: unknown): readonly string[] => {
    const type = isRecord(tool) ? tool.type : undefined;
    return typeof type === 'string' && isDropped(type) ? [type] : [];
  };
  const kept = tools.filter((tool) => droppedTypeOf(tool).length === 0);
  if (kept.length === 0 || kept.length === tools.length) return { body, dropped: [] };
  return { body: { ...body, tools: kept }, dropped: [...new Set(tools.flatMap(droppedTypeOf))] };
}
