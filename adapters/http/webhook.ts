/**
 * Posts alerts to a webhook. An administrator chose the URL, but the network is ours, so the address is checked as that
 * of a key set. Fails closed: an alert counts as taken only by a status of 200 to 299; no redirect is followed.
 * docs/operations.md says how a receiver checks the signature.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../../core/base/ports.ts';
import { toAlertBody } from '../../core/wallet/alerts/alert.ts';
import type { AlertChannel } from '../../core/wallet/alerts/ports.ts';
import { parseAllowedUrl } from './checked-address.ts';
import { type GuardOptions, sendChecked } from './guarded-request.ts';

/** `timeoutMs` is for the whole call. */
export interface WebhookOptions extends GuardOptions {
  readonly url: string;
  /** Returns the secret that signs; undefined: nobody has set it. */
  readonly findSecret: () => Promise<string | undefined>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const TIMEOUT_MS = 5_000;
const SIGNATURE_HEADER = 'x-hallpass-signature';

export const makeWebhook = (options: WebhookOptions): AlertChannel => ({
  name: 'webhook',
  async send(alert, id) {
    const { clock, findSecret, timeoutMs = TIMEOUT_MS } = options;
    const url = parseAllowedUrl(options.url, options.allowLocal);
    if (url === undefined) throw new Error('the URL of the webhook is not allowed');
    const secret = await findSecret();
    if (secret === undefined) throw new Error('the secret of the webhook is not set');
    const body = JSON.stringify(toAlertBody(alert, id));
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'hallpass',
      [SIGNATURE_HEADER]: signatureOf(body, secret, clock.nowMs()),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    const request = { method: 'POST', headers, body };
    const status = await sendChecked(
      url,
      request,
      { ...options, signal },
      async ({ statusCode = 0 }) => statusCode,
    );
    if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`);
  },
});

/** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<unix seconds>.<body>">` */
function signatureOf(body: string, secret: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${digest}`;
}
