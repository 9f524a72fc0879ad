/**
 * Alerts of a deployed stack: the sweep publishes them to a topic, and a queue that listens to it shows them.
 */

import { callAws } from './aws.ts';
import { ALERT_TOPIC } from './configs.ts';
import { ACCOUNT, REGION } from './emulator.ts';
import { expectThat, type Life } from './tools.ts';

const arnOf = (service: string, name: string): string =>
  `arn:aws:${service}:${REGION}:${ACCOUNT}:${name}`;
const INBOX = 'inbox';

const ask = (life: Life, service: string, members: Readonly<Record<string, string>>) =>
  callAws(life, service, '/', { method: 'POST', body: new URLSearchParams(members) });

/** Makes the topic, and a queue that takes what is published to it. Returns the queue's URL. */
export async function makeInbox(life: Life): Promise<string> {
  await ask(life, 'sns', { Action: 'CreateTopic', Name: ALERT_TOPIC });
  const queue = await ask(life, 'sqs', { Action: 'CreateQueue', QueueName: INBOX });
  await ask(life, 'sns', {
    Action: 'Subscribe',
    TopicArn: arnOf('sns', ALERT_TOPIC),
    Protocol: 'sqs',
    Endpoint: arnOf('sqs', INBOX),
  });
  return /<QueueUrl>([^<]+)</.exec(queue)?.[1] ?? '';
}

/** The queue must hold an alert of this level. */
export async function expectAlert(life: Life, queueUrl: string, level: number): Promise<void> {
  const members = { Action: 'ReceiveMessage', QueueUrl: queueUrl, MaxNumberOfMessages: '10' };
  const answer = await ask(life, 'sqs', members);
  const isThere = answer.replaceAll(/&quot;|\\|&#34;/g, '"').includes(`level"":${level}`);
  expectThat(isThere, `no alert of ${level} % was published, got ${answer}`);
}
