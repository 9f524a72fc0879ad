/**
 * Dialects that are not parsed yet, behind the interface of those that are. Flow: policy > **parse** > bound > reserve.
 */
import type { JsonObject } from '../base/json.ts';
import type { ParsedRequest } from './dialect.ts';
import type { RequestRules } from './request-rules.ts';

/** A request that was checked and can be sent. */
export interface PreparedRequest {
  readonly isStream: boolean;
  readonly isUsageAsked: boolean;
  readonly inputTokens: number;
  readonly cap: number;
  outputTokens(cap: number): number;
  toBody(cap: number): string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Prepare = (body: JsonObject, rules: RequestRules) => PreparedRequest;

export const fromPrepared =
  (prepare: Prepare) =>
  (body: JsonObject, rules: RequestRules): ParsedRequest => {
    const request = prepare(body, rules);
    const choices = request.outputTokens(1) - request.outputTokens(0);
    return {
      isStream: request.isStream,
      isUsageAsked: request.isUsageAsked,
      input: {
        head: '',
        headImages: 0,
        messages: [],
        tools: { count: 0, typed: 0 },
        repeats: [],
        tokens: 0,
        reference: undefined,
        stored: undefined,
        isInline: false,
        hasHostedTools: false,
        hasDeferredTools: false,
        cacheMark: '5m',
        preparedTokens: request.inputTokens,
      },
      output: {
        cap: request.cap,
        capMin: Math.min(16, request.cap),
        choices,
        predictionBytes: choices === 0 ? 0 : request.outputTokens(0) / choices,
        thinkingBudget: undefined,
      },
      dropped: [],
      write: (cap) => request.toBody(cap),
      ...(request.headers && { headers: request.headers }),
    };
  };
