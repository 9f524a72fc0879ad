/**
 * Secrets Manager on this machine: the operations and errors that Hallpass uses, over loopback, kept in a folder or
 * in memory. Callers sign with this run's random access key id. Anyone else who reaches the port is refused: another
 * user's process, or a web page.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type JsonObject, parseObject } from '../../core/base/json.ts';
import { readBytes } from '../../core/base/read-bytes.ts';
import { endServer, listen } from '../listen.ts';
import { isSignedWith } from '../signed-with.ts';
import { operate, SecretsError } from './operations.ts';
import { openSecretStore } from './store.ts';

export interface LocalSecretsOptions {
  /** The folder of the secrets, a file each with mode 0600. @default in memory */
  readonly folder?: string;
  /** Values by name that hide stored ones and are never written: provider keys of the process's environment. */
  readonly overlay: ReadonlyMap<string, string>;
  /** The access key id that a request must be signed with. */
  readonly accessKeyId: string;
}

export interface LocalSecrets {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Returns true if there is a secret of this name. */
  has(name: string): boolean;
  close(): Promise<void>;
}

/** Above the service's own limit of 65,536 bytes a secret, escaped. */
const REQUEST_BYTES_MAX = 524_288;

/** Starts it. Rejects when the folder or a file in it cannot be read. */
export async function startSecrets(options: LocalSecretsOptions): Promise<LocalSecrets> {
  const store = await openSecretStore(options.folder, options.overlay);
  let last: Promise<unknown> = Promise.resolve();

  /** Carries out operations one after the other. */
  function inTurn(operation: string, input: Record<string, unknown>): Promise<object> {
    const turn = last.then(() => operate(store, operation, input));
    last = turn.catch(() => {}); // Its caller gets the error; the next operation goes on.
    return turn;
  }

  async function answer(request: IncomingMessage): Promise<object> {
    if (!isSignedWith(options.accessKeyId, request.headers.authorization)) {
      throw new SecretsError('UnrecognizedClientException', 'the access key id is not of this run');
    }
    const [prefix, operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    const input = await readInput(request);
    return inTurn(prefix === 'secretsmanager' ? operation : '', input);
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (output) => send(response, 200, output),
      (error: unknown) => sendError(response, error),
    );
  });
  return {
    has: (name) => store.secrets.has(name),
    url: await listen(server),
    close: async () => {
      await endServer(server);
      await last;
    },
  };
}

async function readInput(request: IncomingMessage): Promise<JsonObject> {
  const refuse = (words: string) => new SecretsError('SerializationException', words);
  const body = await readBytes(request, REQUEST_BYTES_MAX, () => refuse('too long'));
  const input = parseObject(body.toString() || '{}');
  if (input === undefined) throw refuse('the body is not a JSON object');
  return input;
}

function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof SecretsError) {
    send(response, 400, { __type: error.name, message: error.message });
  } else {
    send(response, 500, { __type: 'InternalServiceError', message: 'the folder failed' });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
