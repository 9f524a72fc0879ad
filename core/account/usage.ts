/**
 * `GET /v1/usage`: usage by user, token, model, day and conversation. Flow: Grant > **answer**.
 * Invariant: a server key sees all usage of its key and tokens; every other credential sees only its own.
 */
import { type Grant, isBareServerKey } from '../access/grant.ts';
import { parseDate, parseInstant } from '../base/duration.ts';
import { invalidField, invalidRequest } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import type { JsonObject } from '../base/json.ts';
import { DAY_MS, windowAt } from '../base/limits.ts';
import { usdFromNano } from '../base/money.ts';
import type { Clock } from '../base/ports.ts';
import { isTagName } from '../base/tags.ts';
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
import { findLiveWallet } from './find-wallet.ts';
import { managedIn } from './owned-users.ts';
import { digestOf } from './user-id.ts';

const PARAMETERS: readonly string[] = ['from', 'to', 'group_by', 'key'];

/**
 * The bounds of a report about one user: ten megabytes of rows and rollups, of whomever, and a read for each day of a
 * year that has little or nothing.
 */
const OWN_BOUNDS = { megabytesMax: 10, readsMax: 400 };

/**
 * Sums usage. Amounts are dollars. `tokens` are those that limits count, with the held ones of a request that died.
 * `truncated`: there is more than one report reads, so the sums are too small; request fewer days.
 * @throws invalid_request with the parameter, token_revoked, route_not_allowed and not_found for `key`, service_unavailable
 */
export async function describeUsage(
  { query }: HttpRequest,
  grant: Grant,
  ports: {
    readonly wallets: Pick<Wallets, 'find' | 'findSpilled'>;
    readonly usage: UsageReader;
    readonly clock: Clock;
  },
): Promise<JsonObject> {
  await findLiveWallet(grant, ports.wallets);
  requireKnown(query);
  const { fromMs, toMs } = readSpan({ from: query.from, to: query.to }, ports.clock.nowMs());
  const groupBy = readGroupBy(query.group_by);
  const { keyId, keyName } = managedIn(grant, query) ?? grant;
  const ask = { keyId, fromMs, toMs, groupBy, ...ownOf(grant) };
  const { rows, total, truncated } = await reportUsage(ask, ports);
  return {
    object: 'list',
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    group_by: groupBy,
    data: rows.map((row) => ({ ...namesOf(row, { keyName }), ...toBody(row) })),
    total: toBody(total),
    truncated,
  };
}

function requireKnown(query: HttpRequest['query']): void {
  const unknown = Object.keys(query).filter((name) => !PARAMETERS.includes(name));
  if (unknown.length > 0) {
    throw invalidRequest(`a parameter is unknown, allowed are ${PARAMETERS.join(', ')}`);
  }
}

/**
 * Limits a report to the caller's own usage: a token's own, or all of a user's. A bare server key sees everything, and all
 * rows of a personal key are its one user's.
 */
function ownOf(grant: Grant): Pick<UsageAsk, 'only' | 'readsMax' | 'megabytesMax'> {
  if (isBareServerKey(grant)) return {};
  if (grant.keyKind === 'personal') return OWN_BOUNDS;
  const own = { walletId: walletIdOf(grant), ...(grant.token && { tokenId: grant.token.id }) };
  return { only: own, ...OWN_BOUNDS };
}

/** Returns the names by which a line of a report was grouped, with the route's field names. Others are undefined. */
export const namesOf = (row: UsageGroup, { keyName }: Pick<Grant, 'keyName'>): JsonObject => ({
  day: row.day,
  user: row.user,
  user_source: row.userSource,
  wallet: row.walletId && digestOf(row.walletId),
  token: row.tokenId,
  key: row.keyId && keyName,
  model: row.model,
  conversation: row.conversation,
  ...row.tags,
});

/** Returns the sums of a line, with the route's field names. */
export const toBody = (sums: UsageSums): JsonObject => ({
  requests: sums.requests,
  input_tokens: sums.inputTokens,
  cached_input_tokens: sums.cachedInputTokens,
  output_tokens: sums.outputTokens,
  tokens: sums.tokens,
  usd: usdFromNano(sums.costNanoUsd),
  overrun_usd: usdFromNano(sums.overrunNanoUsd),
});

/** The most days of a report. */
const REPORT_DAYS_MAX = 366;

/**
 * Reads the span of a report. A date means its whole day in UTC, for `to` as well; an instant `to` is exclusive.
 * @param from @default the start of the month of `to`
 * @param to @default now
 * @returns a span that ends with today at the latest; empty if it lies in the future
 * @throws invalid_request with the parameter
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
  if (fromMs >= askedToMs) throw invalidField('from', 'must be before "to"');
  if (askedToMs - fromMs > REPORT_DAYS_MAX * DAY_MS) {
    throw invalidField('from', `must be at most ${REPORT_DAYS_MAX} days before "to"`);
  }
  return { fromMs, toMs: Math.max(fromMs, Math.min(askedToMs, endOfTodayMs)) };
}

const startOfMonth = (atMs: number): number =>
  Date.parse(`${windowAt('month', atMs).name}-01T00:00:00Z`);

/** @param dayMs added to a date */
function parseTime(name: 'from' | 'to', text: string, dayMs: number): number {
  const dateMs = parseDate(text);
  const atMs = dateMs === undefined ? parseInstant(text) : dateMs + dayMs;
  if (atMs !== undefined && atMs >= 0) return atMs;
  throw invalidField(
    name,
    'must be a date (2026-11-20) or an instant with its zone (2026-11-20T12:00:00Z)',
  );
}

/**
 * Reads the names to group by: separated by commas, each once.
 * @param text @default `day`
 * @throws invalid_request
 */
export function readGroupBy(text: string | undefined): readonly GroupBy[] {
  if (text === undefined) return ['day'];
  const names = text.split(',');
  const known = names.filter(isGroupBy);
  if (known.length === names.length && new Set(names).size === names.length) return known;
  throw invalidField(
    'group_by',
    `must be one or more of ${GROUP_BYS.join(', ')} and tag:<name>, each once, with commas`,
  );
}

const isGroupBy = (name: string): name is GroupBy =>
  GROUP_BYS.some((each) => each === name) ||
  (name.startsWith('tag:') && isTagName(name.slice('tag:'.length)));
