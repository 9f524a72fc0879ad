/**
 * Signature Version 4 for the one shape of request that the functions make: POST to `/`, no query, three or four headers.
 * The general signer of the SDK costs some 0.2 ms of processor time a call, three calls a request; this one costs 0.02.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { AwsCredentials } from './environment.ts';

export interface SignerOptions {
  readonly service: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
}

export interface SignedParts {
  readonly host: string;
  readonly contentType: string;
  /** `X-Amz-Target`; absent where the body names the operation. */
  readonly target?: string;
  readonly body: string;
  readonly atMs: number;
}

export type Signer = (parts: SignedParts) => Record<string, string>;

const ALGORITHM = 'AWS4-HMAC-SHA256';
const sha256 = (text: string): string => hash('sha256', text, 'hex');
const hmac = (key: string | Buffer | KeyObject, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** Makes a signer; the signing key is derived once a day. Answers all headers of the request but `content-length`. */
export function makeSigner({ service, region, credentials }: SignerOptions): Signer {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  let keyDay = '';
  let key: KeyObject | undefined;

  function signingKey(day: string): KeyObject {
    if (key !== undefined && day === keyDay) return key;
    const dated = hmac(`AWS4${secretAccessKey}`, day);
    // A key object: with bare bytes Node 24 imports the key anew for each HMAC, five times the cost of the HMAC.
    key = createSecretKey(hmac(hmac(hmac(dated, region), service), 'aws4_request'));
    keyDay = day;
    return key;
  }

  return ({ host, contentType, target, body, atMs }) => {
    const at = `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
    const day = at.slice(0, 8);
    const token = sessionToken === undefined ? '' : `x-amz-security-token:${sessionToken}\n`;
    const aim = target === undefined ? '' : `x-amz-target:${target}\n`;
    const names = `content-type;host;x-amz-date${token && ';x-amz-security-token'}${aim && ';x-amz-target'}`;
    const headers = `content-type:${contentType}\nhost:${host}\nx-amz-date:${at}\n${token}${aim}`;
    const scope = `${day}/${region}/${service}/aws4_request`;
    const canonical = `POST\n/\n\n${headers}\n${names}\n${sha256(body)}`;
    const signature = hmac(signingKey(day), `${ALGORITHM}\n${at}\n${scope}\n${sha256(canonical)}`);
    return {
      host,
      'content-type': contentType,
      'x-amz-date': at,
      ...(target === undefined ? {} : { 'x-amz-target': target }),
      ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
      authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature.toString('hex')}`,
    };
  };
}
