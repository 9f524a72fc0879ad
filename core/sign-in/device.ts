/**
 * The device grant (RFC 8628), for machines without a browser: the device's side.
 *
 * Steps, in order:
 * 1. `POST /oauth/device_authorization` gives the device a secret code, and a short one for its person;
 * 2. the person types the short one at `/device` and decides there (device-page.ts);
 * 3. meanwhile the device asks `POST /oauth/token` every five seconds, and gets its tokens once.
 *
 * Guarantees: the table holds hashes of both codes; of two polls one gets the tokens; a grant lives ten minutes, and what was
 * approved can be fetched for one minute more. What is approved lives an hour, and is refreshed only where that is configured.
 */
import { sha256, shortDigest } from '../base/ids.ts';
import { signAccess } from './access-token.ts';
import { type JsonAnswer, toJson } from './answer.ts';
import { requireClient } from './clients.ts';
import { drawFamilyId, type GivenTokens, startFamily } from './family.ts';
import { need, type Parameters, readForm, type SignInRequest } from './form.ts';
import { requireProvider } from './login.ts';
import { denied, OAuthError } from './oauth-error.ts';
import type { SignedInPerson } from './person.ts';
import type { SignInPorts, SignInRandom, StoredGrant } from './ports.ts';
import { narrowModels } from './scope.ts';
import { drawSecret, isSecret, makeReceiver, unsealFor } from './seal.ts';
import { requireSigningKey } from './signing-key.ts';

/** The stored part of a device's grant. */
export interface Device {
  readonly step: 'pending' | 'approved' | 'denied' | 'done';
  readonly clientId: string;
  readonly models?: readonly string[] | undefined;
  /** The address that the device asked from. */
  readonly sourceIp: string;
  readonly createdAtMs: number;
  /** Texts that are sealed for it can be read with the device's code alone. */
  readonly receiver: string;
  readonly intervalSeconds: number;
  readonly polledAtMs?: number;
  /** The person who approved. */
  readonly person?: SignedInPerson;
  readonly sealedProvider?: string | undefined;
}

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
export const DEVICE_LIFETIME_MS = 600_000;
const TOKEN_LIFETIME_SECONDS = 3_600;
const INTERVAL_SECONDS = 5;
/** RFC 8628, 3.5: a device that asks too soon waits this much longer, for good. */
const SLOWER_SECONDS = 5;
const TRIES_MAX = 5;
/** Grants that begin in one window of ten minutes: of everyone, and of one address. */
const GRANTS_MAX = 100;
const GRANTS_OF_ADDRESS_MAX = 60;
/** A client that names itself in no way: Claude Code sends no id. */
const NAMELESS_CLIENT = 'claude-code';

/** RFC 8628, 6.1: no vowels, so that no word appears. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const CODE_LETTERS = 8;
/** The largest multiple of 20 in a byte, so that every letter is as likely. */
const FAIR_BYTES = 240;

/** Draws a code of 8 out of 20 letters: one of 25.6 billion. */
export function drawUserCode(random: Pick<SignInRandom, 'bytes'>): string {
  let code = '';
  for (let tries = 0; tries < TRIES_MAX && code.length < CODE_LETTERS; tries += 1) {
    for (const byte of random.bytes(32)) {
      if (byte < FAIR_BYTES && code.length < CODE_LETTERS) code += LETTERS[byte % LETTERS.length];
    }
  }
  if (code.length === CODE_LETTERS) return code;
  throw new OAuthError('server_error', 'no code could be drawn');
}

/** Reads a code as people type it: any case, with or without its hyphen; undefined for any other text. */
export function parseUserCode(text: string): string | undefined {
  const code = text.toUpperCase().replace(/[\s-]/g, '');
  const isCode = code.length === CODE_LETTERS && [...code].every((each) => LETTERS.includes(each));
  return isCode ? code : undefined;
}

/** The window of ten minutes that counts lie in. */
export const windowOf = (nowMs: number): number => Math.floor(nowMs / DEVICE_LIFETIME_MS);
/** A count lasts for its window, and some minutes more. */
export const countUntil = (nowMs: number): number => nowMs + 2 * DEVICE_LIFETIME_MS;
/** Names an address in a count. */
export const addressOf = (sourceIp: string): string => shortDigest('address', sourceIp);

export const userCodeIdOf = (userCode: string): string => `user#${sha256(`code ${userCode}`)}`;
const deviceIdOf = (deviceCode: string): string => `device#${sha256(deviceCode)}`;
export const parseDevice = ({ data }: StoredGrant): Device => JSON.parse(data) as Device;

/** `POST /oauth/device_authorization`. @throws invalid_request, invalid_client, invalid_scope, slow_down */
export async function startDevice(request: SignInRequest, ports: SignInPorts): Promise<JsonAnswer> {
  const parameters = readForm(request);
  requireProvider(ports);
  const client = requireClient(parameters.get('client_id') ?? NAMELESS_CLIENT);
  const models = narrowModels(parameters, undefined);
  await requireRoom(request.sourceIp, ports);
  const { store, clock, random, publicUrl, settings } = ports;
  const deviceCode = drawSecret(random);
  const nowMs = clock.nowMs();
  const expiresAtMs = nowMs + DEVICE_LIFETIME_MS;
  const device: Device = {
    step: 'pending',
    clientId: client.id,
    sourceIp: request.sourceIp,
    createdAtMs: nowMs,
    receiver: makeReceiver(deviceCode),
    intervalSeconds: INTERVAL_SECONDS,
    ...(models && { models }),
  };
  const id = deviceIdOf(deviceCode);
  await store.create({ id, expiresAtMs, data: JSON.stringify(device) });
  const userCode = await takeUserCode(id, expiresAtMs, ports);
  const shown = `${userCode.slice(0, 4)}-${userCode.slice(4)}`;
  const uri = `${publicUrl}/device`;
  return toJson(200, {
    device_code: deviceCode,
    user_code: shown,
    verification_uri: uri,
    ...(settings.deviceUriComplete && { verification_uri_complete: `${uri}?user_code=${shown}` }),
    expires_in: DEVICE_LIFETIME_MS / 1000,
    interval: INTERVAL_SECONDS,
  });
}

async function requireRoom(sourceIp: string, { store, clock }: SignInPorts): Promise<void> {
  const nowMs = clock.nowMs();
  const expiresAtMs = countUntil(nowMs);
  const own = `count#grants#${addressOf(sourceIp)}#${windowOf(nowMs)}`;
  const all = `count#grants#${windowOf(nowMs)}`;
  const hasRoom =
    (await store.count(own, { max: GRANTS_OF_ADDRESS_MAX, expiresAtMs })) &&
    (await store.count(all, { max: GRANTS_MAX, expiresAtMs }));
  if (hasRoom) return;
  throw new OAuthError(
    'temporarily_unavailable',
    'too many devices ask for access; try again in ten minutes',
  );
}

/** Gives a device a short code that no other one has now. */
async function takeUserCode(
  deviceId: string,
  expiresAtMs: number,
  { store, random }: SignInPorts,
): Promise<string> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const userCode = drawUserCode(random);
    const data = JSON.stringify({ deviceId });
    if (await store.create({ id: userCodeIdOf(userCode), expiresAtMs, data })) return userCode;
  }
  throw new OAuthError('temporarily_unavailable', 'no code is free now; try again');
}

const expired = (): OAuthError =>
  new OAuthError('expired_token', 'the code is unknown, used or too old');

/** The tokens for a device, which refreshes them only where that is configured. */
export type DeviceTokens = Pick<GivenTokens, 'access'> & Partial<GivenTokens>;

/**
 * `POST /oauth/token` of a device.
 * @throws authorization_pending, slow_down, access_denied, expired_token
 */
export async function pollDevice(
  parameters: Parameters,
  ports: SignInPorts,
): Promise<DeviceTokens> {
  const deviceCode = need(parameters, 'device_code');
  if (!isSecret(deviceCode)) throw expired();
  const { store, clock } = ports;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const nowMs = clock.nowMs();
    const seen = await store.find(deviceIdOf(deviceCode), nowMs);
    if (seen === undefined) throw expired();
    const device = parseDevice(seen);
    const clientId = parameters.get('client_id') ?? device.clientId;
    if (device.step === 'done' || clientId !== device.clientId) throw expired();
    if (device.step === 'denied') throw denied('the person declined');
    const next = device.step === 'approved' ? 'done' : 'pending';
    const isEarly =
      next === 'pending' &&
      device.polledAtMs !== undefined &&
      nowMs < device.polledAtMs + device.intervalSeconds * 1000;
    const intervalSeconds = device.intervalSeconds + (isEarly ? SLOWER_SECONDS : 0);
    const kept: Device = { ...device, step: next, polledAtMs: nowMs, intervalSeconds };
    const { expiresAtMs } = seen;
    // Whoever loses this write saw an old state, and looks again.
    if (!(await store.replace(seen, { expiresAtMs, data: JSON.stringify(kept) }))) continue;
    if (next === 'done') return giveTokens(device, deviceCode, ports);
    throw isEarly
      ? new OAuthError('slow_down', `ask every ${intervalSeconds} seconds`)
      : new OAuthError('authorization_pending', 'the person has not decided yet');
  }
  throw new OAuthError('slow_down', 'several programs ask with this code');
}

async function giveTokens(
  { person, clientId, sealedProvider }: Device,
  deviceCode: string,
  ports: SignInPorts,
): Promise<DeviceTokens> {
  if (person === undefined) throw expired();
  if (ports.settings.deviceRefresh) {
    const providerToken = sealedProvider && unsealFor(deviceCode, sealedProvider);
    const familyId = drawFamilyId(ports.random);
    return startFamily({ person, providerToken }, { familyId, clientId }, ports);
  }
  const signing = await requireSigningKey(person.keyName, ports);
  const longest = Math.min(TOKEN_LIFETIME_SECONDS, ports.settings.clientLifetimeSeconds);
  return { access: signAccess(signing, { ...person, lifetimeSeconds: longest }, ports) };
}
