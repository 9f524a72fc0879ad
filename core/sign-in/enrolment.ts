/**
 * Enrolments: a link by which people get a pass of one key, each once, up to a number of places.
 *
 * Steps of each person, in order:
 * 1. a record of their own is written, which is new once;
 * 2. the place is counted, under a condition;
 * 3. their own limit is written, unless they have one;
 * 4. the token is signed, with the same `jti` each time.
 *
 * Guarantees: no more people than places, whatever comes at once; a crash between two steps costs a place at most, and never
 * gives one more; of a link and its codes the table holds hashes.
 */
import { sha256, shortDigest } from '../base/ids.ts';
import { asNanoUsd } from '../base/money.ts';
import { type AccessToken, signAccess } from './access-token.ts';
import { denied, OAuthError } from './oauth-error.ts';
import type { SignInPorts, StoredGrant } from './ports.ts';
import { requireSigningKey } from './signing-key.ts';

/** The decision of the owner of a key. */
export interface Enrolment {
  readonly keyName: string;
  /** The proof that people bring: a login, or a code of a list. */
  readonly by: 'login' | 'code';
  /** Domains of the e-mail addresses that may enrol. Empty: any that may sign in. */
  readonly domains: readonly string[];
  readonly models?: readonly string[] | undefined;
  /** Nano-dollars in decimal: each person's own limit for good. Absent: the key's limits alone. */
  readonly limitNanoUsd?: string;
  readonly placesMax: number;
  /** The end of the link and of its tokens. */
  readonly endsAtMs: number;
  readonly createdAtMs: number;
  readonly ended?: true;
}

/** One enrolled person's record: how far it went. */
interface Place {
  readonly step: 'begun' | 'counted' | 'done';
  /** Another request is counting until then. */
  readonly busyUntilMs: number;
}

export const ENROLMENT = 'enrol#';
export const PLACES_MAX = 10_000;
/** 80 bits in base32. */
export const CODE_CHARS = 16;
const BUSY_MS = 15_000;

/** The id under which a link's enrolment is kept. */
export const enrolmentIdOf = (link: string): string => `${ENROLMENT}${sha256(`enrol ${link}`)}`;
/** The id under which a code of a list is kept. */
export const codeIdOf = (enrolmentId: string, code: string): string =>
  `enrol-code#${sha256(`${enrolmentId} ${code}`)}`;
export const ENROLMENT_COUNT = 'enrol-count#';
export const countIdOf = (enrolmentId: string): string => `${ENROLMENT_COUNT}${enrolmentId}`;

export const parseEnrolment = ({ data }: StoredGrant): Enrolment => JSON.parse(data) as Enrolment;

const gone = (): OAuthError => denied('this link is not in force: ask the person who sent it');

/** Finds an enrolment that is open. @throws access_denied */
export async function requireEnrolment(
  enrolmentId: string,
  { store, clock }: Pick<SignInPorts, 'store' | 'clock'>,
): Promise<Enrolment> {
  const nowMs = clock.nowMs();
  const seen = await store.find(enrolmentId, nowMs);
  const enrolment = seen && parseEnrolment(seen);
  if (enrolment === undefined || enrolment.ended || enrolment.endsAtMs <= nowMs) throw gone();
  return enrolment;
}

/** Uses up a code of a list. @throws access_denied for one that is unknown or was used */
export async function spendCode(
  enrolmentId: string,
  code: string,
  { store, clock }: Pick<SignInPorts, 'store' | 'clock'>,
): Promise<void> {
  const seen = await store.find(codeIdOf(enrolmentId, code), clock.nowMs());
  const isUsed = seen === undefined || seen.data !== UNUSED;
  if (!isUsed && (await store.replace(seen, { expiresAtMs: seen.expiresAtMs, data: USED }))) return;
  throw denied('this code is not in force, or was used');
}

export const UNUSED = '{}';
const USED = '{"used":true}';

/**
 * Gives a person their token, and a place if they have none.
 * @throws access_denied when all places are taken, or the person is blocked; slow_down
 */
export async function enrol(
  enrolmentId: string,
  enrolment: Enrolment,
  user: string,
  ports: SignInPorts,
): Promise<AccessToken> {
  const signing = await requireSigningKey(enrolment.keyName, ports);
  const { record } = signing;
  if (await ports.people.isBlocked(record.id, user)) {
    throw denied('access has been blocked');
  }
  const id = `enrolled#${sha256(`${enrolmentId} ${user}`)}`;
  const digest = shortDigest('enrol', id);
  const { models, limitNanoUsd, endsAtMs } = enrolment;
  const { seen, step } = await takePlace(id, enrolmentId, enrolment, ports);
  if (step !== 'done') {
    if (limitNanoUsd !== undefined) {
      await ports.people.giveLimit(record.id, user, asNanoUsd(BigInt(limitNanoUsd)), digest);
    }
    // Another request of this person may have written it meanwhile.
    await ports.store.replace(seen, toItem({ step: 'done', busyUntilMs: 0 }, enrolment));
  }
  const lifetimeSeconds = record.maxTokenLifetimeSeconds;
  const access = { user, models, lifetimeSeconds, endsAtMs, jti: `enrol-${digest}` };
  return signAccess(signing, access, ports);
}

const toItem = (place: Place, { endsAtMs }: Enrolment) => ({
  expiresAtMs: endsAtMs,
  data: JSON.stringify(place),
});

/** Counts a person once. Of two requests at once, one counts. @throws access_denied, slow_down */
async function takePlace(
  id: string,
  enrolmentId: string,
  enrolment: Enrolment,
  ports: SignInPorts,
): Promise<{ readonly seen: StoredGrant; readonly step: Place['step'] }> {
  const { store, clock } = ports;
  const nowMs = clock.nowMs();
  const begun: Place = { step: 'begun', busyUntilMs: nowMs + BUSY_MS };
  const isNew = await store.create({ id, ...toItem(begun, enrolment) });
  const seen = await store.find(id, nowMs);
  if (seen === undefined) throw gone();
  const { step, busyUntilMs } = JSON.parse(seen.data) as Place;
  if (step !== 'begun') return { seen, step };
  const isMine =
    isNew || (busyUntilMs <= nowMs && (await store.replace(seen, toItem(begun, enrolment))));
  if (!isMine) throw new OAuthError('slow_down', 'this is under way: try again in a moment');
  const rev = isNew ? seen.rev : seen.rev + 1;
  const isCounted = await store.count(countIdOf(enrolmentId), {
    max: enrolment.placesMax,
    expiresAtMs: enrolment.endsAtMs,
  });
  const next: Place = { step: isCounted ? 'counted' : 'begun', busyUntilMs: 0 };
  await store.replace({ ...seen, rev }, toItem(next, enrolment));
  if (!isCounted) throw denied('all places are taken');
  return { seen: { ...seen, rev: rev + 1 }, step: 'counted' };
}
