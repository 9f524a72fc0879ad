/**
 * The compiled part of AWS's runtime client, in JavaScript, so that it runs without a compiler: it fetches invocations
 * and posts whole answers. It is preloaded into a sandbox, and takes the place of `rapid-client.node`. All else is AWS's
 * own. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, nextResolve) =>
    specifier === './rapid-client.node'
      ? { url: import.meta.url, format: 'module', shortCircuit: true }
      : nextResolve(specifier, context),
});

// AWS's own part is compiled and loads none of Node's modules. An import would load undici too.
const { Agent, request } = process.getBuiltinModule('node:http');

const PATH = '/2018-06-01/runtime/invocation';
const XRAY_CAUSE_CHARS_MAX = 4_096;
const [hostname, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? '').split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body = '', headers = {}) {
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  const all = method === 'GET' ? headers : { ...length, ...headers };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, agent, headers: all }, (response) => {
      let bodyJson = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        bodyJson += text;
      });
      response.on('end', () => resolve({ bodyJson, headers: response.headers }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The next invocation is asked for only when the last answer has been taken, as AWS's own part does. */
let posted = Promise.resolve();

export async function next() {
  await posted;
  const { user, system } = process.cpuUsage();
  return call('GET', `${PATH}/next`, '', { 'sandbox-cpu-micros': String(user + system) });
}

export function done(id, body) {
  posted = call('POST', `${PATH}/${id}/response`, body);
}

export function error(id, body, xrayCause) {
  const { errorType = 'Unhandled' } = JSON.parse(body);
  const cause = xrayCause.replaceAll(/[^\x20-\x7e]/g, '?');
  posted = call('POST', `${PATH}/${id}/error`, body, {
    'Lambda-Runtime-Function-Error-Type': errorType,
    ...(cause.length < XRAY_CAUSE_CHARS_MAX && {
      'Lambda-Runtime-Function-XRay-Error-Cause': cause,
    }),
  });
}
