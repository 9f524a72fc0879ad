/**
 * `GET /v1/users`, `GET` and `PATCH /v1/users/{user}`: the owner of a server key sees and changes its users.
 * Flow: Grant > **answer**. Invariant: only users of the owner's own and managed keys are found or changed.
 */
import type { Identity } from '../access/grant.ts';
import { GatewayError, invalidField, invalidRequest } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import { sha256 } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { type ChangePersonPorts, changePerson, type PersonState } from '../wallet/change-person.ts';
import { namesOf } from '../wallet/introduce.ts';
import type { PersonChange } from '../wallet/person.ts';
import { type FindUsersPorts, type FoundUser, findUsers, readUser } from './find-users.ts';
import type { OwnedUsers } from './owned-users.ts';
import type { UserChanges } from './ports.ts';
import { parseUserChange, type UserChange } from './user-change.ts';
import { userIdOf } from './user-id.ts';
import { type UserItems, viewUser } from './user-view.ts';

export interface UsersPorts extends FindUsersPorts, Pick<ChangePersonPorts, 'clock' | 'random'> {
  readonly userChanges: UserChanges;
}

/**
 * `GET /v1/users/{user}`.
 * @throws invalid_request for an id that can name nobody, not_found, service_unavailable
 */
export async function describeUser(
  text: string,
  owned: OwnedUsers,
  ports: UsersPorts,
): Promise<JsonObject> {
  const wallets = await findUsers(text, owned, ports);
  const found = wallets.filter(exists);
  const [user] = found;
  if (user === undefined) throw notFound();
  if (found.length > 1) throw ambiguous(found);
  return { data: viewUser(user, owned, ports.clock.nowMs()) };
}

const notFound = (): GatewayError =>
  new GatewayError('not_found', { message: 'the key has no such user' });

const exists = ({ wallet, note }: UserItems): boolean => wallet !== undefined || note !== undefined;

const ambiguous = (users: readonly UserItems[]): GatewayError =>
  invalidRequest(
    `the key has several users of this name, use one of ${users
      .map(({ walletId, note }) => JSON.stringify(userIdOf(walletId, note)))
      .join(', ')}`,
    'user',
  );

/**
 * `PATCH /v1/users/{user}`. The change is listed before it is made. A block by e-mail alone holds for every wallet of that
 * person, and for those that are not made yet; other changes need exactly one.
 * @throws invalid_request with the field, not_found, service_unavailable
 */
export async function changeUser(
  text: string,
  request: Pick<HttpRequest, 'body' | 'headers'>,
  { owned, by }: { readonly owned: OwnedUsers; readonly by: string },
  ports: UsersPorts,
): Promise<JsonObject> {
  const change = parseUserChange(request.body);
  const idempotencyKey = readIdempotencyKey(request) ?? ports.random.uuid();
  const found = await findUsers(text, owned, ports);
  if (found.length === 0) throw notFound();
  const users = chooseUsers(found, change);
  const nowMs = ports.clock.nowMs();
  const id = sha256(`${text}\0${idempotencyKey}`);
  const fields = request.body ?? '';
  for (const { wallet, note } of users) {
    // A change that was made already is repeated as it was.
    if (!note?.changes.has(idempotencyKey)) editOf(change, wallet?.person ?? NOBODY, owned, nowMs);
  }
  await ports.userChanges.put({ keyId: owned.keyId, id, atMs: nowMs, by, user: text, fields });
  for (const { walletId, identity, note } of users) {
    await changePerson(
      {
        walletId,
        idempotencyKey,
        digest: change.digest,
        edit: (current) => editOf(change, current, owned, nowMs),
        texts: textsOf(change, note === undefined ? identity : undefined),
      },
      ports,
    );
  }
  const after = await Promise.all(
    users.map(({ walletId, identity }) => readUser(walletId, identity, ports)),
  );
  const shown = after.find(({ wallet }) => wallet?.seenDay !== undefined) ?? after[0];
  return { data: shown ? viewUser(shown, owned, nowMs) : null };
}

const NOBODY: PersonState = { limits: [], creditNanoUsd: 0n, isBlocked: false };

/** Only a block, and its end, may mean several wallets. */
function chooseUsers(users: readonly FoundUser[], change: UserChange): readonly FoundUser[] {
  const isBlockOnly = change.limits === undefined && change.creditNanoUsd === undefined;
  if (isBlockOnly || users.length === 1) return users;
  const found = users.filter(exists);
  if (found.length === 1) return found;
  throw ambiguous(
    (found.length === 0 ? users : found).map((user) => ({
      ...user,
      note: user.note ?? (user.identity && { ...namesOf(user.identity), changes: new Map() }),
    })),
  );
}

const IDEMPOTENCY_KEY = 'idempotency-key';

function readIdempotencyKey({ headers }: Pick<HttpRequest, 'headers'>): string | undefined {
  const [key, ...more] = headers.get(IDEMPOTENCY_KEY) ?? [];
  if (key === undefined) return undefined;
  if (more.length === 0 && /^[A-Za-z0-9._-]{1,64}$/.test(key)) return key;
  throw invalidRequest(
    `the header "${IDEMPOTENCY_KEY}" must be sent once, as 1 to 64 of A-Za-z0-9._-`,
    IDEMPOTENCY_KEY,
  );
}

/** Returns the record after a change. @throws invalid_request for credit that the record does not allow */
function editOf(
  { limits, creditNanoUsd = 0n, blocked }: UserChange,
  current: PersonState,
  owned: OwnedUsers,
  nowMs: number,
): PersonState {
  const next: PersonState = {
    limits: limits ?? current.limits.filter(({ untilMs = nowMs + 1 }) => nowMs < untilMs),
    creditNanoUsd: current.creditNanoUsd + creditNanoUsd,
    isBlocked: blocked === undefined ? current.isBlocked : blocked !== null,
  };
  if (creditNanoUsd !== 0n) requirePrepaid(next, owned);
  return next;
}

/** Credit adds to a limit, so there must be one, and the sum is never below zero. */
function requirePrepaid({ limits, creditNanoUsd }: PersonState, owned: OwnedUsers): void {
  const isPrepaid = (limit: { per: string; unit: string; window: string }): boolean =>
    limit.per === 'user' && limit.unit === 'usd' && limit.window === 'total';
  const base = limits.find(isPrepaid) ?? owned.limits.find(isPrepaid);
  if (base === undefined) {
    throw invalidField('credit_usd', 'needs a limit user:usd:total, of the user or of the key');
  }
  if (base.amount + creditNanoUsd >= 0n) return;
  throw invalidField('credit_usd', 'would bring the limit below 0');
}

/** The texts of the note: the reason, the note, and who it is if nobody wrote that yet. */
const textsOf = (
  { blocked, note }: UserChange,
  identity: Identity | undefined,
): PersonChange['texts'] => ({
  ...(identity && namesOf(identity)),
  ...(blocked !== undefined && { reason: blocked }),
  ...(note !== undefined && { note }),
});
