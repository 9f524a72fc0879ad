/**
 * `hallpass tokens inspect`: what a token says, and with a gateway what became of it.
 */
import { isExpired } from '../../core/access/grant.ts';
import type { TokenSpend } from '../../core/account/key-info.ts';
import { toWords } from '../../core/base/duration.ts';
import { usdFromNano } from '../../core/base/money.ts';
import { parseScopedClaims, type ScopedClaims } from '../../core/tokens/scoped-claims.ts';
import { isSignedWith, parsePayload, parseScopedToken } from '../../core/tokens/scoped-token.ts';
import { config } from '../../hallpass.config.ts';
import type { PlaceFlags } from '../flags.ts';
import { withGateway } from '../gateway/connect.ts';
import { readSecret, type Terminal, toInstant, toJson, toLines } from '../output.ts';
import { findOwnToken, readSpend } from './own-token.ts';

export type InspectFlags = PlaceFlags;

/** What is told of a token, in the words of `GET /v1/scoped-jwt`. */
interface Told extends Partial<TokenSpend> {
  readonly account: string;
  readonly key_name: string;
  readonly jti: string | null;
  readonly user: string | null;
  readonly models: readonly string[] | null;
  readonly spending_limit: number | null;
  readonly starts_at: string | null;
  readonly expires_at: string;
  readonly expired: boolean;
  /** Whether a key that is at hand signed it; null: there was none. */
  readonly signature_holds: boolean | null;
}

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
  const offline = toTold({ account, keyName, claims }, nowMs);
  const holds = key ? isSignedWith(token, key) : null;
  const isOnline = flags.data !== undefined || flags.stack !== undefined;
  const told: Told = isOnline
    ? await withGateway(flags, terminal.variables, async (gateway) => {
        const own = await findOwnToken(text, { account, keyName }, gateway);
        return { ...offline, signature_holds: true, ...(await readSpend(own, gateway)) };
      })
    : { ...offline, signature_holds: holds };
  terminal.print(flags.json ? toJson(told) : toLines(linesOf(told, nowMs)));
}

function toTold(
  { account, keyName, claims }: { account: string; keyName: string; claims: ScopedClaims },
  nowMs: number,
): Told {
  const { token, user, startsAtMs } = claims;
  const limit = token.spendingLimitNanoUsd;
  return {
    account,
    key_name: keyName,
    jti: token.jti ?? null,
    user: user ?? null,
    models: token.models ?? null,
    spending_limit: limit === undefined ? null : usdFromNano(limit),
    starts_at: startsAtMs === 0 ? null : toInstant(startsAtMs),
    expires_at: toInstant(token.expiresAtMs),
    expired: isExpired(token, nowMs),
    signature_holds: null,
  };
}

function linesOf(told: Told, nowMs: number): readonly (readonly [string, string])[] {
  const { spent, reserved, remaining, revoked } = told;
  const seconds = (Date.parse(told.expires_at) - nowMs) / 1000;
  const when = told.expired ? `${toWords(-seconds)} ago` : `in ${toWords(seconds)}`;
  const limit = told.spending_limit === null ? 'none of its own' : `${told.spending_limit} USD`;
  return [
    ['key', `${told.key_name} of ${told.account}`],
    ['jti', told.jti ?? 'none'],
    ['user', told.user ?? 'none'],
    ['models', told.models?.join(', ') ?? 'any of the key'],
    ['limit', limit],
    ['from', told.starts_at ?? 'always'],
    [told.expired ? 'expired' : 'expires', `${told.expires_at}, ${when}`],
    ['signature', SIGNATURE_WORDS[`${told.signature_holds}`]],
    ...(spent === undefined ? [] : [['spent', `${spent} USD`] as const]),
    ...(reserved === undefined ? [] : [['held', `${reserved} USD by requests in flight`] as const]),
    ...(remaining == null ? [] : [['left', `${remaining} USD`] as const]),
    ...(revoked === undefined ? [] : [['revoked', revoked ? 'yes' : 'no'] as const]),
  ];
}

const SIGNATURE_WORDS = {
  true: 'holds',
  false: 'does not fit HALLPASS_KEY',
  null: 'not looked at: HALLPASS_KEY is not set',
};
