/**
 * Posts alerts to a webhook. An administrator chose the URL, but the network is ours, so the address is checked as that
 * of a key set. Fails closed: an alert counts as taken only by a status of 200 to 299; no redirect is followed.
 * docs/operations.md says how a receiver checks the signature.
 */
import { createHmac } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import type { RequestOptions } from 'node:http';
import https from 'node:https';
import type { Clock } from '../../core/base/ports.ts';
import { toAlertBody } from '../../core/wallet/alerts/alert.ts';
import type { AlertChannel } from '../../core/wallet/alerts/ports.ts';
import { untilAborted } from '../system.ts';
import { type AddressOptions, findAddress, lookupOf, parseAllowedUrl } from './checked-address.ts';

// An import of it loads undici too, which takes 40 ms (docs/performance.md).
const http = process.getBuiltinModule('node:http');

export interface WebhookOptions extends AddressOptions {
  readonly url: string;
  /** Returns the secret that signs; undefined: nobody has set it. */
  readonly findSecret: () => Promise<string | undefined>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** For the whole call. @default 5,000 */
  readonly timeoutMs?: number;
  /** Certificates to trust, as PEM. @default Node's own list */
  readonly ca?: string;
}

const TIMEOUT_MS = 5_000;
const SIGNATURE_HEADER = 'x-hallpass-signature';

export const makeWebhook = (options: WebhookOptions): AlertChannel => ({
  name: 'webhook',
  async send(alert, id) {
    const { clock, findSecret, timeoutMs = TIMEOUT_MS, ca } = options;
    const url = parseAllowedUrl(options.url, options.allowLocal);
    if (url === undefined) throw new Error('the URL of the webhook is not allowed');
    const secret = await findSecret();
    if (secret === undefined) throw new Error('the secret of the webhook is not set');
    const body = JSON.stringify(toAlertBody(alert, id));
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'hallpass',
      [SIGNATURE_HEADER]: signatureOf(body, secret, clock.nowMs()),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    // The system's resolver cannot be aborted.
    const address = await untilAborted(signal, findAddress(url, options));
    const status = await post(url, body, { address, headers, signal, ca });
    if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`);
  },
});

/** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<unix seconds>.<body>">` */
function signatureOf(body: string, secret: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${digest}`;
}

interface PostOptions {
  readonly address: LookupAddress;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly ca: string | undefined;
}

/** @returns the status. The answer's body is not read */
function post(
  url: URL,
  body: string,
  { address, headers, signal, ca }: PostOptions,
): Promise<number> {
  const options: RequestOptions = {
    method: 'POST',
    agent: false, // A kept connection could lead to an address that nobody checked.
    headers,
    lookup: lookupOf(address),
    signal,
  };
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? https.request(url, { ...options, ...(ca !== undefined && { ca }) })
        : http.request(url, options);
    request.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.on('error', reject);
    request.end(body);
  });
}
