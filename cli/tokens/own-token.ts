/**
 * A token in its gateway: the key that signed it, and its spend.
 */
import { systemClock as clock } from '../../adapters/system.ts';
import { findTokenWallet } from '../../core/account/find-wallet.ts';
import { type TokenSpend, tokenSpendOf } from '../../core/account/key-info.ts';
import { parseOwnToken } from '../../core/account/scoped-jwt.ts';
import { GatewayError } from '../../core/base/errors.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { validVersionsOf } from '../../core/keys/key-use.ts';
import type { ScopedClaims, tokenIdOf } from '../../core/tokens/scoped-claims.ts';
import { CommandError } from '../failure.ts';
import type { Gateway } from '../gateway/connect.ts';

/** A token that a key of the gateway signed, in force or not. */
export interface OwnToken {
  readonly record: KeyRecord;
  readonly id: ReturnType<typeof tokenIdOf>;
  readonly claims: ScopedClaims;
}

/**
 * Finds the key that a token names, and checks the signature with the strings of the key that are in force.
 * @throws CommandError if the token belongs to another gateway, the key did not sign it, or its secret is deleted
 */
export async function findOwnToken(
  text: string,
  { account, keyName }: { account: string; keyName: string },
  gateway: Gateway,
): Promise<OwnToken> {
  if (account !== gateway.account) {
    throw new CommandError(`the token belongs to the account "${account}", not to this gateway`);
  }
  const record = await gateway.requireKey(keyName);
  const key = { account, keyName, maxTokenLifetimeSeconds: record.maxTokenLifetimeSeconds };
  for (const { version } of validVersionsOf(record, clock.nowMs())) {
    try {
      return {
        record,
        ...parseOwnToken(text, await gateway.secrets.readKey(record.id, version), key),
      };
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : undefined;
      // The sweep deletes the secrets of a disabled key.
      if (record.disabled && code === 'service_unavailable') {
        throw new CommandError(
          `the key "${keyName}" is disabled, and its secret is deleted or cannot be read`,
        );
      }
      if (code !== 'invalid_request') throw error;
    }
  }
  throw new CommandError(
    `the key "${keyName}" did not sign the token, or signed it with a string that is no longer in force`,
  );
}

/** Reads what a token has spent. */
export async function readSpend(
  { record, id, claims: { token, user } }: OwnToken,
  { wallets }: Gateway,
): Promise<TokenSpend> {
  const wallet = await findTokenWallet(record.id, { id, user }, wallets);
  const isListed = record.revoked.includes(id);
  return tokenSpendOf({ ...token, id }, wallet, { isListed, atMs: clock.nowMs() });
}
