/**
 * The compiled part of AWS's runtime client, in TypeScript: it fetches invocations and posts whole answers.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import type { IncomingHttpHeaders } from 'node:http';

// AWS's own part is compiled and loads none of Node's modules. An import would load undici too.
const { Agent, request } = process.getBuiltinModule('node:http');

const PATH = '/2018-06-01/runtime/invocation';
const XRAY_CAUSE_CHARS_MAX = 4_096;
const [hostname, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? '').split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

interface Answer {
  readonly bodyJson: string;
  readonly headers: IncomingHttpHeaders;
}

function call(
  method: 'GET' | 'POST',
  path: string,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  const all = method === 'GET' ? headers : { ...length, ...headers };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, agent, headers: all }, (response) => {
      let bodyJson = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        bodyJson += text;
      });
      response.on('end', () => resolve({ bodyJson, headers: response.headers }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The next invocation is asked for only when the last answer has been taken, as AWS's own part does. */
let posted: Promise<unknown> = Promise.resolve();

export const next = async (): Promise<Answer> => {
  await posted;
  return call('GET', `${PATH}/next`);
};

export const done = (id: string, body: string): void => {
  posted = call('POST', `${PATH}/${id}/response`, body);
};

export const error = (id: string, body: string, xrayCause: string): void => {
  const { errorType = 'Unhandled' }: { errorType?: string } = JSON.parse(body);
  const cause = xrayCause.replaceAll(/[^\x20-\x7e]/g, '?');
  posted = call('POST', `${PATH}/${id}/error`, body, {
    'Lambda-Runtime-Function-Error-Type': errorType,
    ...(cause.length < XRAY_CAUSE_CHARS_MAX && {
      'Lambda-Runtime-Function-XRay-Error-Cause': cause,
    }),
  });
};
