/**
 * The main file of the tables' thread: reports how the server started, and closes it at the first message.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { startDynamoDb } from './server.ts';
import type { Started, ThreadOptions } from './thread.ts';

async function main(port: NonNullable<typeof parentPort>, options: ThreadOptions): Promise<void> {
  const tables = await startDynamoDb(options).catch((error: unknown) => {
    port.postMessage(toFailure(error));
    return undefined;
  });
  if (tables === undefined) return;
  port.once('message', () => void tables.close());
  port.postMessage({ url: tables.url } satisfies Started);
}

/** An error's `code` is lost between threads. */
function toFailure(error: unknown): Started {
  if (!(error instanceof Error)) return { message: 'the tables cannot start', code: undefined };
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return { message: error.message, code };
}

if (parentPort !== null) await main(parentPort, workerData);
