/**
 * Reads the secret that signs alerts to a webhook. Nobody waits for it, so each alert reads it anew.
 * Fails closed: `service_unavailable`.
 */
import { alertSecretName } from '../table-schema.ts';
import type { AwsCall } from './aws-call.ts';
import { makeReader, parseProviderKey } from './secrets-manager.ts';

/** Makes the reader. It returns undefined where nobody has set the secret. */
export function makeAlertSecret(call: AwsCall, prefix: string): () => Promise<string | undefined> {
  const read = makeReader(call);
  return async () => parseProviderKey(await read(alertSecretName(prefix)));
}
