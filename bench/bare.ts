/**
 * The least a gateway can be: node:http in, node:http out by a keep-alive agent, bytes piped both ways.
 */
import http from 'node:http';
import { listen } from '../local/listen.ts';
import { serveCommands } from './child.ts';

const upstream = new URL(process.env.BENCH_PROVIDER ?? '');
const agent = new http.Agent({ keepAlive: true });

const server = http.createServer((request, response) => {
  const { host: _host, ...headers } = request.headers;
  const options = {
    agent,
    host: upstream.hostname,
    port: upstream.port,
    path: request.url,
    method: request.method,
    headers,
  };
  const forwarded = http.request(options, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  forwarded.on('error', () => response.destroy());
  request.pipe(forwarded);
});
server.keepAliveTimeout = 60_000;
serveCommands(`${await listen(server)}/v1`);
