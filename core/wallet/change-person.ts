/**
 * Changes the record of a person: own limits, credit, a block, and the texts beside them.
 * Invariant: a change is made once under its idempotency key, whatever is lost or sent at once, and it starts from the
 * record that stands.
 */
import { GatewayError, invalidRequest } from '../base/errors.ts';
import type { WalletId } from '../base/ids.ts';
import { DAY_MS } from '../base/limits.ts';
import type { Clock, Random } from '../base/ports.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { bookOf } from './payer.ts';
import type { People } from './people.ts';
import {
  encodeOwnLimits,
  makeRev,
  OWN_LIMITS_BYTES_MAX,
  type Person,
  type PersonChange,
} from './person.ts';
import type { Wallets } from './ports.ts';

export interface ChangePersonPorts {
  readonly people: Pick<People, 'findNote' | 'change'>;
  readonly wallets: Pick<Wallets, 'find'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** The parts of a record that its owner sets. */
export type PersonState = Omit<Person, 'rev'>;

/** A change that an owner asks for. */
export interface PersonRequest {
  readonly walletId: WalletId;
  /** 1 to 64 characters. The same change under the same key is made once in 24 hours. @default a new one */
  readonly idempotencyKey?: string;
  /** A digest of the request, by which another change under the same key is refused. */
  readonly digest: string;
  /** Returns the record after the change. Throws to refuse it. Called again when the record has changed meanwhile. */
  readonly edit: (current: PersonState) => PersonState;
  readonly texts: PersonChange['texts'];
}

const NOBODY: PersonState = { limits: [], creditNanoUsd: 0n, isBlocked: false };

/** Owners change a record seldom, so a record that keeps changing is a mistake of somebody's script. */
const CHANGE_RETRY: RetryPolicy = { triesMax: 8, firstWaitMs: 25, waitMaxMs: 400 };

/**
 * Makes a change, or finds out that it was made. Safe to call again after any error.
 * @throws invalid_request when the key was used for another change, or the limits are too many; service_unavailable
 */
export async function changePerson(
  request: PersonRequest,
  ports: ChangePersonPorts,
): Promise<void> {
  const idempotencyKey = request.idempotencyKey ?? ports.random.uuid();
  await retry(() => changeOnce({ ...request, idempotencyKey }, ports), CHANGE_RETRY, ports);
}

async function changeOnce(
  { walletId, idempotencyKey, digest, edit, texts }: PersonRequest & { idempotencyKey: string },
  { people, wallets, clock, random }: ChangePersonPorts,
): Promise<void> {
  const nowMs = clock.nowMs();
  const note = await people.findNote(walletId);
  const forget: string[] = [];
  for (const [key, made] of note?.changes ?? []) {
    if (made.madeAtMs + DAY_MS <= nowMs) forget.push(key);
    else if (key === idempotencyKey) return requireSame(made.digest, digest);
  }
  const seen = (await wallets.find(walletId))?.person;
  const { rev: _rev, ...current } = seen ?? { rev: '', ...NOBODY };
  const state = edit(current);
  requireShort(state);
  const outcome = await people.change({
    walletId,
    listedUnder: bookOf(walletId),
    seenRev: seen?.rev,
    person: { ...state, rev: makeRev(random) },
    texts,
    idempotencyKey,
    digest,
    nowMs,
    forget: forget.slice(0, FORGOTTEN_MAX),
  });
  // Also when it was made before: the next try reads under which digest.
  if (outcome !== 'changed') throw new GatewayError('service_unavailable', CHANGED_MEANWHILE);
}

const CHANGED_MEANWHILE = { detail: 'the record of a person changed meanwhile', transient: true };

/** Idempotency keys that one change removes. The next one goes on. */
const FORGOTTEN_MAX = 25;

function requireSame(made: string, asked: string): void {
  if (made === asked) return;
  throw invalidRequest('the idempotency key was used for another change in the last 24 hours');
}

function requireShort({ limits }: PersonState): void {
  if (encodeOwnLimits(limits).length <= OWN_LIMITS_BYTES_MAX) return;
  throw invalidRequest(
    `"limits" has ${limits.length} limits, which are too long together; five always fit`,
    'limits',
  );
}
