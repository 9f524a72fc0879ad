/**
 * One call of a provider under a hold, and how it is closed: its usage row, its settle, its log line.
 * Flow: reserve > forward > meter > **settle**.
 * Invariant: every way out closes the call once, before the client sees its end, and closing never throws.
 */

import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { RequestId } from '../base/ids.ts';
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../base/money.ts';
import type { Log, LogEntry } from '../base/ports.ts';
import { NO_TOKENS, type TokenUsage } from '../base/token-usage.ts';
import { outputTokensMax } from '../dialects/request-output.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import { costOf } from '../models/pricing.ts';
import { markSettled } from '../wallet/alerts/watch.ts';
import type { Amounts, LimitState } from '../wallet/hold.ts';
import { type SettlePorts, settle } from '../wallet/settle.ts';
import type { UsageRow, UsageStatus } from '../wallet/usage-row.ts';
import type { OpenHold } from '../wallet/wallet.ts';
import type { CallPlan } from './call-plan.ts';
import { type Bill, billOf, type CallEnd } from './ends.ts';
import { learnFromBill, type ModelFacts } from './model-facts.ts';
import { charsOf, type PromptToRemember, toRemembered } from './prompt-memory.ts';

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
  /** To remember with the input that the provider reports; absent: nothing. */
  readonly prompt?: PromptToRemember;
}

/** The end of the provider's part. */
export interface CallOutcome {
  readonly end: CallEnd;
  /** The provider's status, or ours where it gave none. */
  readonly httpStatus: number;
  readonly firstByteAtMs?: number | undefined;
  /** The provider left out a part of the prompt, so its count is not that of the prompt. @default false */
  readonly isPromptEdited?: boolean;
  readonly error?: GatewayError | undefined;
}

/** The ports that closing a call needs. */
export interface CallPorts extends SettlePorts {
  readonly log: Log;
  /** @default nothing is learned from bills */
  readonly modelFacts?: ModelFacts;
}

interface Billed {
  readonly status: UsageStatus;
  readonly cost: Amounts;
  readonly tokens: TokenUsage;
}

/** Bytes of text that count as one token of a stream that was cut. */
const CUT_BYTES_PER_TOKEN = 4;

/** The cost of a call by its bill (ends.ts). */
function billedAs(bill: Bill, call: ProviderCall, end: CallEnd): Billed {
  const usage = 'usage' in end ? end.usage : undefined;
  switch (bill) {
    case 'none': {
      // A route that costs nothing was answered; any other call was not made, or was refused.
      const status = end.kind === 'complete' ? 'exact' : 'released';
      return { status, cost: { usd: ZERO_USD, tokens: 0n }, tokens: NO_TOKENS };
    }
    case 'reported':
      return { status: 'exact', ...costOfTokens(call.plan, usage) };
    case 'input-reported': {
      const { output } = tokensHeld(call);
      return { status: 'estimated', ...costOfTokens(call.plan, withOutput(usage, output)) };
    }
    case 'hold':
      return { status: 'estimated', cost: call.hold.amounts, tokens: tokensHeld(call) };
    case 'beyond-hold': {
      const held = { cost: call.hold.amounts, tokens: tokensHeld(call) };
      const bytes = end.kind === 'cut' ? end.contentBytes : 0;
      const output = Math.max(held.tokens.output, Math.ceil(bytes / CUT_BYTES_PER_TOKEN));
      const seen = costOfTokens(call.plan, withOutput(usage ?? { tokens: held.tokens }, output));
      const isMore = seen.cost.usd > held.cost.usd || seen.cost.tokens > held.cost.tokens;
      return { status: 'estimated', ...(isMore ? seen : held) };
    }
  }
}

/** A report with at least this much output. */
const withOutput = (usage: ReportedUsage | undefined, output: number): ReportedUsage => {
  const tokens = usage?.tokens ?? NO_TOKENS;
  return { ...usage, tokens: { ...tokens, output: Math.max(output, tokens.output) } };
};

const costOfTokens = (
  plan: CallPlan,
  usage: ReportedUsage = { tokens: NO_TOKENS },
): Omit<Billed, 'status'> => ({
  cost: {
    usd: costOfUsage(plan, usage),
    tokens: BigInt(usage.tokens.input + usage.tokens.output),
  },
  tokens: usage.tokens,
});

/** The tokens of the hold, so that a row's tokens sum up to what limits count. */
function tokensHeld({ plan, cap, hold }: ProviderCall): TokenUsage {
  const held = Number(hold.amounts.tokens);
  const output = Math.min(outputTokensMax(plan.request.output, cap), held);
  return { ...NO_TOKENS, input: held - output, output };
}

/** The cost of reported usage. A provider's own figure counts if its row has `reportsCost`. */
export function costOfUsage({ price, provider }: CallPlan, usage: ReportedUsage): NanoUsd {
  if (provider.row.reportsCost && usage.costNanoUsd !== undefined) return usage.costNanoUsd;
  const { tokens, longCacheWrite, toolsNanoUsd = ZERO_USD } = usage;
  if (price === undefined) return toolsNanoUsd;
  return asNanoUsd(costOf(price, tokens, longCacheWrite) + toolsNanoUsd);
}

/** The bill of a call. A broken stream's report of the input counts only if it may be that of the whole prompt. */
function billOfCall({ plan }: ProviderCall, end: CallEnd): Bill {
  const bill = billOf(end, { row: plan.provider.row, dialect: plan.dialect });
  const usage = 'usage' in end ? end.usage : undefined;
  if (bill !== 'input-reported' || usage === undefined) return bill;
  return isCredibleInput(plan, usage) ? bill : 'hold';
}

/** The usage row of a call. */
export function usageRowOf(call: ProviderCall, outcome: CallOutcome, nowMs: number): UsageRow {
  const { grant, hold, plan, startedAtMs } = call;
  const bill = billOfCall(call, outcome.end);
  const { status, cost, tokens } = billedAs(bill, call, outcome.end);
  return {
    keyId: grant.keyId,
    walletId: hold.walletId,
    requestId: hold.requestId,
    attempt: hold.attempt,
    reservedAtMs: hold.reservedAtMs,
    status,
    cost,
    overrunNanoUsd: cost.usd > hold.amounts.usd ? asNanoUsd(cost.usd - hold.amounts.usd) : ZERO_USD,
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
    ...(grant.tags && { tags: grant.tags }),
    ...(outcome.firstByteAtMs === undefined
      ? {}
      : { firstByteMs: outcome.firstByteAtMs - startedAtMs }),
  };
}

/** A list of edits with an entry (Anthropic's context management). Inside a text its quotes would be escaped. */
const APPLIED_EDITS = /"applied_edits"\s*:\s*\[\s*[^\]\s]/;

/** True if a provider says that it left out a part of the prompt. */
export const isPromptEdited = (answer: Buffer): boolean =>
  answer.includes('"applied_edits"') && APPLIED_EDITS.test(answer.toString('latin1'));

/** A reported input of fewer tokens than a sixteenth of its characters is not believed. */
const CHARS_PER_TOKEN_MAX = 16;

/** True if a report may be that of the whole prompt. */
export const isCredibleInput = (plan: CallPlan, { tokens }: ReportedUsage): boolean =>
  tokens.input > 0 && tokens.input * CHARS_PER_TOKEN_MAX >= charsOf(plan);

/** Added to an error whose call is billed without a report. */
const COUNTED_IN_FULL = 'It is counted in full, because the provider may bill it.';

/** An error of a call that was closed: it says what was charged although nothing was reported. */
export function chargedError(error: GatewayError, { status, cost }: UsageRow): GatewayError {
  if (status !== 'estimated' || cost.usd === ZERO_USD) return error;
  const { code, facts, detail, cause, message } = error;
  return new GatewayError(code, {
    ...facts,
    message: `${message} ${COUNTED_IN_FULL}`,
    chargedNanoUsd: cost.usd,
    detail,
    cause,
  });
}

/**
 * Closes a call: writes the usage row, settles the hold, writes one log line. Never throws: the sweep closes what could
 * not be written when the lease ends.
 * @returns the row that counts: the first one that was written
 */
export async function closeCall(
  call: ProviderCall,
  outcome: CallOutcome,
  ports: CallPorts,
): Promise<UsageRow> {
  const { row, settled, wallet, writeUnits } = await settle(
    withRemembered(call, outcome),
    usageRowOf(call, outcome, ports.clock.nowMs()),
    ports,
  );
  ports.log.write(logEntryOf(call, outcome, { row, writeUnits: call.writeUnits + writeUnits }));
  const usage = 'usage' in outcome.end ? outcome.end.usage : undefined;
  const isWindowPassed = learnFromBill(call.plan, { usage, row }, ports.modelFacts);
  if (row.overrunNanoUsd > 0n || isWindowPassed) {
    const { overrunNanoUsd } = row;
    ports.log.write({
      ...{ level: 'warn', event: 'overrun', overrunNanoUsd },
      ...subjectOf(call),
      ...targetOf(call),
    });
  }
  if (!settled) ports.log.write({ level: 'warn', event: 'left_to_lease', ...subjectOf(call) });
  else await markSettled(call, wallet, ports.alerts);
  return row;
}

/** The hold, with the prompt to remember if its whole input was reported. */
function withRemembered(
  { hold, prompt, plan }: ProviderCall,
  { end, isPromptEdited }: CallOutcome,
): OpenHold {
  const usage = end.kind === 'complete' ? end.usage : undefined;
  if (prompt === undefined || usage === undefined || isPromptEdited) return hold;
  if (plan.provider.row.reportsCost && !isCostWithin(hold, usage)) return hold;
  return isCredibleInput(plan, usage) ? { ...hold, remember: toRemembered(prompt, usage) } : hold;
}

/** True if the provider reported a cost that its hold covers. */
const isCostWithin = ({ amounts }: OpenHold, { costNanoUsd }: ReportedUsage): boolean =>
  costNanoUsd !== undefined && costNanoUsd <= amounts.usd;

const subjectOf = ({ requestId, hold, grant }: ProviderCall) => ({
  requestId,
  keyId: grant.keyId,
  walletId: hold.walletId,
});

const targetOf = ({ plan: { target } }: ProviderCall) => ({
  provider: target.provider,
  model: target.id,
});

const logEntryOf = (
  call: ProviderCall,
  { error }: CallOutcome,
  { row, writeUnits }: { readonly row: UsageRow; readonly writeUnits: number },
): LogEntry => ({
  level: error === undefined ? 'info' : 'warn',
  event: 'request',
  ...subjectOf(call),
  ...targetOf(call),
  usageStatus: row.status,
  costNanoUsd: row.cost.usd,
  tokens: Number(row.cost.tokens),
  writeUnits,
  ...(row.overrunNanoUsd > ZERO_USD ? { isOverrun: true } : {}),
  ...(row.httpStatus === undefined ? {} : { httpStatus: row.httpStatus }),
  ...(row.latencyMs === undefined ? {} : { durationMs: row.latencyMs }),
  ...(row.firstByteMs === undefined ? {} : { firstByteMs: row.firstByteMs }),
  ...(error === undefined ? {} : { code: error.code, cause: error.cause }),
  ...(error?.detail === undefined ? {} : { detail: error.detail }),
});
