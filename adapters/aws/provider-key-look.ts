/**
 * Looks if the secrets of providers have a value, without reading it: for the account function, which may not.
 * Fails open: a look that fails says that there is a key, because it only decides what a list of models shows.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
 */
import { isYoung, makeBoundedMap } from '../../core/base/bounded-map.ts';
import type { Clock } from '../../core/base/ports.ts';
import { providerSecretName } from '../table-schema.ts';
import { type AwsCall, AwsCallError } from './aws-call.ts';

/** The result of a look is used for this long at most. */
const LOOK_AGE_MAX_MS = 60_000;
const ENTRIES_MAX = 1_000;

interface Look {
  readonly hasKey: boolean;
  readonly seenAtMs: number;
}

/** Returns what tells if a provider's secret has a value, by the secret's name in the configuration. */
export function makeProviderKeyLook(
  call: AwsCall,
  prefix: string,
  clock: Clock,
): (secret: string) => Promise<boolean> {
  const looks = makeBoundedMap<string, Look>(ENTRIES_MAX);
  return async (secret) => {
    const known = looks.get(secret);
    if (known && isYoung(known.seenAtMs, LOOK_AGE_MAX_MS, clock.nowMs())) return known.hasKey;
    const hasKey = await look(call, providerSecretName(prefix, secret));
    looks.set(secret, { hasKey, seenAtMs: clock.nowMs() });
    return hasKey;
  };
}

async function look(call: AwsCall, SecretId: string): Promise<boolean> {
  try {
    const { DeletedDate, VersionIdsToStages } = await call('DescribeSecret', { SecretId });
    // A secret without a value has no versions.
    return DeletedDate == null && VersionIdsToStages != null;
  } catch (error) {
    return !(error instanceof AwsCallError && error.name === 'ResourceNotFoundException');
  }
}
