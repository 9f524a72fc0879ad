/**
 * A proxy in front of the table server: keeps a journal of the calls and, where a test says so, makes them fail.
 */
import http, { type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { endServer, listen } from '../../local/listen.ts';

/**
 * `drop`: the call never arrives. `lose`: it is carried out, and the answer is lost. `throttle`: it is refused as one
 * too many. `hang`: it never arrives and gets no answer. `afterMs`: it is carried out, and answered that much later.
 */
export type Fate = 'pass' | 'drop' | 'lose' | 'throttle' | 'hang' | { readonly afterMs: number };

export interface TableCall {
  /** `UpdateItem`, `PutItem`, … */
  readonly operation: string;
  readonly table: string;
  readonly atMs: number;
  /** The request's JSON text. */
  readonly text: string;
}

/** True of the write that takes a hold: it says that the wallet has no hold of this request. */
export function isReserve({ operation, text }: TableCall): boolean {
  if (operation !== 'UpdateItem') return false;
  const { ExpressionAttributeNames: names = {}, ConditionExpression: condition = '' } =
    JSON.parse(text);
  return Object.entries<string>(names).some(
    ([placeholder, name]) =>
      name.startsWith('~') && condition.includes(`attribute_not_exists(${placeholder})`),
  );
}

export interface TableProxy {
  readonly url: string;
  /** Every call since the last `clear`, in the order of arrival. */
  readonly journal: readonly TableCall[];
  clear(): void;
  close(): Promise<void>;
}

const THROTTLED = JSON.stringify({
  __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
});

/** Starts the proxy on loopback. `decide` is called once for each call. */
export async function startTableProxy(
  tableUrl: string,
  decide: (call: TableCall) => Fate = () => 'pass',
): Promise<TableProxy> {
  const journal: TableCall[] = [];
  const agent = new http.Agent({ keepAlive: true });
  const forward = async (request: IncomingMessage, body: Buffer) => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { agent, method: 'POST', headers: request.headers };
      http.request(tableUrl, options, resolve).on('error', reject).end(body);
    });
    return { answer, answerBody: await buffer(answer) };
  };
  const server = http.createServer(async (request, response) => {
    const body = await buffer(request);
    const text = body.toString();
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const table = /"TableName":"([^"]+)"/.exec(text)?.[1] ?? '';
    const call = { operation, table, atMs: performance.now(), text };
    journal.push(call);
    const fate = decide(call);
    if (fate === 'drop') {
      request.socket.destroy();
      return;
    }
    if (fate === 'hang') return;
    if (fate === 'throttle') {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(THROTTLED);
      return;
    }
    const answered = await forward(request, body).catch(() => undefined);
    if (answered === undefined) {
      request.socket.destroy();
      return;
    }
    const { answer, answerBody } = answered;
    if (typeof fate === 'object') await wait(fate.afterMs);
    if (fate === 'lose') request.socket.destroy();
    else response.writeHead(answer.statusCode ?? 502, answer.headers).end(answerBody);
  });
  return {
    url: await listen(server),
    journal,
    clear: () => {
      journal.length = 0;
    },
    close: () => {
      agent.destroy();
      return endServer(server);
    },
  };
}
