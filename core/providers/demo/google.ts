/**
 * The built-in provider in Google's dialect.
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import { embed } from './embed.ts';
import {
  capOf,
  type DemoAnswer,
  type DemoFacts,
  type DemoFormat,
  data,
  given,
  textsOf,
} from './format.ts';

const inputOf = ({ systemInstruction, contents }: JsonObject): readonly string[] => [
  ...(isRecord(systemInstruction) ? given(systemInstruction.parts) : []),
  ...textsOf(contents, 'parts'),
];

const DEMO_COUNT: DemoFormat = {
  read: ({ generateContentRequest: request, ...body }) => ({
    texts: inputOf(isRecord(request) ? request : body),
  }),
  toWhole: ({ inputTokens }) => ({ totalTokens: inputTokens }),
};

const embeddingOf = (text: string) => ({ values: embed(text) });
const usageOf = ({ inputTokens }: DemoAnswer) => ({ promptTokenCount: inputTokens });

const DEMO_EMBED: DemoFormat = {
  read: (body) => ({ texts: textsOf([body.content], 'parts') }),
  toWhole: (answer) => ({
    embedding: embeddingOf(answer.texts[0] ?? ''),
    usageMetadata: usageOf(answer),
  }),
};

const DEMO_BATCH_EMBED: DemoFormat = {
  read: ({ requests }) => ({
    texts: (Array.isArray(requests) ? requests : []).flatMap(({ content }) =>
      textsOf([content], 'parts'),
    ),
  }),
  toWhole: (answer) => ({
    embeddings: answer.texts.map(embeddingOf),
    usageMetadata: usageOf(answer),
  }),
};

const DEMO_GENERATE: DemoFormat = {
  read: (body, path) => ({
    texts: inputOf(body),
    cap: isRecord(body.generationConfig) ? capOf(body.generationConfig.maxOutputTokens) : undefined,
    isStream: path.includes(':streamGenerateContent'),
  }),
  toWhole: (answer, facts) => contentOf(answer.words.join(''), answer, facts, true),
  toPart: (part, answer, facts) => {
    if (part === 'start') return '';
    if (part === 'end') return data(contentOf('', answer, facts, true));
    return data(contentOf(answer.words[part] ?? '', answer, facts, false));
  },
};

const FORMATS: readonly (readonly [string, DemoFormat])[] = [
  [':countTokens', DEMO_COUNT],
  [':embedContent', DEMO_EMBED],
  [':batchEmbedContents', DEMO_BATCH_EMBED],
];

/** Returns the format of a path of Google's, which holds the model. */
export const demoGoogle = (path: string): DemoFormat =>
  FORMATS.find(([action]) => path.endsWith(action))?.[1] ?? DEMO_GENERATE;

const contentOf = (
  text: string,
  { isCut, inputTokens, words }: DemoAnswer,
  { id, model }: DemoFacts,
  isLast: boolean,
): JsonObject => ({
  candidates: [
    {
      index: 0,
      content: { role: 'model', parts: text === '' ? [] : [{ text }] },
      ...(isLast && { finishReason: isCut ? 'MAX_TOKENS' : 'STOP' }),
    },
  ],
  ...(isLast && {
    usageMetadata: {
      promptTokenCount: inputTokens,
      candidatesTokenCount: words.length,
      totalTokenCount: inputTokens + words.length,
    },
  }),
  modelVersion: model,
  responseId: id,
});
