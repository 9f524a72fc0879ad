/**
 * Finds out from AWS whose credentials these are. It is the one call of a command that is not JSON.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
import { makeRequestSigner, type SignerOptions } from './signature.ts';

const TIMEOUT_MS = 5_000;
const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';

/** Returns the ARN of the user or of the assumed role; undefined when AWS gives none. */
export async function findCallerIdentity({
  url,
  ...options
}: Omit<SignerOptions, 'service'> & { readonly url: string }): Promise<string | undefined> {
  const named = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const request = { method: 'POST', url, headers: named, body: BODY, atMs: Date.now() };
  const headers = { ...named, ...makeRequestSigner({ service: 'sts', ...options })(request) };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    // A redirect would take the signature elsewhere.
    const sent = { method: 'POST', headers, body: BODY, signal, redirect: 'error' } as const;
    const answer = await fetch(url, sent);
    return /<Arn>([^<&]{1,2048})<\/Arn>/.exec(await answer.text())?.[1];
  } catch {
    return undefined; // The command then needs `--as`.
  }
}
