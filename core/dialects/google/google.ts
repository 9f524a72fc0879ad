/**
 * Google's generated content. https://ai.google.dev/api/generate-content
 * The path names the model and whether a stream is asked for; a stream has no event that says it is the last.
 */
import { toErrorBody } from '../../base/error-body.ts';
import { isRecord, type JsonObject } from '../../base/json.ts';
import type { Dialect, ParsedRequest } from '../dialect.ts';
import { type EventRules, type MeterState, makeEventMeter } from '../event-meter.ts';
import { isGiven, notBounded, notOwned, readWhole, unreadable } from '../fields.ts';
import { fromPrepared, type PreparedRequest } from '../legacy.ts';
import type { RequestRules } from '../request-rules.ts';
import { findUnboundedField, normaliseBody } from './fields.ts';
import { boundGoogleInput } from './input.ts';
import { readGoogleUsage } from './usage.ts';

const CANDIDATES_MAX = 8;

export function prepareGoogle(given: JsonObject, rules: RequestRules): PreparedRequest {
  const body = normaliseBody(given);
  const { contents, generationConfig: config } = body;
  if (!Array.isArray(contents)) throw unreadable('contents', 'a list of contents', contents);
  if (isGiven(config) && !isRecord(config))
    throw unreadable('generationConfig', 'an object', config);
  const refusal = rules.isCapped ? findUnboundedField(body) : undefined;
  if (refusal !== undefined) throw notBounded(refusal);
  const { maxOutputTokens, ...free } = isRecord(config) ? config : {};
  const givenCap = readWhole('generationConfig.maxOutputTokens', maxOutputTokens);
  const cap = givenCap ?? rules.defaultMaxOutputTokens;
  const candidates =
    readWhole('generationConfig.candidateCount', free.candidateCount, CANDIDATES_MAX) ?? 1;
  // The model is the path's; nothing is stored at a provider on a caller's word.
  const { model: _model, store: _store, ...sent } = body;
  const sendsCap = rules.isBounded || givenCap !== undefined;
  const toBody = (sentCap: number): string =>
    JSON.stringify(
      sendsCap ? { ...sent, generationConfig: { ...free, maxOutputTokens: sentCap } } : sent,
    );
  const serialised = toBody(cap);
  return {
    isStream: rules.isStreamRoute,
    isUsageAsked: true,
    inputTokens: requireInputBound(sent, serialised, rules),
    cap,
    outputTokens: (sentCap) => sentCap * candidates,
    toBody: (sentCap) => (sentCap === cap ? serialised : toBody(sentCap)),
  };
}

function requireInputBound(body: JsonObject, serialised: string, rules: RequestRules): number {
  const { imageTokensMax } = rules.row;
  const { contextWindow } = rules;
  const input = boundGoogleInput(body, serialised, { imageTokensMax, contextWindow });
  if (input.stored !== undefined && !rules.isServerKey) throw notOwned(input.stored);
  if (input.tokens !== undefined) return input.tokens;
  if (!rules.isBounded) return Buffer.byteLength(serialised);
  const allowed = 'an image or a text in the request itself';
  throw notBounded({ param: input.reference ?? 'contents', allowed });
}

/** One meter's rules: each candidate says for itself that it is finished. */
function makeRules(request: ParsedRequest): EventRules {
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
  parse: fromPrepared(prepareGoogle),
  makeMeter: (request) => makeEventMeter(makeRules(request)),
  readUsage: ({ usageMetadata }) => readGoogleUsage(usageMetadata),
  /**
   * Told twice: @google/genai before 2 hands an event with an error on as an empty answer, and raises only for what
   * stands behind the last event. Readers of event streams leave that out.
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
