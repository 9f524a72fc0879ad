/**
 * The built-in provider in Google's dialect.
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import {
  capOf,
  type DemoAnswer,
  type DemoFacts,
  type DemoFormat,
  data,
  given,
  textsOf,
} from './format.ts';

export const DEMO_GOOGLE: DemoFormat = {
  read: ({ systemInstruction, contents, generationConfig: config }, path) => ({
    texts: [
      ...(isRecord(systemInstruction) ? given(systemInstruction.parts) : []),
      ...textsOf(contents, 'parts'),
    ],
    cap: isRecord(config) ? capOf(config.maxOutputTokens) : undefined,
    isStream: path.includes(':streamGenerateContent'),
  }),
  toWhole: (answer, facts) => contentOf(answer.words.join(''), answer, facts, true),
  toPart: (part, answer, facts) => {
    if (part === 'start') return '';
    if (part === 'end') return data(contentOf('', answer, facts, true));
    return data(contentOf(answer.words[part] ?? '', answer, facts, false));
  },
};

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
