/**
 * Google's counting of tokens, which is free. https://ai.google.dev/api/tokens
 */
import type { JsonObject } from '../../base/json.ts';
import type { Dialect, ParsedRequest } from '../dialect.ts';
import { readRequest } from '../read-request.ts';
import { countInput, requireOwnData } from '../request-input.ts';
import { INPUT_ONLY } from '../request-output.ts';
import type { RequestRules } from '../request-rules.ts';
import { maybe, requestShapes, type Strictness, text } from '../shapes.ts';
import { wholeAnswersOf } from '../whole-answers.ts';
import { toParts } from './input.ts';
import { modelName, requirePathModel } from './model.ts';
import { contentShape } from './parts.ts';
import { GENERATE_SHAPES } from './shape.ts';
import { message, repeated } from './shapes.ts';

const countShape = (strictness: Strictness) =>
  message(strictness, {
    contents: maybe(repeated(contentShape(strictness))),
    generateContentRequest: maybe(GENERATE_SHAPES[strictness]),
  });

const SHAPES = requestShapes(
  countShape,
  message('open', { generateContentRequest: maybe(message('open', { model: maybe(text) })) }),
);

/** Reads a request to count tokens. The provider bills nothing for it, so nothing has to be bounded. */
function parseCount(body: JsonObject, rules: RequestRules): ParsedRequest {
  const request = readRequest(body, SHAPES, { ...rules, isBounded: false });
  const { contents, generateContentRequest: whole } = request;
  requirePathModel(whole?.model, 'generateContentRequest.model', rules);
  const input = countInput({
    head: whole ? { generateContentRequest: whole } : {},
    messages: Array.isArray(contents) ? contents.map(toParts) : [],
    listName: 'contents',
  });
  requireOwnData(input, rules);
  const sent = whole
    ? { ...request, generateContentRequest: { ...whole, model: modelName(rules) } }
    : request;
  return {
    ...INPUT_ONLY,
    input,
    write: () => JSON.stringify(sent),
  };
}

/** Counts as a request and no more. */
export const GOOGLE_COUNT_TOKENS: Dialect = {
  ...wholeAnswersOf('google'),
  name: 'google_count_tokens',
  ownProvider: 'google',
  isBilled: false,
  parse: parseCount,
  readUsage: () => undefined,
};
