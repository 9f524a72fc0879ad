/**
 * DynamoDB on this machine: dynalite, with the things the gateway needs that it lacks:
 * `ReturnValuesOnConditionCheckFailure` and the time-to-live calls.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import dynalite from 'dynalite';
import db from 'dynalite/db/index.js';
import deleteItem from 'dynalite/validations/deleteItem.js';
import putItem from 'dynalite/validations/putItem.js';
import updateItem from 'dynalite/validations/updateItem.js';
import { isSignedWith } from './signed-with.ts';

/** A table server that runs. */
export interface LocalDynamoDb {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Ends it when what it is writing is written. */
  close(): Promise<void>;
}

export interface LocalDynamoDbOptions {
  /** The folder that keeps the tables, for one process at a time. @default in memory */
  readonly path?: string;
  /** What requests must be signed with. @default anything */
  readonly accessKeyId?: string;
}

/**
 * Starts a table server on loopback.
 * @throws Error when the folder cannot be opened; one whose cause has the code `LEVEL_LOCKED` when another server has
 *   it open
 */
export async function startDynamoDb(options: LocalDynamoDbOptions): Promise<LocalDynamoDb> {
  returnItemsOfFailedConditions();
  const { path, accessKeyId } = options;
  const server = await openDynalite(path);
  const [listener] = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', onlySignedWith(accessKeyId, withTimeToLive(toListener(listener))));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

/** dynalite opens its folder by the way and dies of it when it cannot; so it is opened here, before anything is asked. */
async function openDynalite(path: string | undefined): Promise<Server> {
  const { create } = db;
  let opened: Promise<void> | undefined;
  db.create = (options) => {
    const store = create(options);
    opened = store.db.open();
    return store;
  };
  try {
    const noDelay = { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 };
    return dynalite({ ...(path === undefined ? {} : { path }), ...noDelay });
  } finally {
    db.create = create;
    await opened;
  }
}

/** Turns away whatever else reaches the port: another user's process, or a web page. */
function onlySignedWith(
  accessKeyId: string | undefined,
  listener: RequestListener,
): RequestListener {
  return (request, response) => {
    if (accessKeyId === undefined || isSignedWith(accessKeyId, request.headers.authorization)) {
      listener(request, response);
      return;
    }
    request.resume();
    const body = { __type: 'UnrecognizedClientException', message: 'not of this run' };
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(body));
  };
}

let isPatched = false;

/**
 * Makes a failed condition answer with the item it failed on. It happens inside dynalite's lock on the item, so that
 * what is returned is what the condition saw, as DynamoDB promises.
 */
function returnItemsOfFailedConditions(): void {
  if (isPatched) return; // dynalite's modules are one per process, whatever the number of servers.
  isPatched = true;
  for (const { types } of [updateItem, putItem, deleteItem]) {
    types.ReturnValuesOnConditionCheckFailure = { type: 'String', enum: ['ALL_OLD', 'NONE'] };
  }
  const { checkConditional } = db;
  db.checkConditional = (data, existing) => {
    const error = checkConditional(data, existing);
    if (error && existing && data.ReturnValuesOnConditionCheckFailure === 'ALL_OLD') {
      error.body = { ...error.body, Item: existing };
    }
    return error;
  };
}

/** Settings of time to live, kept and told but not acted on: nothing is ever removed locally. */
function withTimeToLive(listener: RequestListener): RequestListener {
  const settings = new Map<string, TimeToLive>();
  return (request, response) => {
    const [, operation] = String(request.headers['x-amz-target'] ?? '').split('.');
    if (operation !== 'UpdateTimeToLive' && operation !== 'DescribeTimeToLive') {
      listener(request, response);
      return;
    }
    void readJson(request).then((input) => {
      const { TableName, TimeToLiveSpecification } = parseTimeToLive(input);
      if (TimeToLiveSpecification !== undefined) settings.set(TableName, TimeToLiveSpecification);
      send(response, toTimeToLiveAnswer(operation, settings.get(TableName)));
    });
  };
}

interface TimeToLive {
  readonly Enabled: boolean;
  readonly AttributeName: string;
}

interface TimeToLiveInput {
  readonly TableName: string;
  readonly TimeToLiveSpecification?: TimeToLive;
}

const parseTimeToLive = (input: unknown): TimeToLiveInput => input as TimeToLiveInput;

function toTimeToLiveAnswer(operation: string, setting: TimeToLive | undefined): object {
  if (operation === 'UpdateTimeToLive') return { TimeToLiveSpecification: setting };
  return {
    TimeToLiveDescription: setting?.Enabled
      ? { TimeToLiveStatus: 'ENABLED', AttributeName: setting.AttributeName }
      : { TimeToLiveStatus: 'DISABLED' },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(body));
}

function toListener(listener: unknown): RequestListener {
  if (typeof listener !== 'function') throw new TypeError('dynalite has no request listener');
  return (request, response) => {
    listener(request, response);
  };
}
