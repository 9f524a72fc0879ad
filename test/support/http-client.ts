/** Plain HTTP for tests: sends requests unchanged, with doubled headers too. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface SendOptions {
  readonly method?: string;
  /** A name's values, or alternating names and values. */
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Sends a request and returns when the answer's head has arrived. */
export function open(
  url: string,
  options: SendOptions = {},
): Promise<{ response: IncomingMessage; sent: ClientRequest }> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: false }, (response) => resolve({ response, sent }));
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers).flat();
    const grouped = new Map<string, string[]>();
    for (let index = 0; index < pairs.length; index += 2) {
      const name = pairs[index] ?? '';
      grouped.set(name, [...(grouped.get(name) ?? []), pairs[index + 1] ?? '']);
    }
    for (const [name, values] of grouped)
      sent.setHeader(name, values.length > 1 ? values : (values[0] ?? ''));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends a request and reads the whole answer. Rejects when it is cut short. */
export async function send(url: string, options: SendOptions = {}): Promise<Answer> {
  const { response } = await open(url, options);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: await text(response),
  };
}
