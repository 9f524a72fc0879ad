/**
 * Signature Version 4 for any request but those of S3, whose paths are encoded differently.
 * Tests hold it against AWS's own test suite and against the signer of the SDK.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { AwsCredentials } from './environment.ts';

export interface SignerOptions {
  readonly service: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
}

/** A request as it is sent. */
export interface RequestToSign {
  readonly method: string;
  /** The whole URL. Its path and query are encoded once, as they are sent. */
  readonly url: string;
  /** By lower-case name. All of them are signed, so none may change on the way. */
  readonly headers: Readonly<Record<string, string>>;
  /** The signature covers the hash of its UTF-8 bytes. */
  readonly body: string;
  readonly atMs: number;
}

/** Returns the headers to send beside the request's own: `host`, date, session token, `authorization`. */
export type RequestSigner = (request: RequestToSign) => Readonly<Record<string, string>>;

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** A timestamp such as `20261121T080000Z` begins with its day. */
const DAY_CHARS = 8;

/** Makes a signer, which derives its key once a day. */
export function makeRequestSigner(options: SignerOptions): RequestSigner {
  const { service, region, credentials } = options;
  const { accessKeyId, sessionToken } = credentials;
  const signingKey = makeKeyOfDay(options);
  let place: SignedPlace | undefined;

  return ({ method, url, headers, body, atMs }) => {
    // The URL of tables and secrets never changes.
    if (place?.url !== url) place = toPlace(url);
    const at = toTimestamp(atMs);
    const day = at.slice(0, DAY_CHARS);
    const added = {
      host: place.host,
      'x-amz-date': at,
      ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
    };
    const all: Readonly<Record<string, string>> = { ...headers, ...added };
    // By code units, as the page on signatures demands.
    const sorted = Object.keys(all).sort();
    const names = sorted.join(';');
    let canonicalHeaders = '';
    for (const name of sorted) canonicalHeaders += `${name}:${canonicalValue(all[name] ?? '')}\n`;
    const canonical = [method, place.path, place.query, canonicalHeaders, names, sha256(body)].join(
      '\n',
    );
    const scope = `${day}/${region}/${service}/aws4_request`;
    const text = `${ALGORITHM}\n${at}\n${scope}\n${sha256(canonical)}`;
    const signature = hmac(signingKey(day), text).toString('hex');
    const authorization = `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return { ...added, authorization };
  };
}

type SignedPlace = ReturnType<typeof toPlace>;

/** The parts of a URL that are signed. */
function toPlace(url: string) {
  const { host, pathname, search } = new URL(url);
  return { url, host, path: canonicalPath(pathname), query: canonicalQuery(search) };
}

const sha256 = (text: string): string => hash('sha256', text, 'hex');
const hmac = (key: string | Buffer | KeyObject, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

function toTimestamp(atMs: number): string {
  const iso = new Date(atMs).toISOString();
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`;
}

/** Keeps the signing key of one day: the day of the request before. */
function makeKeyOfDay({ service, region, credentials }: SignerOptions): (day: string) => KeyObject {
  let keyDay = '';
  let key: KeyObject | undefined;
  return (day) => {
    if (key !== undefined && day === keyDay) return key;
    const dated = hmac(`AWS4${credentials.secretAccessKey}`, day);
    // A key object: Node 24 imports a key given as bytes anew for each HMAC, at five times the cost of the HMAC.
    key = createSecretKey(hmac(hmac(hmac(dated, region), service), 'aws4_request'));
    keyDay = day;
    return key;
  };
}

/** Compares by code units, as the page on signatures demands. Header names and encoded texts are ASCII. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const canonicalValue = (value: string): string => value.trim().replaceAll(/ +/g, ' ');

/** Encodes all but letters, digits and `-._~` (RFC 3986, 2.3). */
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** Each segment as it is sent, encoded once more. Several slashes in a row count as one. */
const canonicalPath = (path: string): string =>
  path
    .replaceAll(/\/{2,}/g, '/')
    .split('/')
    .map(encode)
    .join('/');

/** Names and values, encoded one and the same way, in the order of the names, then of the values. */
function canonicalQuery(search: string): string {
  const parts = search
    .slice(1)
    .split('&')
    .filter((part) => part !== '');
  const pairs = parts.map((part): readonly [string, string] => {
    const [name = '', ...value] = part.split('=');
    return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value.join('=')))];
  });
  return pairs
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map((pair) => pair.join('='))
    .join('&');
}
