/**
 * Publishes alerts to a topic of SNS, whose protocol is a form and not JSON. Nobody waits for it.
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
import { type Alert, toAlertBody, toAlertText } from '../../core/wallet/alerts/alert.ts';
import type { AlertChannel } from '../../core/wallet/alerts/ports.ts';
import { type AwsCall, AwsCallError } from './aws-call.ts';
import type { Environment } from './environment.ts';
import { makeRequestSigner } from './signature.ts';

const VERSION = '2010-03-31';

/** Makes the call to the topics of an endpoint. Its input is flat, and its output is empty. */
export function callSns(
  { snsUrl, region, credentials }: Pick<Environment, 'snsUrl' | 'region' | 'credentials'>,
  timeoutMs: number,
): AwsCall {
  const sign = makeRequestSigner({ service: 'sns', region, credentials });
  const url = new URL(snsUrl).href;
  return async (operation, input, withinMs = timeoutMs) => {
    const form = { Action: operation, Version: VERSION, ...input };
    const body = new URLSearchParams(Object.entries(form)).toString();
    const named = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const added = sign({ method: 'POST', url, headers: named, body, atMs: Date.now() });
    const signal = AbortSignal.timeout(Math.min(withinMs, timeoutMs));
    const answer = await fetch(url, {
      ...{ method: 'POST', headers: { ...named, ...added }, body, signal, redirect: 'error' },
    }).catch(() => {
      throw new AwsCallError(signal.aborted ? 'TimeoutError' : 'NetworkError', operation, 0);
    });
    await answer.body?.cancel();
    if (answer.status !== 200) throw new AwsCallError('Refused', operation, answer.status);
    return {};
  };
}

/** Longer subjects are refused, as are letters that are not ASCII. */
const SUBJECT_CHARS_MAX = 99;

export const makeTopic = (call: AwsCall, topicArn: string): AlertChannel => ({
  name: 'topic',
  async send(alert, id) {
    const message = JSON.stringify(toAlertBody(alert, id));
    await call('Publish', { TopicArn: topicArn, Subject: subjectOf(alert), Message: message });
  },
});

const subjectOf = (alert: Alert): string =>
  `Hallpass: ${toAlertText(alert)}`.replaceAll(/[^ -~]/g, '?').slice(0, SUBJECT_CHARS_MAX);
