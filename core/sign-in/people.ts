/**
 * People by their wallets: who is blocked, and which token is revoked. Flow: grant > **wallet** > next request.
 * Invariant: a token of sign-in is paid for by its user's wallet, so what is written there holds from the next request on.
 */
import { asTokenId, shortDigest } from '../base/ids.ts';
import type { Clock, Random } from '../base/ports.ts';
import type { KeyRecords } from '../keys/ports.ts';
import { tokenIdOf } from '../tokens/scoped-claims.ts';
import { changePerson } from '../wallet/change-person.ts';
import { keepTokenUntilMs, walletIdOfToken } from '../wallet/payer.ts';
import type { People } from '../wallet/people.ts';
import type { WalletMarks, Wallets } from '../wallet/ports.ts';
import type { PeopleOfKeys } from './ports.ts';

export interface PeopleOfKeysPorts {
  readonly account: string;
  readonly keys: Pick<KeyRecords, 'findByName'>;
  readonly wallets: Pick<Wallets, 'find'>;
  readonly marks: Pick<WalletMarks, 'revokeToken'>;
  readonly people: Pick<People, 'findNote' | 'change'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes the port from the wallets. Fails closed. */
export const makePeopleOfKeys = (ports: PeopleOfKeysPorts): PeopleOfKeys => ({
  async isBlocked(keyId, user) {
    const wallet = await ports.wallets.find(walletIdOfToken(keyId, { id: asTokenId(''), user }));
    return wallet?.person?.isBlocked ?? false;
  },
  async giveLimit(keyId, user, amount, idempotencyKey) {
    const limit = { per: 'user', unit: 'usd', window: 'total', amount } as const;
    await changePerson(
      {
        walletId: walletIdOfToken(keyId, { id: asTokenId(''), user }),
        idempotencyKey,
        digest: shortDigest('limit', String(amount)),
        edit: (current) => {
          const nowMs = ports.clock.nowMs();
          // A limit that has ended bounds nobody, so it does not keep this one away.
          const inForce = current.limits.filter(({ untilMs = Infinity }) => untilMs > nowMs);
          const hasOne = inForce.some(({ unit, window }) => unit === 'usd' && window === 'total');
          return hasOne ? current : { ...current, limits: [...inForce, limit] };
        },
        texts: { name: user, source: 'token' },
      },
      ports,
    );
  },
  async revokeToken(keyName, user, jti) {
    const { account, keys, marks, clock } = ports;
    const record = await keys.findByName(account, keyName);
    if (record === undefined) return; // Without a key there is no token.
    const id = tokenIdOf(jti, '');
    const keepUntilMs = keepTokenUntilMs(clock.nowMs(), record.maxTokenLifetimeSeconds);
    await marks.revokeToken(walletIdOfToken(record.id, { id, user }), id, keepUntilMs);
  },
});
