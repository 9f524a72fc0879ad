import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toEventStream } from '../../../adapters/api-gateway/response-stream.ts';

const PATIENT = { patienceMs: 600_000 };

async function* of(...reads: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const read of reads) yield Buffer.from(read);
}

/** A source that gives when the test says so. */
function makeTap() {
  const queue: (string | undefined)[] = [];
  let wake = (): void => {};
  let isRead = false;
  return {
    give(text: string | undefined) {
      queue.push(text);
      wake();
    },
    isRead: () => isRead,
    async *source(): AsyncGenerator<Uint8Array> {
      for (;;) {
        while (queue.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const text = queue.shift();
        if (text === undefined) break;
        yield Buffer.from(text);
      }
      isRead = true;
    },
  };
}

async function settle(): Promise<void> {
  for (let index = 0; index < 5; index++) await turn();
}

describe('toEventStream', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('passes bytes on in order and ends', async () => {
    const stream = toEventStream(of('data: 1\n\n', 'data: 2\n\n'), PATIENT);
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('data: 1\n\ndata: 2\n\n');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('writes a comment every 15 s of silence, and only between events', async () => {
    const tap = makeTap();
    const stream = toEventStream(tap.source(), PATIENT);
    let text = '';
    stream.on('data', (bytes) => {
      text += bytes;
    });
    vi.advanceTimersByTime(15_000);
    tap.give('data: 1\n\n');
    await settle();
    vi.advanceTimersByTime(14_999);
    await settle();
    expect(text).toBe(': keepalive\n\ndata: 1\n\n');
    vi.advanceTimersByTime(15_001);
    tap.give('data: half of');
    await settle();
    vi.advanceTimersByTime(60_000);
    tap.give(' it\r\n\r\n');
    await settle();
    vi.advanceTimersByTime(15_000);
    tap.give(undefined);
    await settle();
    expect(text).toBe(
      ': keepalive\n\ndata: 1\n\n: keepalive\n\n: keepalive\n\ndata: half of it\r\n\r\n: keepalive\n\n',
    );
  });

  // guarantee: slow-reader
  test('reads no further than a slow reader, until the patience ends', async () => {
    const kilobytes = 'x'.repeat(65_536);
    let given = 0;
    async function* plenty(): AsyncGenerator<Uint8Array> {
      for (; given < 10; given++) yield Buffer.from(kilobytes);
    }
    const stream = toEventStream(plenty(), { patienceMs: 1_000 });
    await settle();
    expect(given).toBeLessThan(3);
    vi.advanceTimersByTime(1_000);
    await settle();
    expect(given).toBe(10);
    stream.destroy();
  });

  // guarantee: client-leaves
  test('reads its source to the end after it was destroyed', async () => {
    const tap = makeTap();
    const stream = toEventStream(tap.source(), PATIENT);
    stream.on('data', () => {});
    tap.give('data: 1\n\n');
    await settle();
    stream.destroy();
    tap.give('data: 2\n\n');
    tap.give(undefined);
    await settle();
    expect(tap.isRead()).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('fails when its source throws', async () => {
    // biome-ignore lint/correctness/useYield: a source that fails at once yields nothing
    async function* broken(): AsyncGenerator<Uint8Array> {
      throw new Error('broken');
    }
    await expect(toEventStream(broken(), PATIENT).toArray()).rejects.toThrow('broken');
  });
});
