/**
 * Limits and refusals in the words of a reader who knows nothing of tokens: pass, left, new on Monday.
 */
import type { LimitInfo } from '../../core/account/views.ts';
import type { CallError } from './api.ts';
import { formatCount, formatDuration, formatInstant, formatUsd, toNano } from './format.ts';

const SUBJECTS = { token: 'This pass', user: 'You', key: 'The whole key' } as const;
const WINDOWS = {
  minute: 'this minute',
  hour: 'this hour',
  day: 'today',
  week: 'this week',
  month: 'this month',
  total: 'in all',
} as const;

/** Names a limit: `You, this week`, `This pass, requests this minute`. */
export function nameOfLimit(
  { per, unit, window }: LimitInfo,
  subject: string = SUBJECTS[per],
): string {
  return `${subject}, ${unit === 'usd' ? '' : `${unit} `}${WINDOWS[window]}`;
}

/** Formats an amount in the unit of a limit. */
export const formatAmount = (unit: LimitInfo['unit'], amount: number): string =>
  unit === 'usd' ? formatUsd(toNano(amount)) : formatCount(amount);

/** Formats what is left: `$1.43 of $2.00 left`, `18 of 20 requests left`. */
export function formatLeft({ unit, limit, remaining }: LimitInfo): string {
  const name = unit === 'usd' ? '' : `${unit} `;
  return `${formatAmount(unit, remaining)} of ${formatAmount(unit, limit)} ${name}left`;
}

/** Sorts limits, the one with the smallest share left first. */
export const tightestFirst = (limits: readonly LimitInfo[]): readonly LimitInfo[] =>
  limits.toSorted((a, b) => shareLeft(a) - shareLeft(b));

const NANO = 1e9;

/** Returns what is settled of a limit: what is used without what is held. Exact to the nano-dollar. */
export const spentOf = ({ used, reserved }: LimitInfo): number =>
  Math.round((used - reserved) * NANO) / NANO;

export const shareLeft = ({ limit, remaining }: LimitInfo): number =>
  limit === 0 ? 0 : remaining / limit;

export interface EndState {
  readonly title: string;
  readonly next: string;
}

interface EndFacts {
  /** The name of the key that gave the pass. */
  readonly giver: string;
  readonly expiresAtMs?: number | undefined;
  readonly nowMs: number;
}

/** Says in plain words why a credential is of no use, and what to do next. */
export function toEndState({ code, message }: CallError, facts: EndFacts): EndState {
  const { giver, expiresAtMs, nowMs } = facts;
  switch (code) {
    case 'token_expired':
      return {
        title: `This pass ended${endedAt(expiresAtMs, nowMs)}.`,
        next: `Ask ${giver} for a new one.`,
      };
    case 'token_revoked':
      return { title: 'This pass was taken back.', next: `Ask ${giver} why, or for a new one.` };
    case 'token_not_active':
      return { title: 'This pass does not begin yet.', next: 'Try again when it begins.' };
    case 'invalid_api_key':
      return {
        title: 'This gateway does not know this pass.',
        next: 'Check that you copied all of it, and that it is from this gateway. If it is, its key may be gone.',
      };
    case 'network':
    case 'service_unavailable':
      return { title: 'The gateway does not answer now.', next: 'Nothing was spent. Try again.' };
    default:
      return { title: 'This pass cannot be used.', next: message };
  }
}

/** Says that the holder is blocked, with the words of the owner. */
export const toBlockedState = (reason: string, { giver }: EndFacts): EndState => ({
  title: 'You are blocked. No model answers you.',
  next: `${reason === '' ? '' : `The reason: ${reason}. `}Ask ${giver}.`,
});

function endedAt(expiresAtMs: number | undefined, nowMs: number): string {
  if (expiresAtMs === undefined || expiresAtMs > nowMs) return '';
  return ` ${formatInstant(expiresAtMs, nowMs)}, ${formatDuration(nowMs - expiresAtMs)} ago`;
}

/** Says that nothing is left of a limit, and until when. */
export function toSpentState(limit: LimitInfo, { giver, nowMs }: EndFacts): EndState {
  const { unit, resets_at: resetsAt } = limit;
  const what = unit === 'usd' ? 'Nothing' : `None of the ${unit}`;
  if (resetsAt === null) {
    return { title: `${what} is left.`, next: `Ask ${giver} for more.` };
  }
  return {
    title: `${what} is left until ${formatInstant(Date.parse(resetsAt), nowMs)}.`,
    next: 'You need not do anything: it begins anew by itself.',
  };
}
