/**
 * A provider on loopback that makes an agent call one of its tools once, and then ends the turn.
 * It speaks the four dialects, counts each request the same, and remembers what it was sent.
 */
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { endServer, listen } from '../../local/listen.ts';
import type { RecordedRequest } from '../support/fake-provider.ts';
import { type Answer, answerTo, type ToolUse } from './answers.ts';

export interface StandIn {
  /** Without a path. */
  readonly origin: string;
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

export async function startStandIn(use: ToolUse): Promise<StandIn> {
  const requests: RecordedRequest[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const { method = '', url: path = '', headers } = request;
    requests.push({ method, path, headers, body });
    send(response, method === 'POST' ? answerTo({ path, body: JSON.parse(body), use }) : undefined);
  });
  const origin = await listen(server);
  return { origin, requests, close: () => endServer(server) };
}

function send(response: ServerResponse, answer: Answer | undefined): void {
  if (answer === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":{"message":"no such route","type":"not_found_error","code":404}}');
  } else if ('events' in answer) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(answer.events.join(''));
  } else {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body));
  }
}
