/**
 * Deletes secrets that hold strings of keys.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
 */
import type { KeySecret } from '../../core/keys/key-secret.ts';
import { keySecretName } from '../table-schema.ts';
import { type AwsCall, AwsCallError } from './aws-call.ts';

/** A deleted secret can be restored for so long, and costs nothing. It is the least that the service allows. */
const RECOVERY_DAYS = 7;

/** The service's names for a secret that is not there, and for one that is being deleted. */
const GONE: readonly string[] = ['ResourceNotFoundException', 'InvalidRequestException'];

/** Makes what deletes a secret of a key. One that is not there is no error. The secret of its JWTs stays. */
export const makeKeySecretEnd =
  (call: AwsCall, prefix: string) =>
  async ({ keyId, version }: KeySecret): Promise<void> => {
    const input = {
      SecretId: keySecretName(prefix, keyId, version),
      RecoveryWindowInDays: RECOVERY_DAYS,
    };
    await call('DeleteSecret', input).catch((error: unknown) => {
      if (!(error instanceof AwsCallError) || !GONE.includes(error.name)) throw error;
    });
  };
