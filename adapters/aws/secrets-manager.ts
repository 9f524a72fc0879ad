/**
 * Reads and writes secrets in AWS Secrets Manager. A version of a key never changes, so it is read once and kept for
 * the life of the process. A provider's key is read again every few minutes.
 * Fails closed: `service_unavailable`. No secret is in any error, detail or cause.
 */
import { isYoung, makeBoundedMap, makeSingleFlight } from '../../core/base/bounded-map.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { type KeyId, sha256 } from '../../core/base/ids.ts';
import { isRecord, parseObject } from '../../core/base/json.ts';
import type { Clock, Secrets } from '../../core/base/ports.ts';
import { secretOf } from '../../core/keys/key-secret.ts';
import type { KeyVault } from '../../core/keys/ports.ts';
import {
  alertSecretName,
  jwtSecretName,
  keySecretName,
  providerSecretName,
} from '../table-schema.ts';
import { type AwsCall, AwsCallError } from './aws-call.ts';

/** A provider's key that was replaced is used for this long at most. */
const PROVIDER_KEY_AGE_MAX_MS = 300_000;
/** While a provider has no key, the secret is read this often, so a key that was just set is soon in use. */
const PROVIDER_KEY_MISS_AGE_MAX_MS = 10_000;
/** A secret without the wanted version is not read again sooner, so tokens cannot cause reads at will. */
const MISSING_COOL_DOWN_MS = 10_000;
const ENTRIES_MAX = 1_000;

export function makeSecrets(call: AwsCall, prefix: string, clock: Clock): Secrets {
  const read = makeReader(call);
  const readVersion = makeVersionReader(read, clock);
  const jwtSecrets = makeBoundedMap<string, Uint8Array>(ENTRIES_MAX);
  const providerKeys = makeBoundedMap<string, ProviderKey>(ENTRIES_MAX);

  return {
    readKey: (keyId, version) => readVersion(nameOf(prefix, keyId, version), version),
    async readJwtSecret(keyId, version) {
      const id = `${keyId} ${version}`;
      const known = jwtSecrets.get(id);
      if (known !== undefined) return known;
      const secret = Buffer.from(await readVersion(jwtSecretName(prefix, keyId), version));
      jwtSecrets.set(id, secret);
      return secret;
    },
    async findProviderKey(provider) {
      const nowMs = clock.nowMs();
      const known = providerKeys.get(provider);
      if (known && isYoung(known.readAtMs, ageMaxMsOf(known), nowMs)) return known.key;
      const key = parseProviderKey(await read(providerSecretName(prefix, provider)));
      providerKeys.set(provider, { key, readAtMs: nowMs });
      return key;
    },
  };
}

/** Names the secret that holds a version of a key. */
const nameOf = (prefix: string, keyId: KeyId, version: string): string =>
  keySecretName(prefix, keyId, secretOf(keyId, version).version);

type Read = (name: string) => Promise<string | undefined>;

/** Makes a reader of one version out of a secret with several. It keeps what it has read. */
function makeVersionReader(read: Read, clock: Clock) {
  const texts = makeBoundedMap<string, string>(ENTRIES_MAX);
  const missedAtMs = makeBoundedMap<string, number>(ENTRIES_MAX);
  return async (name: string, version: string): Promise<string> => {
    const id = `${name} ${version}`;
    const known = texts.get(id);
    if (known !== undefined) return known;
    const nowMs = clock.nowMs();
    if (isYoung(missedAtMs.get(id), MISSING_COOL_DOWN_MS, nowMs)) throw missing();
    const secret = await read(name);
    const text = secret === undefined ? undefined : parseVersions(secret)[version];
    if (typeof text !== 'string' || text === '') {
      missedAtMs.set(id, nowMs);
      throw missing();
    }
    texts.set(id, text);
    return text;
  };
}

interface ProviderKey {
  /** Undefined when there was none. */
  readonly key: string | undefined;
  readonly readAtMs: number;
}

const ageMaxMsOf = ({ key }: ProviderKey): number =>
  key === undefined ? PROVIDER_KEY_MISS_AGE_MAX_MS : PROVIDER_KEY_AGE_MAX_MS;

const missing = (): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: 'the secret of a key lacks a version that its record names',
  });

const isNamed = (error: unknown, name: string): boolean =>
  error instanceof AwsCallError && error.name === name;

/** Makes a reader of a secret's text; undefined when there is no such secret. */
export function makeReader(call: AwsCall): Read {
  const once = makeSingleFlight<string | undefined>();
  return (name) =>
    once(name, async () => {
      try {
        const { SecretString: text } = await call('GetSecretValue', { SecretId: name });
        if (typeof text === 'string') return text;
      } catch (cause) {
        if (isNamed(cause, 'ResourceNotFoundException')) return undefined;
        throw new GatewayError('service_unavailable', { detail: 'a secret cannot be read', cause });
      }
      throw new GatewayError('service_unavailable', { detail: 'a secret is not a text' });
    });
}

const toVersions = (versions: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ versions });

/** Reads `{"versions":{"<version>":"<text>"}}`. */
export function parseVersions(text: string): Readonly<Record<string, unknown>> {
  const versions = parseObject(text)?.versions;
  return isRecord(versions) ? versions : {};
}

/** Reads a bare key and drops the line feed that pasting leaves. JSON is a deployment's placeholder: not set. */
const parseProviderKey = (text = ''): string | undefined =>
  /^(?!\{)[!-~]+$/.test(text.trim()) ? text.trim() : undefined;

/** Makes a reader of the secret that signs alerts; undefined where nobody has set it. Each alert reads it anew. */
export function makeAlertSecret(call: AwsCall, prefix: string): () => Promise<string | undefined> {
  const read = makeReader(call);
  return async () => parseProviderKey(await read(alertSecretName(prefix)));
}

/** Writes secrets, for commands. */
export interface SecretWriter extends KeyVault {
  /**
   * Sets the API key of a provider, in force within five minutes; within ten seconds if there was none.
   * @throws service_unavailable
   */
  putProviderKey(provider: string, key: string): Promise<void>;
  /**
   * Sets the secret that signs alerts to a webhook.
   * @throws service_unavailable
   */
  putAlertSecret(secret: string): Promise<void>;
}

/** @param encryptionKey the ARN of the key that encrypts new secrets. @default AWS's own */
export const makeSecretWriter = (
  call: AwsCall,
  prefix: string,
  encryptionKey?: string,
): SecretWriter => ({
  createKeySecret: (keyId, version, key) =>
    create(call, {
      name: nameOf(prefix, keyId, version),
      text: toVersions({ [version]: key }),
      token: `${keyId} ${version}`,
      encryptionKey,
    }),
  putJwtSecret: (keyId, version, text) =>
    putVersion(call, { name: jwtSecretName(prefix, keyId), version, text, encryptionKey }),
  putProviderKey: (provider, text) =>
    putText(call, { name: providerSecretName(prefix, provider), text, encryptionKey }),
  putAlertSecret: (text) => putText(call, { name: alertSecretName(prefix), text, encryptionKey }),
});

/** Makes a secret of a bare text, or replaces its text. */
const putText = (call: AwsCall, secret: NewSecret): Promise<void> =>
  create(call, secret, () => replaceText(call, secret.name, secret.text));

/** Adds a version to a secret, and makes the secret where there is none. Of two at once, both versions are kept. */
export function putVersion(
  call: AwsCall,
  secret: Omit<NewSecret, 'token'> & { readonly version: string },
): Promise<void> {
  const { name, version, text, encryptionKey } = secret;
  const token = `${name} ${version}`;
  return create(call, { name, text: toVersions({ [version]: text }), token, encryptionKey }, () =>
    addVersion(call, name, version, text),
  );
}

interface NewSecret {
  readonly name: string;
  readonly text: string;
  /** The service treats a second call with the same token and text as a repetition of the first. */
  readonly token?: string;
  readonly encryptionKey?: string | undefined;
}

/**
 * Makes a secret.
 * @param orChange changes the secret of this name where there is one. @default that is a failure
 */
async function create(
  call: AwsCall,
  { name, text, token, encryptionKey }: NewSecret,
  orChange?: () => Promise<void>,
): Promise<void> {
  const input = {
    Name: name,
    SecretString: text,
    ...(token && { ClientRequestToken: sha256(token) }),
    ...(encryptionKey && { KmsKeyId: encryptionKey }),
  };
  await call('CreateSecret', input).catch((cause: unknown) => {
    if (orChange && isNamed(cause, 'ResourceExistsException')) return orChange();
    throw failure('made', cause);
  });
}

async function replaceText(call: AwsCall, secretId: string, text: string): Promise<void> {
  const input = { SecretId: secretId, SecretString: text };
  await call('PutSecretValue', input).catch((cause: unknown) => {
    throw failure('changed', cause);
  });
}

const failure = (done: 'made' | 'changed', cause: unknown): GatewayError =>
  new GatewayError('service_unavailable', { detail: `a secret cannot be ${done}`, cause });

async function addVersion(
  call: AwsCall,
  secretId: string,
  version: string,
  text: string,
): Promise<void> {
  try {
    for (let attempt = 0; attempt < ADD_ATTEMPTS_MAX; attempt += 1) {
      if (await tryToAdd(call, secretId, version, text)) return;
    }
  } catch (cause) {
    throw failure('changed', cause);
  }
  throw new GatewayError('service_unavailable', {
    detail: 'a secret is changed by others all the time',
  });
}

const ADD_ATTEMPTS_MAX = 8;
/** The newest versions are kept. A record names one, and a running command one more. */
const VERSIONS_KEPT_MAX = 32;
const CURRENT = 'AWSCURRENT';
/** The stage of a new text until it becomes the current one. */
const ADDING = 'HALLPASSADDING';

/**
 * Writes a text with one more version, then moves `AWSCURRENT` to it from the text that was read. If another command
 * was faster, the service refuses, so the version that the other added is kept.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
 */
async function tryToAdd(
  call: AwsCall,
  secretId: string,
  version: string,
  key: string,
): Promise<boolean> {
  const seen = await call('GetSecretValue', { SecretId: secretId });
  const others = Object.entries(parseVersions(String(seen.SecretString ?? '')));
  const kept = others.slice(1 - VERSIONS_KEPT_MAX);
  const text = toVersions({ ...Object.fromEntries(kept), [version]: key });
  const made = await call('PutSecretValue', {
    SecretId: secretId,
    SecretString: text,
    ClientRequestToken: sha256(`${seen.VersionId} ${version}`),
    VersionStages: [ADDING],
  });
  try {
    await call('UpdateSecretVersionStage', {
      SecretId: secretId,
      VersionStage: CURRENT,
      MoveToVersionId: made.VersionId,
      RemoveFromVersionId: seen.VersionId,
    });
    return true;
  } catch (error) {
    if (isNamed(error, 'InvalidParameterException')) return false;
    throw error;
  }
}
