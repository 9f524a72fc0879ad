/**
 * `TransactWriteItems` on this machine, which dynalite lacks: updates of several items, all or none.
 * No other write runs beside a transaction, so it changes the items that its conditions saw. Real tables let others
 * write and cancel a transaction that meets them; a test injects that.
 */
import type { RequestListener } from 'node:http';
import deleteItem from 'dynalite/actions/deleteItem.js';
import getItem from 'dynalite/actions/getItem.js';
import putItem from 'dynalite/actions/putItem.js';
import updateItem from 'dynalite/actions/updateItem.js';
import db from 'dynalite/db/index.js';
import validations from 'dynalite/validations/index.js';
import updateRules from 'dynalite/validations/updateItem.js';

type Json = Readonly<Record<string, unknown>>;
type Action = typeof updateItem;

/** The answer to a request of a table. */
export interface TableAnswer {
  readonly status: number;
  readonly body: object;
}

const WRITES: ReadonlySet<string> = new Set(['UpdateItem', 'PutItem', 'DeleteItem']);

/** Lets writes run side by side, and transactions one at a time with no write beside them. */
export class WriteGate {
  private running = 0;
  private last: Promise<void> = Promise.resolve();
  private wake: () => void = () => {};

  /** Holds back a write while a transaction runs. */
  guard(listener: RequestListener): RequestListener {
    return async (request, response) => {
      const [, operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
      if (!WRITES.has(operation)) {
        listener(request, response);
        return;
      }
      for (let seen: Promise<void> | undefined; seen !== this.last; ) {
        seen = this.last;
        await seen;
      }
      this.running += 1;
      response.once('close', () => {
        this.running -= 1;
        if (this.running === 0) this.wake();
      });
      listener(request, response);
    };
  }

  /** Runs a transaction when those before it and all writes have ended. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.last;
    let finish = (): void => {};
    this.last = new Promise((resolve) => {
      finish = resolve;
    });
    await before;
    try {
      while (this.running > 0) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      return await work();
    } finally {
      finish();
    }
  }
}

/** Carries out a transaction of updates; other kinds are refused. */
export async function transactWrite(store: db.DynaliteStore, input: unknown): Promise<TableAnswer> {
  try {
    const updates = parseTransaction(input).map((update) => parseUpdate(store, update));
    const before: (Json | undefined)[] = [];
    for (const data of updates) before.push(await read(store, data));
    const failures = updates.map((data, index) => db.checkConditional(data, before[index]));
    if (failures.some((failure) => failure)) return cancelled(failures.map(toReason));
    return await apply(store, updates, before);
  } catch (error) {
    if (isTableError(error)) return { status: error.statusCode, body: error.body };
    throw error;
  }
}

/** Returns the answer to a transaction that meets another one. */
export const conflicting = (): TableAnswer =>
  cancelled([{ Code: 'TransactionConflict' }, { Code: 'None' }]);

function cancelled(reasons: readonly { readonly Code: string }[]): TableAnswer {
  const codes = reasons.map(({ Code }) => Code).join(', ');
  return {
    status: 400,
    body: {
      __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
      Message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
      CancellationReasons: reasons,
    },
  };
}

const toReason = (failure: db.DynaliteError | null | undefined) =>
  failure
    ? {
        Code: 'ConditionalCheckFailed',
        Message: 'The conditional request failed',
        ...(failure.body.Item === undefined ? {} : { Item: failure.body.Item }),
      }
    : { Code: 'None' };

/** DynamoDB charges a transaction twice the units of its single writes. */
const CHARGE = 2;

async function apply(
  store: db.DynaliteStore,
  updates: readonly Json[],
  before: readonly (Json | undefined)[],
): Promise<TableAnswer> {
  const units = new Map<string, number>();
  for (const [index, data] of updates.entries()) {
    try {
      const { ConsumedCapacity: consumed } = await act(updateItem, store, data);
      const { CapacityUnits: charged = 0 } = (consumed ?? {}) as { CapacityUnits?: number };
      const table = String(data.TableName);
      units.set(table, (units.get(table) ?? 0) + CHARGE * charged);
    } catch (error) {
      for (let undone = index - 1; undone >= 0; undone -= 1) {
        await restore(store, updates[undone] ?? {}, before[undone]);
      }
      throw error;
    }
  }
  const consumed = [...units].map(([TableName, CapacityUnits]) => ({ TableName, CapacityUnits }));
  return { status: 200, body: { ConsumedCapacity: consumed } };
}

async function read(store: db.DynaliteStore, { TableName, Key }: Json): Promise<Json | undefined> {
  const { Item } = await act(getItem, store, { TableName, Key, ConsistentRead: true });
  return Item as Json | undefined;
}

const restore = (
  store: db.DynaliteStore,
  { TableName, Key }: Json,
  item: Json | undefined,
): Promise<Json> =>
  item === undefined
    ? act(deleteItem, store, { TableName, Key })
    : act(putItem, store, { TableName, Item: item });

const act = (action: Action, store: db.DynaliteStore, data: Json): Promise<Json> =>
  new Promise((resolve, reject) => {
    action(store, data, (error, answer) => (error ? reject(error) : resolve(answer ?? {})));
  });

/** Checks an update by dynalite's own rules, its expressions included. */
function parseUpdate(store: db.DynaliteStore, update: Json): Json {
  const counted = { ...update, ReturnConsumedCapacity: 'TOTAL' };
  const data = validations.checkTypes(counted, updateRules.types);
  validations.checkValidations(data, updateRules.types, updateRules.custom, store);
  return data;
}

function parseTransaction(input: unknown): readonly Json[] {
  const { TransactItems: items } = input as { TransactItems?: readonly { Update?: Json }[] };
  return (items ?? []).map(({ Update }) => {
    if (Update === undefined) throw new TypeError('a local transaction is made of updates only');
    return Update;
  });
}

const isTableError = (error: unknown): error is db.DynaliteError =>
  typeof error === 'object' && error !== null && 'statusCode' in error && 'body' in error;
