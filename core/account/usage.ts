/**
 * `GET /v1/usage`: what was used, by whom, when and of which model. Flow: Grant > **answer**.
 * Invariant: a server key sees all that its key and tokens used; every other credential its own and nothing else.
 */

import type { Grant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import { usdFromNano } from '../base/money.ts';
import type { Clock, Wallets } from '../base/ports.ts';
import type { UsageSums } from '../usage/cells.ts';
import type { UsageReader } from '../usage/ports.ts';
import { reportUsage, type UsageAsk, type UsageGroup } from '../usage/report.ts';
import { readGroupBy, readSpan } from '../usage-query.ts';
import { walletIdOf } from '../wallet/payer.ts';
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
  if (grant.keyKind === 'server' && grant.credential === 'key') return {};
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
