/**
 * The provider of the bench: answers at once, streams at a pace, or streams as fast as the socket allows, by the prompt.
 * Each paced chunk contains the instant of its write (CLOCK_MONOTONIC, nanoseconds).
 */
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import { listen } from '../local/listen.ts';
import { serveCommands } from './child.ts';
import { BURST_CHUNKS, HUGE_CHUNKS, PACE_MS, PACED_CHUNKS } from './load.ts';

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const ANSWER = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_795_176_000,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: USAGE,
});

const event = (content: string): string =>
  `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1795176000,"model":"bench","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`;
const END = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1795176000,"model":"bench","choices":[],"usage":${JSON.stringify(USAGE)}}\n\ndata: [DONE]\n\n`;

function streamPaced(response: ServerResponse): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(event(`@${process.hrtime.bigint()}@`));
    if (++sent < PACED_CHUNKS) return;
    clearInterval(timer);
    response.end(END);
  }, PACE_MS);
  response.write(event(`@${process.hrtime.bigint()}@`));
}

async function streamBurst(response: ServerResponse, chunks: number): Promise<void> {
  for (let sent = 0; sent < chunks; sent++) {
    if (!response.write(event('word '))) await once(response, 'drain');
  }
  response.end(END);
}

const server = http.createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text) => {
    body += text;
  });
  request.on('end', () => {
    const stream = /"(paced|burst|huge)"/.exec(body)?.[1];
    if (stream === undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (stream === 'paced') streamPaced(response);
    else void streamBurst(response, stream === 'huge' ? HUGE_CHUNKS : BURST_CHUNKS);
  });
});
server.keepAliveTimeout = 60_000;
serveCommands(`${await listen(server)}/v1`);
