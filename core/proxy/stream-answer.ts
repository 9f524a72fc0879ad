/**
 * A provider's stream on its way to the client. Flow: forward > **meter > settle**.
 * Invariant: it never throws, its bytes are the provider's, and the call is closed before its end is sent: a client
 * that has seen `[DONE]` finds its hold released.
 */

import { GatewayError, toGatewayError } from '../base/errors.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { Meter } from '../dialects/meter.ts';
import { outputTokensMax } from '../dialects/request-output.ts';
import { giveBack } from '../wallet/give-back.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import { amountsUnder } from './call-plan.ts';
import type { CallEnd } from './ends.ts';
import { type GuardedResponse, makeLeakGuard } from './key-leak.ts';
import {
  type CallPorts,
  chargedError,
  closeCall,
  costOfUsage,
  isCredibleInput,
  isPromptEdited,
  type ProviderCall,
} from './provider-call.ts';
import { makeEventSplitter } from './sse.ts';

const EVENT_END: Buffer = Buffer.from('\n\n');

/** Output is a runaway beyond 2 × cap + 256 tokens of 3 bytes: ordinary text of no tokenizer comes near. */
const RUNAWAY_BYTES_PER_TOKEN = 3;
const RUNAWAY_CAPS = 2;
const RUNAWAY_TOKENS_MORE = 256;

/** The end of a stream, when no more of it is read. */
interface Ending {
  /** The provider's last bytes for the client, sent after the call is closed. */
  readonly last?: readonly Buffer[];
  /** The gateway's own events, sent after them. */
  readonly toOwnEvents?: (row: UsageRow) => string;
  readonly error?: GatewayError;
  readonly isCut?: boolean;
}

/** The answer's body. It must be read to its end, also when the client has left: its end closes the call. */
export async function* streamAnswer(
  call: ProviderCall,
  response: GuardedResponse,
  ports: CallPorts,
): AsyncGenerator<Uint8Array, void, undefined> {
  const splitter = makeEventSplitter();
  const { dialect, request } = call.plan;
  const meter = dialect.makeMeter(request);
  const guard = makeLeakGuard(response);
  /** True while the last byte that may be sent is within an event. */
  let isEventOpen = false;
  let firstByteAtMs: number | undefined;
  let ending: Ending | undefined;
  let isEdited = false;
  let isInputSeen = false;
  let current = call;
  try {
    for await (const read of response.body) {
      firstByteAtMs ??= ports.clock.nowMs();
      const { unread, events } = splitter.push(read);
      const piece = guard.passPiece(unread, splitter.isMidEvent());
      isEventOpen = splitter.isMidEvent();
      if (piece.length > 0) yield piece;
      isEdited ||= isPromptEdited(events);
      const { forward, end } = meter.take(events);
      if (!isInputSeen && meter.usage() !== undefined) {
        isInputSeen = true;
        if (!meter.isFinished()) current = await withLessHeld(call, meter, ports);
      }
      if (forward.length > 0) yield guard.pass(forward);
      if (end !== undefined) ending = { last: [guard.pass(end)] };
      else if (isRunaway(current, meter)) ending = cutShort(call, meter, ports.clock.nowMs());
      if (ending !== undefined) break;
    }
    ending ??= endOf(meter, guard.pass(splitter.rest()), dialect);
  } catch (cause) {
    const error = toGatewayError(cause);
    // SDKs accept a truncated stream as complete, so a failure becomes an error event, unless the answer is complete.
    const isComplete = !guard.hasFoundKey() && meter.isFinished() && !isEventOpen;
    ending = isComplete
      ? { toOwnEvents: () => dialect.endEvents, error }
      : { toOwnEvents: errorEventsOf(error, dialect), error };
  }
  const { error, last = [], toOwnEvents } = ending;
  const outcome = {
    ...{ end: toEnd(meter, ending), httpStatus: response.status, firstByteAtMs },
    ...{ isPromptEdited: isEdited, error },
  };
  const row = await closeCall(current, outcome, ports);
  const own = toOwnEvents?.(row) ?? '';
  // A blank line ends the event of which a part was sent.
  const separator = own !== '' && isEventOpen ? '\n\n' : '';
  for (const bytes of [guard.held(), ...last, Buffer.from(separator + own)]) {
    if (bytes.length > 0) yield bytes;
  }
}

/** A give-back is a write: it is worth this much. */
const GIVE_BACK_NANO_USD_MIN = 50_000_000n;

/**
 * Gives back what the input cannot cost any more, where a stream begins with its exact input: a prompt that was read from
 * a cache then holds its own cost and the output cap, and not what a miss would cost.
 */
async function withLessHeld(
  call: ProviderCall,
  meter: Meter,
  ports: CallPorts,
): Promise<ProviderCall> {
  const { plan, cap, hold } = call;
  const usage = plan.isBounded ? meter.usage() : undefined;
  const isExact = plan.provider.row.endpoints[plan.dialect.name]?.countsInputFirst === true;
  if (usage === undefined || !isExact || plan.request.input.hasHostedTools) return call;
  if (!isCredibleInput(plan, usage)) return call;
  const output = outputTokensMax(plan.request.output, cap);
  const usd = costOfUsage(plan, { ...usage, tokens: { ...usage.tokens, output } });
  if (hold.amounts.usd - usd < GIVE_BACK_NANO_USD_MIN) return call;
  const amounts = { usd, tokens: BigInt(usage.tokens.input + output) };
  const { hold: lowered, writeUnits } = await giveBack(hold, amounts, ports);
  return { ...call, hold: lowered, writeUnits: call.writeUnits + writeUnits };
}

function toEnd(meter: Meter, { isCut = false }: Ending): CallEnd {
  const usage = meter.usage();
  if (isCut) return { kind: 'cut', usage, contentBytes: meter.contentBytes() };
  return { kind: meter.isFinished() ? 'complete' : 'broken-off', usage };
}

/** The end of a stream without `[DONE]`. Some providers stop after the finish reason, some without a blank line. */
function endOf(meter: Meter, rest: Buffer, dialect: Dialect): Ending {
  const { forward, end } = meter.take(rest.length === 0 ? rest : Buffer.concat([rest, EVENT_END]));
  if (meter.isFinished() || meter.hasFailed())
    return { last: end === undefined ? [forward] : [forward, end] };
  const error = new GatewayError('upstream_error', {
    message: 'The provider ended its answer early.',
  });
  return { toOwnEvents: errorEventsOf(error, dialect), error };
}

/** The events of an error, with what was charged. */
const errorEventsOf =
  (error: GatewayError, dialect: Dialect) =>
  (row: UsageRow): string =>
    dialect.toErrorEvents(chargedError(error, row));

/** True if a provider goes on beyond the hold, by its own report or by far more text than the cap allows. */
function isRunaway({ plan, cap, hold }: ProviderCall, meter: Meter): boolean {
  if (!plan.isBounded || meter.isFinished()) return false;
  const tokensMax = RUNAWAY_CAPS * outputTokensMax(plan.request.output, cap) + RUNAWAY_TOKENS_MORE;
  if (meter.contentBytes() > RUNAWAY_BYTES_PER_TOKEN * tokensMax) return true;
  const usage = meter.usage();
  if (usage === undefined) return false;
  // A prompt that was held at the price of a cache read may be billed at its full price.
  const isAtCachePrice = (plan.cachedTokens ?? 0) > 0;
  const largestBill = isAtCachePrice
    ? amountsUnder({ ...plan, cachedTokens: 0 }, cap).usd
    : hold.amounts.usd;
  return (
    BigInt(usage.tokens.input + usage.tokens.output) > hold.amounts.tokens ||
    (plan.price !== undefined && costOfUsage(plan, usage) > largestBill)
  );
}

/** Ends a stream as if the provider had kept its cap. */
function cutShort({ requestId, plan }: ProviderCall, meter: Meter, nowMs: number): Ending {
  const facts = { requestId, model: plan.target.id, nowMs };
  const error = new GatewayError('upstream_error', {
    detail: 'the provider went on past the output cap and was cut',
  });
  return { toOwnEvents: () => plan.dialect.toCutEvents(facts, meter), error, isCut: true };
}
