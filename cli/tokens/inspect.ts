/**
 * `hallpass tokens inspect`: a token's claims, and with a gateway its spend.
 */

import { config } from '#config';
import { isExpired } from '../../core/access/grant.ts';
import type { TokenSpend } from '../../core/account/key-info.ts';
import { toWords } from '../../core/base/duration.ts';
import type { JsonObject } from '../../core/base/json.ts';
import { usdFromNano } from '../../core/base/money.ts';
import { formatTags } from '../../core/base/tags.ts';
import { parseScopedClaims, type ScopedClaims } from '../../core/tokens/scoped-claims.ts';
import { isSignedWith, parsePayload, parseScopedToken } from '../../core/tokens/scoped-token.ts';
import type { PlaceFlags } from '../flags.ts';
import { callByKey, type UrlFlag } from '../gateway/by-key.ts';
import { withGateway } from '../gateway/connect.ts';
import {
  type Line,
  printResult,
  readSecret,
  type Terminal,
  toInstant,
  toLines,
} from '../output.ts';
import { findOwnToken, readSpend } from './own-token.ts';
import { namesGateway } from './token-book.ts';

export type InspectFlags = PlaceFlags & UrlFlag;

/** The description of a token, with the field names of `GET /v1/scoped-jwt`. */
type TokenDescription = ReturnType<typeof describe> &
  Partial<TokenSpend> & {
    /** True if the known key signed it; null if no key is known. */
    readonly signature_holds: boolean | null;
  };

export async function inspect(
  argument: string,
  flags: InspectFlags,
  terminal: Terminal,
): Promise<void> {
  const text = await readSecret(argument, terminal);
  const token = parseScopedToken(text.replace(/^jwt:/, ''));
  const { account, keyName } = token;
  const { maxTokenLifetimeSeconds } = config.defaults;
  const claims = parseScopedClaims(parsePayload(token), { account, maxTokenLifetimeSeconds });
  const key = terminal.variables.HALLPASS_KEY?.trim();
  const nowMs = Date.now();
  const offline = describe({ account, keyName, claims }, nowMs);
  /** Returns what the gateway that a flag names knows of the token. It knows of none that its key did not sign. */
  const ask = async (): Promise<Partial<TokenSpend> | undefined> => {
    if (flags.url !== undefined) {
      const query = new URLSearchParams({ jwtoken: text });
      return spendIn(await callByKey(flags.url, `/scoped-jwt?${query}`, terminal));
    }
    if (!namesGateway(flags)) return undefined;
    return withGateway(flags, terminal, async (gateway) =>
      readSpend(await findOwnToken(text, { account, keyName }, gateway), gateway),
    );
  };
  const known = await ask();
  const holds = known !== undefined || (key ? isSignedWith(token, key) : null);
  const json = { ...offline, signature_holds: holds, ...known };
  printResult(flags, terminal, { json, text: () => toLines(linesOf(json, nowMs)) });
}

/** Returns the spend in the gateway's answer. */
const spendIn = (answer: JsonObject): Partial<TokenSpend> => {
  const { spent, reserved, remaining, revoked } = answer as unknown as TokenSpend;
  return { spent, reserved, remaining, revoked };
};

function describe(
  { account, keyName, claims }: { account: string; keyName: string; claims: ScopedClaims },
  nowMs: number,
) {
  const { token, user, startsAtMs } = claims;
  const limit = token.spendingLimitNanoUsd;
  return {
    account,
    key_name: keyName,
    jti: token.jti ?? null,
    user: user ?? null,
    models: token.models ?? null,
    ...(claims.tags && { tags: claims.tags }),
    spending_limit: limit === undefined ? null : usdFromNano(limit),
    starts_at: startsAtMs === 0 ? null : toInstant(startsAtMs),
    expires_at: toInstant(token.expiresAtMs),
    expired: isExpired(token, nowMs),
  };
}

function linesOf(token: TokenDescription, nowMs: number): readonly Line[] {
  const { spent, reserved, remaining, revoked } = token;
  const seconds = (Date.parse(token.expires_at) - nowMs) / 1000;
  const when = token.expired ? `${toWords(-seconds)} ago` : `in ${toWords(seconds)}`;
  const limit = token.spending_limit === null ? 'none of its own' : `${token.spending_limit} USD`;
  return [
    ['key', `${token.key_name} of ${token.account}`],
    ['jti', token.jti ?? 'none'],
    ['user', token.user ?? 'none'],
    ['models', token.models?.join(', ') ?? 'any of the key'],
    ['limit', limit],
    ['tags', token.tags && formatTags(token.tags)],
    ['from', token.starts_at ?? 'always'],
    [token.expired ? 'expired' : 'expires', `${token.expires_at}, ${when}`],
    ['signature', SIGNATURE_WORDS[`${token.signature_holds}`]],
    ['spent', spent === undefined ? undefined : `${spent} USD`],
    ['held', reserved === undefined ? undefined : `${reserved} USD by requests in flight`],
    ['left', remaining == null ? undefined : `${remaining} USD`],
    ['revoked', revoked === undefined ? undefined : revoked ? 'yes' : 'no'],
  ];
}

const SIGNATURE_WORDS = {
  true: 'valid',
  false: 'not made with HALLPASS_KEY',
  null: 'not checked: HALLPASS_KEY is not set',
};
