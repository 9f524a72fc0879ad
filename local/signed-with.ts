/**
 * The right to call the loopback stand-ins of AWS services: this run's access key id, a random one.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Whether a request is signed with an access key id: `AWS4-HMAC-SHA256 Credential=<id>/<day>/…`. The signature itself
 * is not checked: the id is as secret as the key here, and a web page or another user's process knows neither.
 */
export function isSignedWith(accessKeyId: string, authorization = ''): boolean {
  const sent = /^AWS4-HMAC-SHA256 Credential=([^/\s]{1,128})\//.exec(authorization)?.[1] ?? '';
  return timingSafeEqual(digest(sent), digest(accessKeyId));
}
