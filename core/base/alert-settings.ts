/**
 * The settings of alerts: at which part of a USD limit there is one, and where it goes.
 */
import * as v from 'valibot';
import { isSafeForSecrets, parseUrl } from './url.ts';

const WEBHOOK_FORM = 'must begin with "https:" (or "http:" to this machine) and name no user';

function isWebhook(text: string): boolean {
  const url = parseUrl(text);
  return url?.username === '' && url.password === '' && isSafeForSecrets(url);
}

export const alertsSchema = v.strictObject({
  /** In percent of the limit, 1 to 10 whole numbers from 1 to 100, which are then sorted. @default [50, 80, 100] */
  at: v.optional(
    v.pipe(
      v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100))),
      v.minLength(1),
      v.maxLength(10),
      v.transform((levels) => [...new Set(levels)].sort((a, b) => a - b)),
    ),
    [50, 80, 100],
  ),
  /** The URL that gets each alert as a signed POST; `http:` only on this machine. @default none */
  webhook: v.optional(v.pipe(v.string(), v.check(isWebhook, WEBHOOK_FORM))),
  /** The SNS topic that each alert is published to, in the region of the stack. @default none */
  topicArn: v.optional(
    v.pipe(v.string(), v.regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}$/)),
  ),
});
