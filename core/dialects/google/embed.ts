/**
 * Google's embeddings, of one content or of several: input alone is billed. https://ai.google.dev/api/embeddings
 */
import type { JsonObject } from '../../base/json.ts';
import type { Dialect, ParsedRequest } from '../dialect.ts';
import { PREFIX_TOKENS_MAX } from '../embeddings.ts';
import { readRequest } from '../read-request.ts';
import { countInput, type RequestInput, requireOwnData } from '../request-input.ts';
import { INPUT_ONLY } from '../request-output.ts';
import type { RequestRules } from '../request-rules.ts';
import {
  each,
  flag,
  json,
  maybe,
  number,
  type Read,
  requestShapes,
  type Strictness,
  text,
} from '../shapes.ts';
import { wholeAnswersOf } from '../whole-answers.ts';
import { toParts } from './input.ts';
import { modelName, requirePathModel } from './model.ts';
import { contentShape } from './parts.ts';
import { message, repeated } from './shapes.ts';
import { readGoogleUsage } from './usage.ts';

function embedShape(strictness: Strictness) {
  // Images and sound have prices of their own.
  const texts = message(strictness, {
    role: maybe(text),
    parts: maybe(repeated(message(strictness, { text: maybe(text) }))),
  });
  return message(strictness, {
    model: maybe(text),
    content: strictness === 'bounded' ? texts : contentShape(strictness),
    ...each(maybe(text), 'taskType', 'title'),
    outputDimensionality: maybe(number),
    autoTruncate: maybe(flag),
  });
}

const batchShape = (strictness: Strictness) =>
  message(strictness, { requests: repeated(embedShape(strictness)) });

const OPEN = message('open', { model: maybe(text), content: json });

const EMBED_SHAPES = requestShapes(embedShape, OPEN);

const BATCH_SHAPES = requestShapes(batchShape, message('open', { requests: repeated(OPEN) }));

type EmbedRequest = Read<typeof EMBED_SHAPES.bounded>;

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
function parseEmbed(body: JsonObject, rules: RequestRules): ParsedRequest {
  const request = readRequest(body, EMBED_SHAPES, rules);
  requirePathModel(request.model, 'model', rules);
  const input = countInput({
    head: textsOf(request),
    messages: [],
    listName: 'requests',
    tokens: prefixTokensOf(request),
  });
  return toParsed(input, { ...request, model: modelName(rules) }, rules);
}

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
function parseBatch(body: JsonObject, rules: RequestRules): ParsedRequest {
  const { requests, ...rest } = readRequest(body, BATCH_SHAPES, rules);
  for (const [index, { model }] of requests.entries()) {
    requirePathModel(model, `requests[${index}].model`, rules);
  }
  const input = countInput({
    head: {},
    messages: requests.map((request) => ({
      ...toParts(request.content),
      message: textsOf(request),
    })),
    listName: 'requests',
    tokens: requests.reduce((sum, request) => sum + prefixTokensOf(request), 0),
  });
  const named = requests.map((request) => ({ ...request, model: modelName(rules) }));
  return toParsed(input, { ...rest, requests: named }, rules);
}

const textsOf = ({ content, title }: EmbedRequest): JsonObject => ({ content, title });

const prefixTokensOf = ({ taskType }: EmbedRequest): number => (taskType ? PREFIX_TOKENS_MAX : 0);

function toParsed(input: RequestInput, sent: JsonObject, rules: RequestRules): ParsedRequest {
  requireOwnData(input, rules);
  return {
    ...INPUT_ONLY,
    input,
    write: () => JSON.stringify(sent),
  };
}

const EMBEDS = {
  ...wholeAnswersOf('google'),
  ownProvider: 'google',
  isBilled: true,
  readUsage: ({ usageMetadata }) => readGoogleUsage(usageMetadata),
} as const satisfies Partial<Dialect>;

export const GOOGLE_EMBED: Dialect = { ...EMBEDS, name: 'google_embed', parse: parseEmbed };

export const GOOGLE_BATCH_EMBED: Dialect = {
  ...EMBEDS,
  name: 'google_batch_embed',
  parse: parseBatch,
};
