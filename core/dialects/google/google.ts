/**
 * Google's generated content. https://ai.google.dev/api/generate-content
 * The path names the model and the form of the answer. A stream has no event that marks its end.
 */
import { toErrorBody } from '../../base/error-body.ts';
import { isGiven, isRecord, type JsonObject } from '../../base/json.ts';
import type { Dialect, ParsedRequest } from '../dialect.ts';
import { type MeterRules, type MeterState, makeMeter } from '../meter.ts';
import { parseGenerate } from './request.ts';
import { readGoogleUsage } from './usage.ts';

/** One meter's rules: each candidate says for itself that it is finished. */
function makeRules(request: ParsedRequest): MeterRules {
  const candidates = request.output.choices;
  const finished = new Set<unknown>();
  const read = (event: JsonObject, state: MeterState): MeterState => {
    let valueBytes = state.valueBytes ?? 0;
    for (const candidate of Array.isArray(event.candidates) ? event.candidates : []) {
      if (!isRecord(candidate)) continue;
      if (isGiven(candidate.finishReason)) finished.add(candidate.index ?? 0);
      valueBytes += bytesOfCalls(Object(candidate.content).parts);
    }
    const isBlocked = isGiven(Object(event.promptFeedback).blockReason);
    return {
      ...state,
      usage: readGoogleUsage(event.usageMetadata) ?? state.usage,
      valueBytes,
      isFinished: state.isFinished || isBlocked || finished.size >= candidates,
      hasFailed: state.hasFailed || isRecord(event.error),
    };
  };
  return {
    said: /"(?:text|code|output)"\s*:\s*"/g,
    telling: /"(?:usageMetadata|finishReason|promptFeedback|functionCall|error)"\s*:/,
    read,
  };
}

/** Arguments are JSON, not a string of it. Read one character a byte, as the event is. */
const bytesOfCalls = (parts: unknown): number =>
  (Array.isArray(parts) ? parts : []).reduce<number>((bytes, part) => {
    const { args } = Object(Object(part).functionCall);
    return isGiven(args) ? bytes + JSON.stringify(args).length : bytes;
  }, 0);

export const GOOGLE: Dialect = {
  name: 'google',
  family: 'google',
  isBilled: true,
  ownProvider: 'google',
  parse: parseGenerate,
  makeMeter: (request) => makeMeter(makeRules(request)),
  readUsage: ({ usageMetadata }) => readGoogleUsage(usageMetadata),
  /**
   * Sends the error twice. @google/genai before 2 takes an event with an error for an empty answer, and raises only for
   * what follows the last event. Other readers of event streams skip that.
   */
  toErrorEvents: (error) => {
    const body = JSON.stringify(toErrorBody('google', error));
    return `data: ${body}\n\n${body}`;
  },
  endEvents: '',
  toCutEvents: ({ model }, meter) => {
    const tokens = meter.usage()?.tokens;
    const candidate = {
      content: { parts: [], role: 'model' },
      finishReason: 'MAX_TOKENS',
      index: 0,
    };
    const usageMetadata = tokens && {
      promptTokenCount: tokens.input,
      candidatesTokenCount: tokens.output - tokens.reasoning,
      thoughtsTokenCount: tokens.reasoning,
      totalTokenCount: tokens.input + tokens.output,
    };
    const event = {
      candidates: [candidate],
      ...(usageMetadata && { usageMetadata }),
      modelVersion: model,
    };
    return `data: ${JSON.stringify(event)}\n\n`;
  },
};
