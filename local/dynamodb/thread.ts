/**
 * The tables in a thread of their own: they take as much processor time as the gateway, and must not hold up its streams.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { LocalDynamoDb, LocalDynamoDbOptions } from './server.ts';

export type ThreadOptions = Pick<LocalDynamoDbOptions, 'path' | 'accessKeyId'>;

/** The thread's first message: where its server listens, or why it could not start. */
export type Started =
  | { readonly url: string }
  | { readonly message: string; readonly code: string | undefined };

/**
 * Starts a table server on loopback in a new thread. A fault of a running server ends the process.
 * @throws Error when the folder cannot be opened; its cause has the code `LEVEL_LOCKED` when another server has it open
 */
export async function startDynamoDbThread(options: ThreadOptions): Promise<LocalDynamoDb> {
  // The neighbour has this file's extension: `.ts` in a clone, `.js` where the package is installed.
  const main = new URL(import.meta.url.replace(/thread(\.\w+)$/, 'thread-main$1'));
  const worker = new Worker(main, { workerData: options });
  // This listens before the first message is read: a worker's exit may come in the same turn as its message.
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const silent = ended.then((): never => {
    throw new Error('the tables ended before they started');
  });
  const [started] = (await Promise.race([once(worker, 'message'), silent])) as [Started];
  if (!('url' in started)) {
    await ended;
    const { message, code } = started;
    throw new Error(message, { cause: Object.assign(new Error(code ?? 'unknown'), { code }) });
  }
  return {
    url: started.url,
    async close() {
      worker.postMessage('close');
      await ended;
    },
  };
}
