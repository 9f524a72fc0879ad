/**
 * DynamoDB on this machine: dynalite, and the two things it lacks that the gateway needs:
 * `ReturnValuesOnConditionCheckFailure` and transactions of updates. Items past their time to live stay.
 */
import type { RequestListener, Server, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import dynalite from 'dynalite';
import db from 'dynalite/db/index.js';
import deleteItem from 'dynalite/validations/deleteItem.js';
import putItem from 'dynalite/validations/putItem.js';
import updateItem from 'dynalite/validations/updateItem.js';
import { endServer, listen } from '../listen.ts';
import { isSignedWith } from '../signed-with.ts';
import { conflicting, type TableAnswer, transactWrite, WriteGate } from './transactions.ts';

/** A running table server. */
export interface LocalDynamoDb {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Ends the server after its writes in progress. */
  close(): Promise<void>;
}

export interface LocalDynamoDbOptions {
  /** The tables' folder, which one process at a time can open. @default in memory */
  readonly path?: string;
  /** The access key id that requests must be signed with. @default any */
  readonly accessKeyId?: string;
  /** Called once for each transaction: true cancels it with a conflict. @default never */
  readonly isConflicting?: () => boolean;
}

/**
 * Starts a table server on loopback.
 * @throws Error when the folder cannot be opened; its cause has the code `LEVEL_LOCKED` when another server has it open
 */
export async function startDynamoDb(options: LocalDynamoDbOptions): Promise<LocalDynamoDb> {
  returnItemsOfFailedConditions();
  const { path, accessKeyId, isConflicting = () => false } = options;
  const { server, store } = await openDynalite(path);
  const [listener] = server.listeners('request');
  server.removeAllListeners('request');
  const complete = withTransactions(toListener(listener), store, isConflicting);
  server.on('request', onlySignedWith(accessKeyId, complete));
  return { url: await listen(server), close: () => endServer(server) };
}

/** Opens the folder before the first request. dynalite itself opens it in passing, and a failure ends the process. */
async function openDynalite(
  path: string | undefined,
): Promise<{ readonly server: Server; readonly store: db.DynaliteStore }> {
  const { create } = db;
  const opened: Promise<db.DynaliteStore>[] = [];
  db.create = (options) => {
    const store = create(options);
    opened.push(store.db.open().then(() => store));
    return store;
  };
  let server: Server;
  try {
    const noDelay = { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 };
    server = dynalite({ ...(path === undefined ? {} : { path }), ...noDelay });
  } finally {
    db.create = create;
  }
  const [store] = await Promise.all(opened);
  if (store === undefined) throw new TypeError('dynalite made no store');
  return { server, store };
}

/** Refuses anyone else who reaches the port: another user's process, or a web page. */
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
    send(response, { status: 400, body });
  };
}

let isPatched = false;

/**
 * Makes a failed condition answer with the item it failed on. It does so inside dynalite's lock on the item: as
 * DynamoDB promises, the answer is the item that the condition saw.
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

/** Answers `TransactWriteItems`, and holds back other writes meanwhile. */
function withTransactions(
  listener: RequestListener,
  store: db.DynaliteStore,
  isConflicting: () => boolean,
): RequestListener {
  const gate = new WriteGate();
  const guarded = gate.guard(listener);
  return (request, response) => {
    const [, operation] = String(request.headers['x-amz-target'] ?? '').split('.');
    if (operation !== 'TransactWriteItems') {
      guarded(request, response);
      return;
    }
    void json(request)
      .then((input) =>
        isConflicting() ? conflicting() : gate.alone(() => transactWrite(store, input)),
      )
      .then(
        (answer) => send(response, answer),
        () => response.destroy(), // A mistake in the call, or the server ends: the caller sees a broken connection.
      );
  };
}

function send(response: ServerResponse, { status, body }: TableAnswer): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(body));
}

function toListener(listener: unknown): RequestListener {
  if (typeof listener !== 'function') throw new TypeError('dynalite has no request listener');
  return (request, response) => {
    listener(request, response);
  };
}
