/**
 * The one secret that sign-in may read: `{"versions":{"key:<name>":"sk-…","client:<name>":"…"}}`, one text a name.
 * `hallpass sign-in` fills it. Fails closed: `service_unavailable`; no secret is in any error.
 */
import { isYoung } from '../../core/base/bounded-map.ts';
import type { Clock } from '../../core/base/ports.ts';
import type { SignInSecrets } from '../../core/sign-in/ports.ts';
import { signInSecretName } from '../table-schema.ts';
import type { AwsCall } from './aws-call.ts';
import { makeReader, parseVersions, putVersion } from './secrets-manager.ts';

/** A key that was replaced signs for this long at most. */
const AGE_MAX_MS = 60_000;
/** While a text is missing, the secret is read this often, so that one that was just set is soon in use. */
const MISS_AGE_MAX_MS = 10_000;

const KEY = 'key:';
const CLIENT = 'client:';

export function makeSignInSecrets(call: AwsCall, prefix: string, clock: Clock): SignInSecrets {
  const read = makeReader(call);
  let known:
    | { readonly texts: Readonly<Record<string, unknown>>; readonly atMs: number }
    | undefined;

  async function find(name: string): Promise<string | undefined> {
    const nowMs = clock.nowMs();
    const ageMaxMs = known && Object.hasOwn(known.texts, name) ? AGE_MAX_MS : MISS_AGE_MAX_MS;
    if (known === undefined || !isYoung(known.atMs, ageMaxMs, nowMs)) {
      const text = await read(signInSecretName(prefix));
      known = { texts: text === undefined ? {} : parseVersions(text), atMs: nowMs };
    }
    const found = Object.hasOwn(known.texts, name) ? known.texts[name] : undefined;
    return typeof found === 'string' && found !== '' ? found : undefined;
  }

  return {
    findKey: (keyName) => find(KEY + keyName),
    findClientSecret: (name) => find(CLIENT + name),
  };
}

/**
 * Makes what puts texts into the secret, for commands. Of two that are put at once, both stay.
 * @param encryptionKey the ARN of the key that encrypts a new secret. @default AWS's own
 * @throws service_unavailable by each of its functions
 */
export function makeSignInSecretWriter(call: AwsCall, prefix: string, encryptionKey?: string) {
  const put = (version: string, text: string): Promise<void> =>
    putVersion(call, { name: signInSecretName(prefix), version, text, encryptionKey });
  return {
    putKey: (keyName: string, key: string) => put(KEY + keyName, key),
    putClientSecret: (name: string, secret: string) => put(CLIENT + name, secret),
  };
}
