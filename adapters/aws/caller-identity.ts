/**
 * Who the holder of AWS credentials is, by AWS's own word. The one call of a command that is not JSON.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
import type { AwsCredentials } from './environment.ts';
import { makeSigner } from './signature.ts';

const TIMEOUT_MS = 5_000;
const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';

export interface CallerIdentityOptions {
  readonly url: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
}

/** The ARN of a user or of an assumed role; undefined when AWS does not say. */
export async function findCallerIdentity(
  options: CallerIdentityOptions,
): Promise<string | undefined> {
  const { host } = new URL(options.url);
  const headers = makeSigner({ service: 'sts', ...options })({
    host,
    contentType: 'application/x-www-form-urlencoded; charset=utf-8',
    body: BODY,
    atMs: Date.now(),
  });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(options.url, { method: 'POST', headers, body: BODY, signal });
    return /<Arn>([^<&]{1,2048})<\/Arn>/.exec(await answer.text())?.[1];
  } catch {
    return undefined; // Whoever asks says who they are themselves.
  }
}
