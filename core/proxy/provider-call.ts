/**
 * One call of a provider under a hold, from the reserve to the books. Flow: reserve > forward > meter > **settle**.
 * Invariant: every way out closes the exchange once, before the client sees its end, and closing never throws.
 */

import type { Grant } from '../access/grant.ts';
import type { GatewayError } from '../base/errors.ts';
import type { RequestId } from '../base/ids.ts';
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../base/money.ts';
import type { Clock, Log, Random } from '../base/ports.ts';
import type { TokenUsage } from '../base/token-usage.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import { costOf } from '../models/pricing.ts';
import type { UsageRows, Wallets } from '../wallet/ports.ts';
import { settle } from '../wallet/settle.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import type { OpenHold } from '../wallet/wallet.ts';
import type { CallPlan } from './call-plan.ts';

export interface Exchange {
  readonly grant: Grant;
  readonly requestId: RequestId;
  readonly plan: CallPlan;
  readonly hold: OpenHold;
  /** Output cap of one choice as it is sent, in tokens. */
  readonly cap: number;
  readonly startedAtMs: number;
  /** Of the reserve. */
  readonly writeUnits: number;
}

/** How the provider's part ended. */

export interface Outcome {
  /** False: the provider was not called, or refused. Nothing is charged. */
  readonly isCharged: boolean;
  /** The provider's status, or ours where it gave none. */
  readonly httpStatus: number;
  /** Undefined: the provider did not say. */
  readonly usage?: ReportedUsage | undefined;
  /** The provider broke off before its end: its report so far may lack what it said last. */
  readonly isBrokenOff?: boolean;
  /** UTF-8 bytes of all that it said. */
  readonly contentBytes?: number;
  readonly firstByteAtMs?: number | undefined;
  readonly error?: GatewayError | undefined;
}

export interface BookPorts {
  readonly wallets: Wallets;
  readonly usage: UsageRows;
  readonly clock: Clock;
  readonly random: Random;
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

/** What the provider billed: its own report, else the input bound and the bytes it sent. */
function tokensOf({ plan }: Exchange, outcome: Outcome): TokenUsage {
  const { isCharged, usage, isBrokenOff, contentBytes = 0 } = outcome;
  if (!isCharged) return NO_TOKENS;
  const said = Math.ceil(contentBytes / ESTIMATE_BYTES_PER_TOKEN);
  if (usage !== undefined) {
    const { output } = usage.tokens;
    return isBrokenOff ? { ...usage.tokens, output: Math.max(output, said) } : usage.tokens;
  }
  if (!plan.dialect.isBilled) return NO_TOKENS;
  return {
    ...NO_TOKENS,
    input: plan.request.inputTokens,
    output: said,
  };
}

/** What tokens cost; a provider that says what it billed is believed if its row says so. */
export function costOfUsage({ price, provider }: CallPlan, usage: ReportedUsage): NanoUsd {
  if (provider.row.reportsCost && usage.costNanoUsd !== undefined) return usage.costNanoUsd;
  const { tokens, longCacheWrite, toolsNanoUsd = ZERO_USD } = usage;
  if (price === undefined) return toolsNanoUsd;
  return asNanoUsd(costOf(price, tokens, longCacheWrite) + toolsNanoUsd);
}

/** The usage row of an exchange. */
export function billOf(exchange: Exchange, outcome: Outcome, nowMs: number): UsageRow {
  const { grant, hold, plan, startedAtMs } = exchange;
  const tokens = tokensOf(exchange, outcome);
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
 * Writes the books: the row, then the wallet, then one line of log. Never throws: what could not be written is
 * closed by the sweep when the lease ends.
 * @returns the row that stands
 */
export async function closeExchange(
  exchange: Exchange,
  outcome: Outcome,
  ports: BookPorts,
): Promise<UsageRow> {
  const bill = billOf(exchange, outcome, ports.clock.nowMs());
  const { row, settled, writeUnits } = await settle(exchange.hold, bill, ports);
  logRequest(exchange, outcome, row, writeUnits, ports.log);
  if (!settled) {
    ports.log.write({ level: 'warn', event: 'left_to_lease', ...subjectOf(exchange) });
  }
  return row;
}

const subjectOf = ({ requestId, hold, grant }: Exchange) => ({
  requestId,
  keyId: grant.keyId,
  walletId: hold.walletId,
});

function logRequest(
  exchange: Exchange,
  { error }: Outcome,
  row: UsageRow,
  writeUnits: number,
  log: Log,
): void {
  log.write({
    level: error === undefined ? 'info' : 'warn',
    event: 'request',
    ...subjectOf(exchange),
    provider: exchange.plan.target.provider,
    model: exchange.plan.target.id,
    usageStatus: row.status,
    costNanoUsd: row.cost.usd,
    writeUnits: exchange.writeUnits + writeUnits,
    ...(row.httpStatus === undefined ? {} : { httpStatus: row.httpStatus }),
    ...(row.latencyMs === undefined ? {} : { durationMs: row.latencyMs }),
    ...(row.firstByteMs === undefined ? {} : { firstByteMs: row.firstByteMs }),
    ...(error === undefined ? {} : { code: error.code, cause: error.cause }),
    ...(error?.detail === undefined ? {} : { detail: error.detail }),
  });
}
