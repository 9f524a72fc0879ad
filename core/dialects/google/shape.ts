/**
 * The closed shapes of Google's requests: contents to generate from, to count, to embed.
 * Flow: policy > **parse** > bound > write. Invariant: each member costs nothing of its own, or lies in what the bound
 * counts. https://ai.google.dev/api/generate-content#request-body
 */
import { storedId } from '../leaf-shapes.ts';
import {
  each,
  flag,
  json,
  jsonObject,
  labels,
  list,
  maybe,
  number,
  objectShapes,
  type Read,
  requestShapes,
  type Strictness,
  text,
  texts,
  whole,
} from '../shapes.ts';
import { contentShape } from './parts.ts';
import { message, repeated } from './shapes.ts';

const CANDIDATES_MAX = 8;

function configShape(strictness: Strictness) {
  const { limited } = objectShapes(strictness);
  return message(strictness, {
    maxOutputTokens: maybe(whole()),
    candidateCount: maybe(whole(CANDIDATES_MAX)),
    // Speech and pictures have prices of their own.
    responseModalities: maybe(list(limited('TEXT'))),
    responseSchema: maybe(jsonObject),
    ...each(maybe(json), 'responseJsonSchema', '_responseJsonSchema'),
    responseMimeType: maybe(text),
    ...each(maybe(number), 'temperature', 'topP', 'topK', 'seed', 'logprobs'),
    ...each(maybe(number), 'presencePenalty', 'frequencyPenalty'),
    stopSequences: maybe(texts),
    ...each(maybe(flag), 'responseLogprobs', 'enableEnhancedCivicAnswers'),
    // Thoughts are output, inside the cap.
    thinkingConfig: maybe(
      message(strictness, {
        includeThoughts: maybe(flag),
        thinkingBudget: maybe(number),
        thinkingLevel: maybe(text),
      }),
    ),
    mediaResolution: maybe(text),
  });
}

function toolShapes(strictness: Strictness) {
  const declaration = message(strictness, {
    ...each(maybe(text), 'name', 'description', 'behavior'),
    ...each(maybe(jsonObject), 'parameters', 'response'),
    ...each(maybe(json), 'parametersJsonSchema', 'responseJsonSchema'),
  });
  const tool = message(strictness, { functionDeclarations: maybe(repeated(declaration)) });
  const calling = message(strictness, {
    mode: maybe(text),
    allowedFunctionNames: maybe(texts),
    streamFunctionCallArguments: maybe(flag),
  });
  return {
    tools: maybe(repeated(tool)),
    toolConfig: maybe(message(strictness, { functionCallingConfig: maybe(calling) })),
  };
}

function generateShape(strictness: Strictness) {
  const { limited } = objectShapes(strictness);
  const setting = message(strictness, each(maybe(text), 'category', 'method', 'threshold'));
  return message(strictness, {
    model: maybe(text),
    contents: repeated(contentShape(strictness)),
    systemInstruction: maybe(contentShape(strictness)),
    ...toolShapes(strictness),
    generationConfig: maybe(configShape(strictness)),
    safetySettings: maybe(repeated(setting)),
    serviceTier: maybe(limited('standard', 'unspecified')),
    labels: maybe(labels),
    store: maybe(flag),
    ...each(maybe(storedId), 'cachedContent', 'continuationToken'),
  });
}

/** A body of which only what the gateway writes is looked at. */
const openShape = message('open', {
  contents: repeated(json),
  generationConfig: maybe(
    message('open', {
      maxOutputTokens: maybe(whole()),
      candidateCount: maybe(whole(CANDIDATES_MAX)),
    }),
  ),
});

export const GENERATE_SHAPES = requestShapes(generateShape, openShape);

/** A request for generated content as it was understood. */
export type GenerateRequest = Read<(typeof GENERATE_SHAPES)['bounded']>;
