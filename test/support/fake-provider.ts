/** A provider on loopback that sends the replies a test gives it, good or bad, and records the requests. */
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { listen } from '../../local/listen.ts';

/** The next step of a reply: write bytes, wait, drop the connection, or hang for ever. */
export type Step =
  | { readonly write: string | Uint8Array }
  | { readonly waitMs: number }
  | { readonly until: Promise<unknown> }
  | 'die'
  | 'hang';

export interface Reply {
  /** @default 200 */
  readonly status?: number;
  /** @default event stream */
  readonly headers?: Readonly<Record<string, string>>;
  /** After the last step the answer ends. */
  readonly steps: readonly Step[];
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface FakeProvider {
  /** Base URL, up to and with `/v1`. */
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** The number of answers that the gateway left before their end. */
  abortedCount(): number;
  /** The number of answers that were sent to their end. */
  endedCount(): number;
  connectionCount(): number;
  /** The number of connections that are open now. */
  openCount(): number;
  /** Resets all connections, at once. */
  resetConnections(): void;
  /** Sets the reply to the next requests. Each request takes one of a list; the last one is repeated. */
  reply(...replies: readonly Reply[]): void;
  close(): Promise<void>;
}

export async function startFakeProvider(...first: readonly Reply[]): Promise<FakeProvider> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  let replies: Reply[] = [...first];
  let aborted = 0;
  let ended = 0;
  let connections = 0;
  const server = createServer(async (request, response) => {
    const body = await text(request);
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
    });
    response.on('close', () => {
      if (response.writableFinished) ended += 1;
      else aborted += 1;
    });
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    await play(reply ?? { status: 500, steps: [] }, response);
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return {
    url: `${await listen(server)}/v1`,
    requests,
    abortedCount: () => aborted,
    endedCount: () => ended,
    connectionCount: () => connections,
    openCount: () => sockets.size,
    resetConnections: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    reply: (...next) => {
      replies = [...next];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function play(reply: Reply, response: ServerResponse): Promise<void> {
  const [start] = reply.steps;
  if (start === 'hang') return;
  if (start === 'die') {
    response.destroy();
    return;
  }
  response.writeHead(reply.status ?? 200, reply.headers ?? { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  for (const step of reply.steps) {
    if (step === 'hang') return;
    if (step === 'die') {
      response.destroy();
      return;
    }
    if ('waitMs' in step) await wait(step.waitMs);
    else if ('until' in step) await step.until;
    else if (!response.destroyed) response.write(step.write);
  }
  response.end();
}

const ENVELOPE = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };

/** One event of a chat stream. */
export const chatEvent = (
  delta: object,
  { finish = null, ...more }: { finish?: string | null; [member: string]: unknown } = {},
): string =>
  `data: ${JSON.stringify({ ...ENVELOPE, choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`;

export const textEvent = (content: string): string => chatEvent({ content });
export const FINISH_EVENT: string = chatEvent({}, { finish: 'stop' });
export const usageEvent = (usage: object): string =>
  `data: ${JSON.stringify({ ...ENVELOPE, choices: [], usage })}\n\n`;
export const DONE_EVENT = 'data: [DONE]\n\n';

export const usageOf = (promptTokens: number, completionTokens: number): object => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});

/** A whole completion, not streamed. */
export const completion = (content: string, usage?: object): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    ...(usage === undefined ? {} : { usage }),
  });

export const streamReply = (...events: readonly string[]): Reply => ({
  steps: events.map((write) => ({ write })),
});

export const jsonReply = (body: string, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  steps: [{ write: body }],
});
