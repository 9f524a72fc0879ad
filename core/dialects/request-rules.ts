/**
 * The rules by which a request is read: its provider, its model, and what its credential may do.
 * Flow: policy > **parse** > bound.
 */
import type { Headers } from '../base/http.ts';
import type { ProviderRow } from '../providers/known.ts';

/** The highest price that a server may have, in dollars a million tokens. */
export interface MaxPrice {
  readonly prompt: number;
  readonly completion: number;
}

export interface RequestRules {
  readonly row: ProviderRow;
  /** The provider's own id of the model. */
  readonly model: string;
  /** The model as the path writes it; undefined: the body names it. */
  readonly pathModel: string | undefined;
  /** A USD limit applies: every field must be bounded in money. */
  readonly isCapped: boolean;
  /** A USD or token limit applies: every field must be bounded, and an output cap is always sent. */
  readonly isBounded: boolean;
  /** The credential is a server key that speaks for itself: it may name data stored at the provider. */
  readonly isServerKey: boolean;
  readonly defaultMaxOutputTokens: number;
  /** The model's own figure in tokens; undefined if it is not known. */
  readonly contextWindow: number | undefined;
  /** The most output that the model gives, in tokens; undefined: not known. */
  readonly maxOutputTokens: number | undefined;
  /** Sent to a provider that chooses among servers of different prices. @default none */
  readonly maxPrice?: MaxPrice | undefined;
  /** The path is that of a stream, as Google's may be. */
  readonly isStreamRoute: boolean;
  /** The request's own. */
  readonly headers: Headers;
}
