/**
 * Guards the loopback stand-ins of AWS services: callers must know this run's random access key id.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * True if a request names the access key id: `AWS4-HMAC-SHA256 Credential=<id>/<day>/…`. Does NOT check the signature:
 * the id is as secret as the key here, and a web page or another user's process knows neither.
 */
export function isSignedWith(accessKeyId: string, authorization = ''): boolean {
  const sent = /^AWS4-HMAC-SHA256 Credential=([^/\s]{1,128})\//.exec(authorization)?.[1] ?? '';
  return timingSafeEqual(digest(sent), digest(accessKeyId));
}
