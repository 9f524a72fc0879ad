/**
 * A wire format: how a request of it is checked and sent, how its answer is read along with, how it says that
 * something failed. Flow: body > **policy > reserve > forward > meter**. Invariant: the flow in core/serve.ts knows of
 * no format; what sets one apart is said in its own file here.
 */
import type { ApiFamily } from '../base/error-body.ts';
import type { GatewayError } from '../base/errors.ts';
import type { Headers } from '../base/http.ts';
import type { RequestId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { DialectName } from '../providers/endpoints.ts';
import type { ProviderRow } from '../providers/known.ts';
import type { Meter } from './meter.ts';
import type { ReportedUsage } from './usage.ts';

/** What a request is checked against. */

export interface RequestRules {
  readonly row: ProviderRow;
  /** The provider's own id of the model. */
  readonly model: string;
  /** A USD limit applies: every field must be bounded. */
  readonly isCapped: boolean;
  /** A USD or token limit applies: an output cap is always sent. */
  readonly isBounded: boolean;
  /** A server key itself asks, for nobody else: it may name what is stored at the provider. */
  readonly isServerKey: boolean;
  readonly defaultMaxOutputTokens: number;
  /** In tokens; undefined: not known. */
  readonly contextWindow: number | undefined;
  /** What the route says beside the body: Google's streams are asked for by the path. */
  readonly isStreamRoute: boolean;
  /** The request's own. */
  readonly headers: Headers;
}

/** A request that was checked and can be sent. */
export interface PreparedRequest {
  readonly isStream: boolean;
  /** The client asked for the usage event of a stream itself. */
  readonly isUsageAsked: boolean;
  /** The most input tokens it can be counted as. */
  readonly inputTokens: number;
  /** Output cap of one choice, in tokens: the client's, else the default. Zero: the answer is no text. */
  readonly cap: number;
  /** The most output tokens of all choices under a cap. */
  outputTokens(cap: number): number;
  /** The body to send under a cap. */
  toBody(cap: number): string;
  /** Headers of this format that go upstream: versions and betas, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What an event that the gateway makes up may say. */
export interface CutFacts {
  readonly requestId: RequestId;
  /** The model's full id. */
  readonly model: string;
  readonly nowMs: number;
}

export interface Dialect {
  readonly name: DialectName;
  /** The shape of its refusals. */
  readonly errors: ApiFamily;
  /** False: the provider does it for nothing, and it counts as a request alone. */
  readonly isBilled: boolean;
  /** Whose models are meant by ids without a provider, unless the configuration's default speaks this format. */
  readonly ownProvider?: string;
  /**
   * Checks a body and readies it.
   * @throws invalid_request naming the field that cannot be read, or that this credential may not send
   */
  prepare(body: JsonObject, rules: RequestRules): PreparedRequest;
  makeMeter(request: PreparedRequest): Meter;
  /** The usage of an answer that is not a stream. */
  readUsage(answer: JsonObject): ReportedUsage | undefined;
  /** A failure in mid-stream, as whole events. */
  toErrorEvents(error: GatewayError): string;
  /** What ends a stream that said all there was to say but lost its last event; empty: nothing does. */
  readonly endEvents: string;
  /** What ends a stream that the gateway cuts, as if the provider had kept its output cap. */
  toCutEvents(facts: CutFacts, meter: Meter): string;
}
