/**
 * Google's request for generated content: read, counted, written. Flow: policy > **parse** > bound > reserve > **write**.
 * Invariant: what is written is what was read, with one output cap; the model is the path's, and nothing is stored.
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import type { ParsedRequest } from '../dialect.ts';
import { type KeptTools, readRequest } from '../read-request.ts';
import { requireOwnData } from '../request-input.ts';
import { makeOutput } from '../request-output.ts';
import type { RequestRules } from '../request-rules.ts';
import { countGenerate } from './input.ts';
import { modelName, requirePathModel } from './model.ts';
import { GENERATE_SHAPES } from './shape.ts';

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
export function parseGenerate(given: JsonObject, rules: RequestRules): ParsedRequest {
  const { body, dropped } = dropSearch(given, rules);
  const request = readRequest(body, GENERATE_SHAPES, rules);
  requirePathModel(request.model, 'model', rules);
  const input = countGenerate(request);
  requireOwnData(input, rules);
  const config = request.generationConfig ?? {};
  const cap = config.maxOutputTokens ?? undefined;
  const sendsCap = rules.isBounded || cap !== undefined;
  // The path names the model; nothing is stored at a provider on a caller's word.
  const { model: _model, store: _store, ...sent } = request;
  return {
    isStream: rules.isStreamRoute,
    input,
    output: makeOutput(cap, rules, { choices: config.candidateCount ?? 1 }),
    dropped,
    write: (sentCap) =>
      JSON.stringify(
        sendsCap ? { ...sent, generationConfig: { ...config, maxOutputTokens: sentCap } } : sent,
      ),
    toCountBody: () =>
      input.isCountable
        ? JSON.stringify({ generateContentRequest: { model: modelName(rules), ...sent } })
        : undefined,
  };
}

/** Searches that agents list by default, under both spellings; nothing bounds the input that they bring. */
const SEARCHES: ReadonlyMap<string, string> = new Map(
  ['googleSearch', 'googleSearchRetrieval', 'urlContext'].flatMap((name) => [
    [name, name],
    [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), name],
  ]),
);

/** Leaves out searches under a limit, if there are functions beside them. */
function dropSearch(body: JsonObject, { isBounded }: RequestRules): KeptTools {
  const tools: readonly unknown[] = [body.tools ?? []].flat();
  const names = tools.flatMap((tool) => (isRecord(tool) ? Object.keys(tool) : []));
  const dropped = [...new Set(names.flatMap((name) => SEARCHES.get(name) ?? []))];
  const hasFunctions = names.some((name) => /^function_?[Dd]eclarations$/.test(name));
  if (!isBounded || dropped.length === 0 || !hasFunctions) return { body, dropped: [] };
  const kept = tools
    .map((tool) =>
      isRecord(tool)
        ? Object.fromEntries(Object.entries(tool).filter(([name]) => !SEARCHES.has(name)))
        : tool,
    )
    .filter((tool) => !isRecord(tool) || Object.keys(tool).length > 0);
  return { body: { ...body, tools: kept }, dropped };
}
