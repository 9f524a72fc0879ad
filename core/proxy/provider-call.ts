/**
 * One call of a provider under a hold, and how it is closed: its usage row, its settle, its log line.
 * Flow: reserve > forward > meter > **settle**.
 * Invariant: every way out closes the call once, before the client sees its end, and closing never throws.
 */

import type { Grant } from '../access/grant.ts';
import type { GatewayError } from '../base/errors.ts';
import type { RequestId } from '../base/ids.ts';
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../base/money.ts';
import type { Log, LogEntry } from '../base/ports.ts';
import type { TokenUsage } from '../base/token-usage.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import { costOf } from '../models/pricing.ts';
import type { LimitState } from '../wallet/hold.ts';
import { type SettlePorts, settle } from '../wallet/settle.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import type { OpenHold } from '../wallet/wallet.ts';
import type { CallPlan } from './call-plan.ts';

/** A call under its hold. */
export interface ProviderCall {
  readonly grant: Grant;
  readonly requestId: RequestId;
  readonly plan: CallPlan;
  readonly hold: OpenHold;
  /** Output cap of one choice as it is sent, in tokens. */
  readonly cap: number;
  readonly startedAtMs: number;
  /** The state of the payer's limits after the hold. */
  readonly limits: readonly LimitState[];
  /** Write units of the reserve. */
  readonly writeUnits: number;
}

/** The end of the provider's part. */
export interface CallOutcome {
  /** False: the provider was not called, or refused. Nothing is charged. */
  readonly isCharged: boolean;
  /** The provider's status, or ours where it gave none. */
  readonly httpStatus: number;
  /** Undefined: the provider did not say. */
  readonly usage?: ReportedUsage | undefined;
  /** True when the provider stopped before its end: its report may lack its last output. */
  readonly isBrokenOff?: boolean;
  /** UTF-8 bytes of all output. */
  readonly contentBytes?: number;
  readonly firstByteAtMs?: number | undefined;
  readonly error?: GatewayError | undefined;
}

/** The ports that closing a call needs. */
export interface CallPorts extends SettlePorts {
  readonly log: Log;
}

/** Bytes of text that count as one token where the provider reports none. */
const ESTIMATE_BYTES_PER_TOKEN = 4;

const NO_TOKENS: TokenUsage = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
};

/** The tokens that the provider billed: its own report, else the input bound and the bytes it sent. */
function tokensOf({ plan }: ProviderCall, outcome: CallOutcome): TokenUsage {
  const { isCharged, usage, isBrokenOff, contentBytes = 0 } = outcome;
  if (!isCharged) return NO_TOKENS;
  const sent = Math.ceil(contentBytes / ESTIMATE_BYTES_PER_TOKEN);
  if (usage !== undefined) {
    const { output } = usage.tokens;
    return isBrokenOff ? { ...usage.tokens, output: Math.max(output, sent) } : usage.tokens;
  }
  if (!plan.dialect.isBilled) return NO_TOKENS;
  return {
    ...NO_TOKENS,
    input: plan.inputTokensMax,
    output: sent,
  };
}

/** The cost of reported usage. A provider's own figure counts if its row has `reportsCost`. */
export function costOfUsage({ price, provider }: CallPlan, usage: ReportedUsage): NanoUsd {
  if (provider.row.reportsCost && usage.costNanoUsd !== undefined) return usage.costNanoUsd;
  const { tokens, longCacheWrite, toolsNanoUsd = ZERO_USD } = usage;
  if (price === undefined) return toolsNanoUsd;
  return asNanoUsd(costOf(price, tokens, longCacheWrite) + toolsNanoUsd);
}

/** The usage row of a call. */
export function usageRowOf(call: ProviderCall, outcome: CallOutcome, nowMs: number): UsageRow {
  const { grant, hold, plan, startedAtMs } = call;
  const tokens = tokensOf(call, outcome);
  const usage: ReportedUsage = { ...outcome.usage, tokens };
  const isCharged = outcome.isCharged && plan.dialect.isBilled;
  const usd = isCharged ? costOfUsage(plan, usage) : ZERO_USD;
  const isReported = outcome.usage?.tokens.output === tokens.output;
  const isKnown = isReported || !plan.dialect.isBilled;
  return {
    keyId: grant.keyId,
    walletId: hold.walletId,
    requestId: hold.requestId,
    attempt: hold.attempt,
    reservedAtMs: hold.reservedAtMs,
    status: outcome.isCharged ? (isKnown ? 'exact' : 'estimated') : 'released',
    cost: { usd, tokens: BigInt(tokens.input + tokens.output) },
    overrunNanoUsd: usd > hold.amounts.usd ? asNanoUsd(usd - hold.amounts.usd) : ZERO_USD,
    tokens,
    counted: hold.counted,
    provider: plan.target.provider,
    model: plan.target.id,
    httpStatus: outcome.httpStatus,
    latencyMs: nowMs - startedAtMs,
    ...(outcome.error === undefined ? {} : { errorCode: outcome.error.code }),
    ...(plan.price === undefined ? {} : { priceVersion: plan.priceVersion }),
    ...(grant.identity === undefined ? {} : { identity: grant.identity }),
    ...(grant.token === undefined ? {} : { tokenId: grant.token.id }),
    ...(grant.conversation === undefined ? {} : { conversation: grant.conversation }),
    ...(outcome.firstByteAtMs === undefined
      ? {}
      : { firstByteMs: outcome.firstByteAtMs - startedAtMs }),
  };
}

/**
 * Closes a call: writes the usage row, settles the hold, writes one log line. Never throws: the sweep closes what could
 * not be written when the lease ends.
 * @returns the row that stands
 */
export async function closeCall(
  call: ProviderCall,
  outcome: CallOutcome,
  ports: CallPorts,
): Promise<UsageRow> {
  const { row, settled, writeUnits } = await settle(
    call.hold,
    usageRowOf(call, outcome, ports.clock.nowMs()),
    ports,
  );
  ports.log.write(logEntryOf(call, outcome, { row, writeUnits: call.writeUnits + writeUnits }));
  if (!settled) ports.log.write({ level: 'warn', event: 'left_to_lease', ...subjectOf(call) });
  return row;
}

const subjectOf = ({ requestId, hold, grant }: ProviderCall) => ({
  requestId,
  keyId: grant.keyId,
  walletId: hold.walletId,
});

const logEntryOf = (
  call: ProviderCall,
  { error }: CallOutcome,
  { row, writeUnits }: { readonly row: UsageRow; readonly writeUnits: number },
): LogEntry => ({
  level: error === undefined ? 'info' : 'warn',
  event: 'request',
  ...subjectOf(call),
  provider: call.plan.target.provider,
  model: call.plan.target.id,
  usageStatus: row.status,
  costNanoUsd: row.cost.usd,
  writeUnits,
  ...(row.httpStatus === undefined ? {} : { httpStatus: row.httpStatus }),
  ...(row.latencyMs === undefined ? {} : { durationMs: row.latencyMs }),
  ...(row.firstByteMs === undefined ? {} : { firstByteMs: row.firstByteMs }),
  ...(error === undefined ? {} : { code: error.code, cause: error.cause }),
  ...(error?.detail === undefined ? {} : { detail: error.detail }),
});
