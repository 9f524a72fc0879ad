/**
 * `GET /v1/usage`: what was used, by whom, when and of which model. Flow: Grant > **answer**.
 * Invariant: a server key sees all that its key and tokens used; every other credential its own and nothing else.
 */
import { type Grant, isBareServerKey } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import { DAY_MS, windowAt } from '../base/limits.ts';
import { usdFromNano } from '../base/money.ts';
import type { Clock } from '../base/ports.ts';
import type { UsageSums } from '../usage/cells.ts';
import type { UsageReader } from '../usage/ports.ts';
import {
  GROUP_BYS,
  type GroupBy,
  reportUsage,
  type UsageAsk,
  type UsageGroup,
} from '../usage/report.ts';
import { walletIdOf } from '../wallet/payer.ts';
import type { Wallets } from '../wallet/ports.ts';
import { findLiveWallet } from './key-info.ts';

type Body = Readonly<Record<string, unknown>>;

const PARAMETERS: readonly string[] = ['from', 'to', 'group_by'];

/** What one question of a user's may cost: days that are rolled up are a read for some of them together. */
const OWN_READS_MAX = 120;

/**
 * Sums usage. Amounts are dollars; `tokens` are what limits count, with what was held where a function died.
 * `truncated`: there was more than is read for one answer, so that the sums are too small; ask for fewer days.
 * @throws invalid_request naming the parameter, token_revoked, service_unavailable
 */
export async function describeUsage(
  { query }: HttpRequest,
  grant: Grant,
  ports: {
    readonly wallets: Pick<Wallets, 'find'>;
    readonly usage: UsageReader;
    readonly clock: Clock;
  },
): Promise<Body> {
  await findLiveWallet(grant, ports.wallets);
  requireKnown(query);
  const { fromMs, toMs } = readSpan({ from: query.from, to: query.to }, ports.clock.nowMs());
  const groupBy = readGroupBy(query.group_by);
  const ask = { keyId: grant.keyId, fromMs, toMs, groupBy, ...ownOf(grant) };
  const { rows, total, truncated } = await reportUsage(ask, ports);
  return {
    object: 'list',
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    group_by: groupBy,
    data: rows.map((row) => ({ ...namesOf(row, grant), ...toBody(row) })),
    total: toBody(total),
    truncated,
  };
}

function requireKnown(query: HttpRequest['query']): void {
  const unknown = Object.keys(query).filter((name) => !PARAMETERS.includes(name));
  if (unknown.length > 0) {
    throw new GatewayError('invalid_request', {
      message: `there is a parameter that is unknown, allowed are ${PARAMETERS.join(', ')}`,
    });
  }
}

/** A token sees what it used itself: others of its user may be in other hands. A person sees all of theirs. */
function ownOf(grant: Grant): Pick<UsageAsk, 'only' | 'readsMax'> {
  if (isBareServerKey(grant)) return {};
  const own = { walletId: walletIdOf(grant), ...(grant.token && { tokenId: grant.token.id }) };
  return { only: own, readsMax: OWN_READS_MAX };
}

/** What a line of a report was grouped by, in the words of the route. */
export function namesOf(
  row: UsageGroup,
  { keyId, keyName }: Pick<Grant, 'keyId' | 'keyName'>,
): Body {
  const { walletId, user, userSource, tokenId, model, day, conversation } = row;
  return {
    ...(day === undefined ? {} : { day }),
    ...(walletId === undefined
      ? {}
      : { user, user_source: userSource, wallet: walletId.slice(keyId.length + 1) }),
    ...(tokenId === undefined ? {} : { token: tokenId }),
    ...(row.keyId === undefined ? {} : { key: keyName }),
    ...(model === undefined ? {} : { model }),
    ...(conversation === undefined ? {} : { conversation }),
  };
}

/** The sums of a line, in the words of the route. */
export const toBody = (sums: UsageSums): Body => ({
  requests: sums.requests,
  input_tokens: sums.inputTokens,
  cached_input_tokens: sums.cachedInputTokens,
  output_tokens: sums.outputTokens,
  tokens: sums.tokens,
  usd: usdFromNano(sums.costNanoUsd),
});

/** A report covers this many days at most. */
export const REPORT_DAYS_MAX = 366;

/**
 * The span of a report. A date stands for its whole day, UTC, `to` too; an instant `to` is exclusive.
 * Without `from` the month of `to`, or this one, from its start; without `to` until now.
 * @returns a span that ends no later than today does; an empty one for days to come
 * @throws invalid_request naming the parameter
 */
export function readSpan(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const endOfTodayMs = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
  const askedToMs = to === undefined ? endOfTodayMs : parseTime('to', to, DAY_MS);
  const fromMs =
    from === undefined
      ? startOfMonth(Math.min(askedToMs, endOfTodayMs) - 1)
      : parseTime('from', from, 0);
  if (fromMs >= askedToMs) throw badParameter('from', 'must be before "to"');
  if (askedToMs - fromMs > REPORT_DAYS_MAX * DAY_MS) {
    throw badParameter('from', `must be at most ${REPORT_DAYS_MAX} days before "to"`);
  }
  return { fromMs, toMs: Math.max(fromMs, Math.min(askedToMs, endOfTodayMs)) };
}

export const startOfMonth = (atMs: number): number =>
  Date.parse(`${windowAt('month', atMs).name}-01T00:00:00Z`);
export const DATE = /^\d{4}-\d\d-\d\d$/;

/** RFC 3339, 5.6: with a zone, so that no reader's own zone decides. */
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

export function parseTime(name: 'from' | 'to', text: string, dayMs: number): number {
  const isDate = DATE.test(text);
  const atMs = isDate || INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse takes 30 February for 2 March.
  const isReal = isDate
    ? !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text)
    : true;
  if (Number.isNaN(atMs) || atMs < 0 || !isReal) {
    throw badParameter(
      name,
      'must be a date (2026-11-20) or an instant with its zone (2026-11-20T12:00:00Z)',
    );
  }
  return isDate ? atMs + dayMs : atMs;
}

/**
 * What to group by: names with commas between them, each once; absent: by day.
 * @throws invalid_request
 */
export function readGroupBy(text: string | undefined): readonly GroupBy[] {
  if (text === undefined) return ['day'];
  const names = text.split(',');
  const known = GROUP_BYS.filter((name) => names.includes(name));
  if (known.length !== names.length) {
    throw badParameter(
      'group_by',
      `must be one or more of ${GROUP_BYS.join(', ')}, each once, with commas`,
    );
  }
  return GROUP_BYS.filter((name) => known.includes(name)).sort(
    (a, b) => names.indexOf(a) - names.indexOf(b),
  );
}

export const badParameter = (param: string, fault: string): GatewayError =>
  new GatewayError('invalid_request', { message: `"${param}" ${fault}`, param });
