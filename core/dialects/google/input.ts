/**
 * The input of Google's requests, as the bounds count it. Flow: policy > parse > **bound** > reserve.
 */
import type { JsonObject } from '../../base/json.ts';
import { countInput, headOf, type MessageParts, type RequestInput } from '../request-input.ts';
import type { Content } from './parts.ts';
import type { GenerateRequest } from './shape.ts';

/** Members that never become input. */
const UNCOUNTED: ReadonlySet<string> = new Set([
  ...['model', 'contents', 'generationConfig', 'safetySettings', 'serviceTier', 'labels', 'store'],
]);

/** Settings of how tokens are chosen and reported. The others say how to answer and to think. */
const UNCOUNTED_SETTINGS: ReadonlySet<string> = new Set([
  ...['maxOutputTokens', 'candidateCount', 'responseModalities', 'temperature', 'topP', 'topK'],
  ...['seed', 'logprobs', 'presencePenalty', 'frequencyPenalty', 'stopSequences'],
  ...['responseLogprobs', 'enableEnhancedCivicAnswers'],
]);

/** Counts the input of a request for generated content. */
export function countGenerate(request: GenerateRequest): RequestInput {
  const { contents, generationConfig: config, tools } = request;
  const settings: JsonObject = headOf(config ?? {}, UNCOUNTED_SETTINGS);
  const toolList = Array.isArray(tools) ? tools : [];
  const functions = toolList.flatMap((tool) => Object(tool).functionDeclarations ?? []);
  // The provider explains a schema of the answer to the model as it explains tools.
  const hasSchema = Object.keys(settings).some((name) => /Schema$/.test(name));
  return countInput({
    head: {
      ...headOf(request, UNCOUNTED),
      ...(Object.keys(settings).length > 0 && { generationConfig: settings }),
    },
    messages: contents.map(toParts),
    listName: 'contents',
    tools: { count: toolList.length + functions.length + (hasSchema ? 1 : 0), typed: 0 },
    hasHostedTools: toolList.some((tool) =>
      Object.keys(Object(tool)).some((name) => name !== 'functionDeclarations'),
    ),
  });
}

/** A content of an open request may be anything. */
export function toParts(content: Content): MessageParts {
  const parts = Array.isArray(content?.parts) ? content.parts : [];
  return {
    message: content,
    endsInToolResult: Boolean(parts.at(-1)?.functionResponse),
    hasHiddenReasoning: parts.some((part) => Boolean(part?.thought ?? part?.thoughtSignature)),
  };
}
