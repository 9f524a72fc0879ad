/**
 * The usage row of a request. Flow: meter > **settle**.
 */
import type { Identity } from '../access/grant.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { KeyId, RequestId, TokenId, WalletId } from '../base/ids.ts';
import type { CounterKind } from '../base/limits.ts';
import type { NanoUsd } from '../base/money.ts';
import type { Tags } from '../base/tags.ts';
import type { TokenUsage } from '../base/token-usage.ts';
import type { Amounts } from './hold.ts';

/** One row for each request, written before the settle and never changed. The wallet pays its cost. */
export interface UsageRow {
  readonly keyId: KeyId;
  readonly walletId: WalletId;
  readonly requestId: RequestId;
  /** The attempt whose hold this row closes; a hold of another attempt is a ghost and costs nothing. */
  readonly attempt: number;
  readonly reservedAtMs: number;
  readonly status: UsageStatus;
  readonly cost: Amounts;
  /** The amount billed beyond the hold, or zero. */
  readonly overrunNanoUsd: NanoUsd;
  readonly tokens: TokenUsage;
  readonly provider?: string;
  readonly model?: string;
  readonly priceVersion?: string;
  readonly identity?: Identity;
  readonly tokenId?: TokenId;
  /** The counters that include its cost. */
  readonly counted?: readonly CounterKind[];
  readonly conversation?: string;
  readonly tags?: Tags;
  readonly httpStatus?: number;
  /** The code of the error, if the call failed. */
  readonly errorCode?: ErrorCode;
  readonly latencyMs?: number;
  readonly firstByteMs?: number;
}

/**
 * The source of the cost. `exact`: reported by the provider. `estimated`: not reported, or not to its end, so as much as
 * was held (core/proxy/ends.ts).
 * `released`: the provider was not called or charged nothing. `swept`: the function died; the whole hold.
 */
export type UsageStatus = 'exact' | 'estimated' | 'released' | 'swept';
