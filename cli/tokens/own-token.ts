/**
 * A token looked up in its gateway: the key that signed it, and what its wallet says.
 */
import { makeSecrets } from '../../adapters/aws/secrets-manager.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { systemClock as clock } from '../../adapters/system.ts';
import { isRevoked, spentOf } from '../../core/account/key-info.ts';
import { parseOwnToken } from '../../core/account/scoped-jwt.ts';
import { asNanoUsd, usdFromNano } from '../../core/base/money.ts';
import { requireKey } from '../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import type { ScopedClaims, tokenIdOf } from '../../core/tokens/scoped-claims.ts';
import { walletIdOfToken } from '../../core/wallet/payer.ts';
import { CommandError } from '../failure.ts';
import type { Gateway } from '../gateway/connect.ts';

/** A token that a key of the gateway signed, in force or not. */
export interface OwnToken {
  readonly record: KeyRecord;
  readonly id: ReturnType<typeof tokenIdOf>;
  readonly claims: ScopedClaims;
}

/**
 * Finds the key whose name a token bears, and holds its signature against the key's strings, one that has ended too.
 * @throws CommandError when the token is of another gateway, or none of them signed it
 */
export async function findOwnToken(
  text: string,
  { account, keyName }: { account: string; keyName: string },
  gateway: Gateway,
): Promise<OwnToken> {
  if (account !== gateway.account) {
    throw new CommandError(`the token is of the account "${account}", not of this gateway`);
  }
  const record = await requireKey(keyName, { account, store: gateway.keys });
  const { secretsManager, environment } = gateway;
  const secrets = makeSecrets(secretsManager, environment.secretPrefix, clock);
  const key = { account, keyName, maxTokenLifetimeSeconds: record.maxTokenLifetimeSeconds };
  for (const version of [record.version, record.former?.version]) {
    if (version === undefined) continue;
    try {
      return { record, ...parseOwnToken(text, await secrets.readKey(record.id, version), key) };
    } catch (error) {
      if (!isNotSigned(error)) throw error;
    }
  }
  throw new CommandError(`the token was not signed with the key "${keyName}"`);
}

const isNotSigned = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'invalid_request';

/** What a token has spent, in dollars. */
export interface TokenSpend {
  readonly spent: number;
  readonly reserved: number;
  /** Null: it has no limit of its own. */
  readonly remaining: number | null;
  readonly revoked: boolean;
}

export async function readSpend(
  { record, id, claims: { token, user } }: OwnToken,
  { dynamodb, environment }: Gateway,
): Promise<TokenSpend> {
  const wallets = makeWallets(dynamodb, environment.walletsTable);
  const wallet = await wallets.find(walletIdOfToken(record.id, { id, user }));
  const { settled, reserved } = spentOf(wallet, { id }, clock.nowMs());
  const limit = token.spendingLimitNanoUsd;
  const left = limit === undefined ? undefined : limit - settled - reserved;
  return {
    spent: usdFromNano(settled),
    reserved: usdFromNano(reserved),
    remaining: left === undefined ? null : usdFromNano(asNanoUsd(left > 0n ? left : 0n)),
    revoked: record.revoked.includes(id) || isRevoked({ id, ...token }, wallet),
  };
}
