/**
 * A dialect: reads and writes a request, meters its answer, and words its failures.
 * Flow: body > **policy > reserve > forward > meter**. Invariant: core/serve.ts knows no dialect; everything about one is
 * in its own folder here, and the upstream body is written from what its `parse` understood.
 */
import type { ApiFamily } from '../base/error-body.ts';
import type { GatewayError } from '../base/errors.ts';
import type { RequestId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { DialectName } from '../providers/endpoints.ts';
import type { Meter } from './meter.ts';
import type { RequestInput } from './request-input.ts';
import type { RequestOutput } from './request-output.ts';
import type { RequestRules } from './request-rules.ts';
import type { ReportedUsage } from './usage.ts';

/** A request that was understood, and can be bounded and written. */
export interface ParsedRequest {
  readonly isStream: boolean;
  /** True if the client did not request the usage event of a stream, which it then does not get. @default false */
  readonly isUsageHidden?: boolean;
  readonly input: RequestInput;
  readonly output: RequestOutput;
  /** Names of what was left out because nothing bounds it. */
  readonly dropped: readonly string[];
  /** The body to send under an output cap, written from what was understood alone. */
  write(cap: number): string;
  /** The body for the provider's count route (`Endpoint.countUrl`); undefined: the route does not take this input. */
  toCountBody?(): string | undefined;
  /** Headers of this dialect that go upstream: versions and betas, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Facts that an event made by the gateway may state. */
export interface CutFacts {
  readonly requestId: RequestId;
  /** The model's full id. */
  readonly model: string;
  readonly nowMs: number;
}

export interface Dialect {
  readonly name: DialectName;
  /** The vendor of the dialect, which decides the shape of refusals. */
  readonly family: ApiFamily;
  /** False if the provider charges nothing for it. Then it counts as a request and no more. */
  readonly isBilled: boolean;
  /** The provider of ids that name none, unless the configuration's default provider speaks this dialect. */
  readonly ownProvider?: string;
  /**
   * Reads a body.
   * @throws invalid_request naming the field that cannot be read, or that this credential may not send
   */
  parse(body: JsonObject, rules: RequestRules): ParsedRequest;
  makeMeter(request: ParsedRequest): Meter;
  /** The usage of an answer that is not a stream. */
  readUsage(answer: JsonObject): ReportedUsage | undefined;
  /** A failure in mid-stream, as whole events. */
  toErrorEvents(error: GatewayError): string;
  /** Ends a stream that said everything but lost its last event; empty: nothing does. */
  readonly endEvents: string;
  /** Ends a stream that the gateway cuts, as if the provider had kept its output cap. */
  toCutEvents(facts: CutFacts, meter: Meter): string;
}
