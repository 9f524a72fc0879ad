/**
 * Alerts: messages that settled spend has reached a level of a USD limit, such as 80 %.
 * Flow: reserve > forward > meter > **settle**, which marks; the sweep sends what is marked.
 * Invariant: a mark's name has limit, window, amount and level, so there is one alert of each, with one id.
 */
import * as v from 'valibot';
import type { PoolId, TokenId, WalletId } from '../../base/ids.ts';
import { shortDigest } from '../../base/ids.ts';
import type { JsonObject } from '../../base/json.ts';
import {
  counterName,
  isShortWindow,
  LIMIT_PERS,
  LIMIT_WINDOWS,
  type LimitPer,
  type LimitWindow,
} from '../../base/limits.ts';
import { asNanoUsd, usdFromNano } from '../../base/money.ts';
import { type LimitState, percentOf } from '../hold.ts';

/** The item with the marks of a limit: beside the wallet of a user or token, or the pool of a key's budget. */
export type AlertItemId = WalletId | PoolId;

/** True for an item that the index of the sweep has because of its alerts. */
export const isAlertItem = (itemId: WalletId): boolean =>
  itemId.endsWith('!') || itemId.startsWith('pool#');

/** Names of those whom an alert is about. It holds no secret. */
export interface AlertSubject {
  /** The name of the key. */
  readonly key: string;
  readonly user?: string;
  /** The `jti` of the token, or its id. */
  readonly token?: string;
}

/** An alert as its mark keeps it until it is sent. */
export interface Alert extends AlertSubject {
  /** Percent of the limit. */
  readonly level: number;
  readonly per: LimitPer;
  readonly window: LimitWindow;
  /** Nano-dollars, as decimal digits. */
  readonly limit: string;
  readonly used: string;
  readonly resetsAtMs: number | null;
  readonly reachedAtMs: number;
}

/** An alert on its way, with the channels that took it already. */
export interface PendingAlert extends Alert {
  readonly tries: number;
  /** It is not tried before this instant. */
  readonly nextAtMs: number;
  readonly sentTo: readonly string[];
}

const pendingSchema = v.strictObject({
  key: v.string(),
  user: v.exactOptional(v.string()),
  token: v.exactOptional(v.string()),
  level: v.number(),
  per: v.picklist(LIMIT_PERS),
  window: v.picklist(LIMIT_WINDOWS),
  limit: v.pipe(v.string(), v.regex(/^\d{1,38}$/)),
  used: v.pipe(v.string(), v.regex(/^-?\d{1,38}$/)),
  resetsAtMs: v.nullable(v.number()),
  reachedAtMs: v.number(),
  tries: v.number(),
  nextAtMs: v.number(),
  sentTo: v.array(v.string()),
});

export const encodePending = (pending: PendingAlert): string => JSON.stringify(pending);

/** Reads a mark; undefined for a text that `encodePending` does not make. */
export function decodePending(text: string): PendingAlert | undefined {
  try {
    return v.parse(pendingSchema, JSON.parse(text));
  } catch {
    return undefined; // Another version wrote it.
  }
}

/** True for a limit that has alerts: of dollars, in a window of a day or longer. */
export const hasAlerts = ({ limit: { unit, window } }: Pick<LimitState, 'limit'>): boolean =>
  unit === 'usd' && !isShortWindow(window);

/** The name of a limit's marks within their item: its counter and its amount. A new amount begins anew. */
export const alertNameOf = (
  { limit }: Pick<LimitState, 'limit'>,
  tokenId: TokenId | undefined,
  atMs: number,
): string => `${counterName(limit, tokenId, atMs)}:${limit.amount.toString(36)}`;

/** The id of an alert. It is the same on every try. */
export const alertIdOf = (itemId: AlertItemId, markName: string): string =>
  `al_${shortDigest(itemId, markName)}`;

/** The body of an alert, as webhooks and topics get it. */
export function toAlertBody(alert: Alert, id: string): JsonObject {
  const toUsd = (digits: string): number => usdFromNano(asNanoUsd(BigInt(digits)));
  const { resetsAtMs, reachedAtMs } = alert;
  return {
    id,
    type: 'limit.reached',
    level: alert.level,
    percent: percentOf(BigInt(alert.used), BigInt(alert.limit)),
    key: alert.key,
    user: alert.user ?? null,
    token: alert.token ?? null,
    limit: { per: alert.per, unit: 'usd', window: alert.window },
    limit_usd: toUsd(alert.limit),
    used_usd: toUsd(alert.used),
    resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
    reached_at: new Date(reachedAtMs).toISOString(),
  };
}

/** The alert in words, in one line: `alice@example.edu has used 80 % of 10 USD a month (key "course")`. */
export function toAlertText(alert: Alert): string {
  const { level, limit, window, key, user, token } = alert;
  const who =
    alert.per === 'key'
      ? `key "${key}"`
      : alert.per === 'token'
        ? `token ${token}${user === undefined ? '' : ` of ${user}`}`
        : (user ?? `token ${token}`);
  const span = window === 'total' ? 'in total' : `a ${window}`;
  const amount = usdFromNano(asNanoUsd(BigInt(limit)));
  return `${who} has used ${level} % of ${amount} USD ${span}${alert.per === 'key' ? '' : ` (key "${key}")`}`;
}
