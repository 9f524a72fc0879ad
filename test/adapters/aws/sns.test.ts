import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callSns, makeTopic } from '../../../adapters/aws/sns.ts';
import type { Alert } from '../../../core/wallet/alerts/alert.ts';
import { endServer, listen } from '../../../local/listen.ts';

const TOPIC = 'arn:aws:sns:us-east-1:123456789012:alerts';
const ALERT: Alert = {
  key: 'kürs',
  user: 'ada@example.edu',
  level: 80,
  per: 'user',
  window: 'month',
  limit: '10000000000',
  used: '8000000000',
  resetsAtMs: null,
  reachedAtMs: 0,
};

let url: string;
let status = 200;
const requests: { readonly authorization: string | undefined; readonly body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  request.on('end', () => {
    requests.push({ authorization: request.headers.authorization, body });
    response.writeHead(status).end('<PublishResponse/>');
  });
});
beforeAll(async () => {
  url = await listen(server);
});
afterAll(() => endServer(server));

const topic = (snsUrl: string) => {
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
  return makeTopic(callSns({ snsUrl, region: 'us-east-1', credentials }, 5_000), TOPIC);
};

test('publishes an alert by a signed form, with a subject that SNS accepts', async () => {
  await topic(url).send(ALERT, 'al_1');

  const [{ authorization, body } = { authorization: '', body: '' }] = requests;
  const form = Object.fromEntries(new URLSearchParams(body));
  expect(authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=id\/\d{8}\/us-east-1\/sns\/aws4_request/,
  );
  expect(form).toMatchObject({
    Action: 'Publish',
    Version: '2010-03-31',
    TopicArn: TOPIC,
    Subject: 'Hallpass: ada@example.edu has used 80 % of 10 USD a month (key "k?rs")',
  });
  expect(JSON.parse(form.Message ?? '')).toMatchObject({ id: 'al_1', level: 80, user: ALERT.user });
});

test('fails if the topic refuses or is out of reach, and says nothing of the alert', async () => {
  status = 403;
  await expect(topic(url).send(ALERT, 'al_1')).rejects.toThrow('Publish: Refused (403)');
  status = 200;
  await expect(topic('http://127.0.0.1:9').send(ALERT, 'al_1')).rejects.toThrow(
    'Publish: NetworkError (0)',
  );
});
