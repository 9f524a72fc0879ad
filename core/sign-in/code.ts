/**
 * Authorization codes (RFC 6749, 4.1; RFC 7636): one use, within 60 s, for the client and redirect they were made for.
 * Flow: confirmation > **code** > tokens. Invariant: the second use of a code ends what the first one gave, also when the two
 * come at once; the table holds the code's hash, and what is sealed under the code.
 */

import { sha256 } from '../base/ids.ts';
import { drawFamilyId, endFamily, type GivenTokens, startFamily } from './family.ts';
import { need, type Parameters } from './form.ts';
import { OAuthError } from './oauth-error.ts';
import type { SignedInPerson } from './person.ts';
import type { SignInPorts } from './ports.ts';
import type { AuthorizeRequest, SignedIn } from './purpose.ts';
import { drawSecret, isSecret, seal, unseal } from './seal.ts';

const LIFETIME_MS = 60_000;
/** A used code is remembered for as long as what it gave may be looked for. */
const REMEMBERED_MS = 86_400_000;

interface Code {
  readonly person: SignedInPerson;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly untilMs: number;
  readonly sealedProvider?: string;
  /** The tokens of its first use. */
  readonly familyId?: string;
}

const idOf = (code: string): string => `code#${sha256(code)}`;

/** Makes a code for a person who has said yes. */
export async function makeCode(
  { person, providerToken }: SignedIn,
  { clientId, redirectUri, codeChallenge }: AuthorizeRequest,
  { store, clock, random }: Pick<SignInPorts, 'store' | 'clock' | 'random'>,
): Promise<string> {
  const code = drawSecret(random);
  const nowMs = clock.nowMs();
  const kept: Code = {
    person,
    clientId,
    redirectUri,
    codeChallenge,
    untilMs: nowMs + LIFETIME_MS,
    ...(providerToken !== undefined && { sealedProvider: seal(code, providerToken, random) }),
  };
  const item = { id: idOf(code), expiresAtMs: nowMs + REMEMBERED_MS, data: JSON.stringify(kept) };
  if (await store.create(item)) return code;
  throw new OAuthError('server_error', 'a code was drawn twice');
}

const dead = (): OAuthError =>
  new OAuthError('invalid_grant', 'the code is unknown, too old, used, or for another client');

/**
 * Redeems a code.
 * @throws invalid_grant for a code that is not in force, or another client, redirect or verifier
 */
export async function redeemCode(parameters: Parameters, ports: SignInPorts): Promise<GivenTokens> {
  const code = need(parameters, 'code');
  const clientId = need(parameters, 'client_id');
  const redirectUri = need(parameters, 'redirect_uri');
  const verifier = need(parameters, 'code_verifier');
  if (!isSecret(code)) throw dead();
  const { store, clock, random } = ports;
  const seen = await store.find(idOf(code), clock.nowMs());
  if (seen === undefined) throw dead();
  const kept = JSON.parse(seen.data) as Code;
  const isRight =
    kept.clientId === clientId &&
    kept.redirectUri === redirectUri &&
    kept.codeChallenge === sha256(verifier);
  if (!isRight) throw dead();
  if (kept.familyId !== undefined) return endFirstUse(kept.familyId, ports);
  if (kept.untilMs <= clock.nowMs()) throw dead();
  const familyId = drawFamilyId(random);
  const used = { expiresAtMs: seen.expiresAtMs, data: JSON.stringify({ ...kept, familyId }) };
  if (!(await store.replace(seen, used))) {
    const other = await store.find(idOf(code), clock.nowMs());
    return endFirstUse((JSON.parse(other?.data ?? '{}') as Partial<Code>).familyId, ports);
  }
  const providerToken = kept.sealedProvider && unseal(code, kept.sealedProvider);
  return startFamily({ person: kept.person, providerToken }, { familyId, clientId }, ports);
}

/** Somebody else has the code too, and nobody can tell which of the two is right. */
async function endFirstUse(familyId: string | undefined, ports: SignInPorts): Promise<never> {
  if (familyId !== undefined) await endFamily(familyId, ports);
  throw dead();
}
