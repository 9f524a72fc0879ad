/**
 * The port to records of people. Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: a change that failed has changed nothing.
 */
import { GatewayError } from '../base/errors.ts';
import { asWalletId, type WalletId } from '../base/ids.ts';
import type { PersonChange, PersonNames, PersonNote } from './person.ts';

/** The id of the item beside a wallet. No wallet's id ends like it. */
export const noteIdOf = (walletId: WalletId): WalletId => asWalletId(`${walletId}!`);

/** The reason of a block of a person who was forgotten. */
export const FORGOTTEN_REASON = 'removed';

/** Returns the refusal of a person who is blocked, with the owner's reason if there is one. */
export function blockError(reason: string | undefined): GatewayError {
  const { message } = new GatewayError('user_blocked');
  return new GatewayError(
    'user_blocked',
    reason ? { message: `${message} Reason: ${reason}` } : {},
  );
}

/** Records of people. Fails closed. A change alters the wallet and the note beside it together or neither. */
export interface People {
  /** The facts of a person that reports and refusals need; undefined if nothing is known. */
  findNote(walletId: WalletId): Promise<PersonNote | undefined>;
  /** The notes of these wallets (100 at most). One that could not be read now is missing. */
  findNotes(walletIds: readonly WalletId[]): Promise<ReadonlyMap<WalletId, PersonNote>>;
  /** Writes who a person is, unless their note says so already. */
  introduce(walletId: WalletId, texts: PersonNames): Promise<void>;
  /** Removes the names, the note and the words of a block from the note as it was seen. */
  forget(walletId: WalletId, seen: PersonNote): Promise<void>;
  /** Counts a minute in which a request of this person was refused; once for several refusals within a minute. */
  countRefusal(walletId: WalletId, nowMs: number): Promise<void>;
  /** `record-changed`: it is not as it was seen. `repeated`: a change with this idempotency key was made before. */
  change(change: PersonChange): Promise<'changed' | 'record-changed' | 'repeated'>;
  /** Ids of wallets listed in a book: one page, in order, after an id. One made a moment ago may be missing. */
  findListed(book: string, after: string, pageSize: number): Promise<readonly WalletId[]>;
}
