/**
 * The facts of a person that are kept beside their wallet while they use a key: their names and their refusals.
 * Invariant: nothing here is on a request's path. A failure is left to the next request.
 */
import type { Grant } from '../access/grant.ts';
import { makeBoundedMap } from '../base/bounded-map.ts';
import type { GatewayError } from '../base/errors.ts';
import type { WalletId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { walletIdOf } from './payer.ts';
import { blockError, type People } from './people.ts';
import type { PersonNames } from './person.ts';

export interface Introductions {
  /** Writes who a grant's user is, once in the life of a process. Does not wait for the write. */
  introduce(grant: Grant): void;
  /**
   * Counts a refusal for a limit, without waiting for it, and puts the owner's reason into the words of a block.
   * @returns the error to answer with
   */
  refused(grant: Grant, error: GatewayError): Promise<GatewayError>;
}

const INTRODUCED_MAX = 20_000;

const COUNTED: readonly GatewayError['code'][] = [
  'insufficient_quota',
  'request_too_expensive',
  'rate_limit_exceeded',
];

export function makeIntroductions(
  people: Pick<People, 'introduce' | 'countRefusal' | 'findNote'>,
  clock: Pick<Clock, 'nowMs'>,
): Introductions {
  const introduced = makeBoundedMap<WalletId, true>(INTRODUCED_MAX);
  return {
    introduce(grant) {
      const { identity, email } = grant;
      if (identity === undefined) return;
      const walletId = walletIdOf(grant);
      if (introduced.get(walletId)) return;
      introduced.set(walletId, true);
      // A lost write is made up for by the next process. No request waits for it or fails by it.
      people.introduce(walletId, namesOf(identity, email)).catch(() => {});
    },

    async refused(grant, error) {
      if (grant.identity === undefined) return error;
      const walletId = walletIdOf(grant);
      if (COUNTED.includes(error.code)) {
        people.countRefusal(walletId, clock.nowMs()).catch(() => {});
      }
      if (error.code !== 'user_blocked') return error;
      const reason = (await people.findNote(walletId).catch(() => undefined))?.reason;
      return blockError(reason);
    },
  };
}

/** Returns what a person's note keeps of an identity. The source names the issuer of a JWT. */
export const namesOf = (
  { source, issuer, id }: NonNullable<Grant['identity']>,
  email?: string,
): PersonNames => ({
  name: id,
  source: source === 'jwt' ? `jwt:${issuer}` : source,
  ...(email !== undefined && { email }),
});
