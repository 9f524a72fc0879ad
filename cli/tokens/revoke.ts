/**
 * `hallpass tokens revoke`: revokes one token, a `jti`, or all tokens of a user.
 */
import { makeWalletMarks } from '../../adapters/dynamodb/marks.ts';
import { makeRevokedList } from '../../adapters/dynamodb/revoked-list.ts';
import { systemClock as clock } from '../../adapters/system.ts';
import {
  EFFECTIVE_WITHIN_SECONDS,
  type RevokingKey,
  revokeJti,
  revokeToken,
  revokeUser,
} from '../../core/account/revoke.ts';
import { noteRevocation } from '../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { parseScopedToken } from '../../core/tokens/scoped-token.ts';
import { wrongUse } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { callByKey, type UrlFlag } from '../gateway/by-key.ts';
import { type Gateway, withAdmin } from '../gateway/connect.ts';
import { readSecret, type Terminal, toJson } from '../output.ts';
import { findOwnToken } from './own-token.ts';

export interface RevokeFlags extends PlaceFlags, UrlFlag {
  readonly jti?: string;
  readonly user?: string;
  readonly key?: string;
}

/** A revocation, and when it takes effect. */
interface Revocation {
  readonly keyName: string;
  /** The revoked names, as in the key's list of changes. */
  readonly what: Readonly<Record<string, string>>;
  readonly effectiveWithinSeconds: number;
}

export async function revoke(
  argument: string | undefined,
  flags: RevokeFlags,
  terminal: Terminal,
): Promise<void> {
  const { jti, user, key } = flags;
  if ([argument, jti, user].filter((each) => each !== undefined).length !== 1) {
    throw wrongUse('there must be exactly one of a token, --jti and --user');
  }
  if (flags.url !== undefined) return revokeByKey(flags.url, argument, flags, terminal);
  if (argument === undefined && key === undefined) {
    throw wrongUse('--jti and --user need --key, the name of the key that signed the tokens');
  }
  const text = argument === undefined ? undefined : await readSecret(argument, terminal);
  const revocation = await withAdmin(flags, terminal, async (ports, gateway) => {
    const done =
      text === undefined ? await revokeNamed(flags, gateway) : await revokeOne(text, key, gateway);
    await noteRevocation(done.keyName, done.what, ports);
    return done;
  });
  const { keyName, what, effectiveWithinSeconds } = revocation;
  const when = effectiveWithinSeconds === 0 ? 'from its next request' : 'within 10 seconds';
  const named = Object.entries(what).map(([name, value]) => `${name} "${value}"`);
  terminal.note(`revoked ${named.join(', ')} of the key "${keyName}": refused ${when}`);
  if (!flags.json) return;
  terminal.print(
    toJson({
      revoked: true,
      key_name: keyName,
      ...what,
      effective_within_seconds: effectiveWithinSeconds,
    }),
  );
}

/** Revokes tokens of the key in HALLPASS_KEY. */
async function revokeByKey(
  url: string,
  argument: string | undefined,
  flags: RevokeFlags,
  terminal: Terminal,
): Promise<void> {
  const { jti, user, key } = flags;
  if (key !== undefined) throw wrongUse('--key goes with --data or --stack, not with --url');
  const named = argument === undefined ? undefined : await readSecret(argument, terminal);
  const query = new URLSearchParams({
    ...(named !== undefined && { jwtoken: named }),
    ...(jti !== undefined && { jti }),
    ...(user !== undefined && { user }),
  });
  const answer = await callByKey(url, `/scoped-jwt?${query}`, terminal, { method: 'DELETE' });
  const isNow = answer.effective_within_seconds === 0;
  terminal.note(`revoked: refused ${isNow ? 'from the next request' : 'within 10 seconds'}`);
  if (flags.json) terminal.print(toJson(answer));
}

async function revokeOne(
  text: string,
  key: string | undefined,
  gateway: Gateway,
): Promise<Revocation> {
  const { account, keyName } = parseScopedToken(text.replace(/^jwt:/, ''));
  if (key !== undefined && key !== keyName) {
    throw wrongUse(`the key "${keyName}" signed the token, not "${key}"`);
  }
  const { record, id, claims } = await findOwnToken(text, { account, keyName }, gateway);
  const { token, user } = claims;
  await revokeToken(keyOf(record), { id, expiresAtMs: token.expiresAtMs, user }, portsOf(gateway));
  const what = { ...(token.jti === undefined ? { token: id } : { jti: token.jti }) };
  return {
    keyName,
    what: { ...what, ...(user !== undefined && { user }) },
    effectiveWithinSeconds: 0,
  };
}

async function revokeNamed(
  { jti, user, key = '' }: RevokeFlags,
  gateway: Gateway,
): Promise<Revocation> {
  const record = await gateway.requireKey(key);
  if (jti !== undefined) {
    await revokeJti(keyOf(record), jti, portsOf(gateway));
    return { keyName: key, what: { jti }, effectiveWithinSeconds: EFFECTIVE_WITHIN_SECONDS };
  }
  const { notBeforeMs } = await revokeUser(keyOf(record), user ?? '', portsOf(gateway));
  const what = { user: user ?? '', issued_until: new Date(notBeforeMs).toISOString() };
  return { keyName: key, what, effectiveWithinSeconds: 0 };
}

/** Returns the key of a record, as revocations need it. */
export const keyOf = ({ id, account, name, maxTokenLifetimeSeconds }: KeyRecord): RevokingKey => ({
  account,
  keyId: id,
  keyName: name,
  maxTokenLifetimeSeconds,
});

export const portsOf = ({ dynamodb, environment }: Gateway) => ({
  marks: makeWalletMarks(dynamodb, environment.walletsTable),
  revokedList: makeRevokedList(dynamodb, environment.keysTable),
  clock,
});
