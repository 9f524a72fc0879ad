/**
 * The authorizer's decisions on a request's headers, for one key in memory.
 */
import type { Authorization } from '../../core/access/authorization.ts';
import type { Grant } from '../../core/access/grant.ts';
import { authorize } from '../../core/authorize.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makeAuthorizePorts } from './authorize-ports.ts';
import { makeMemoryKeys, SERVER_RECORD } from './memory-keys.ts';
import { NOW_MS } from './tokens.ts';

/** Headers of a request; a list of two is a header that was sent twice. */
export type SentHeaders = Readonly<Record<string, readonly string[]>>;

export const bearer = (credential: string): SentHeaders => ({
  authorization: [`Bearer ${credential}`],
});

export const decide = (
  sent: SentHeaders,
  record: KeyRecord = SERVER_RECORD,
): Promise<Authorization> =>
  authorize({ headers: new Map(Object.entries(sent)) }, makeAuthorizePorts(makeMemoryKeys(record)));

/** The grant; throws what refused the request otherwise. */
export async function grantOf(sent: SentHeaders, record?: KeyRecord): Promise<Grant> {
  const decision = await decide(sent, record);
  if (decision.kind !== 'grant') throw decision.error;
  return decision.grant;
}

/** `grant`, or the kind of the decision with its code: `denied invalid_api_key`. */
export async function decisionOf(sent: SentHeaders, record?: KeyRecord): Promise<string> {
  const decision = await decide(sent, record);
  return decision.kind === 'grant' ? 'grant' : `${decision.kind} ${decision.error.code}`;
}

/** A key that was rotated and whose former string is valid for another hour. */
export const ROTATED: KeyRecord = {
  ...SERVER_RECORD,
  former: { version: '1', untilMs: NOW_MS + 3_600_000 },
};

export const PERSONAL: KeyRecord = { ...SERVER_RECORD, kind: 'personal', user: 'ada' };
