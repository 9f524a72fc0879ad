import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makeUpstream } from '../../../adapters/http/upstream.ts';
import { systemClock as clock } from '../../../adapters/system.ts';
import type { GatewayError } from '../../../core/base/errors.ts';
import { type FakeProvider, type Reply, startFakeProvider } from '../../support/fake-provider.ts';

let provider: FakeProvider;
const start = async (...replies: readonly Reply[]): Promise<void> => {
  provider = await startFakeProvider(...replies);
};
afterEach(async () => {
  vi.useRealTimers();
  await provider?.close();
});

/** Longer than a test runs. */
const LONG_MS = 600_000;
/** A test moves the time of deadlines, which a busy machine then does not. */
const holdTime = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

const send = (
  { url = `${provider.url}/chat/completions`, body = '{}', deadlineInMs = 10_000 } = {},
  upstream = makeUpstream(clock),
) =>
  upstream.send({
    url,
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
    body,
    deadlineAtMs: clock.nowMs() + deadlineInMs,
  });

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const read of body) text += Buffer.from(read).toString('latin1');
  return text;
}

const failure = async (attempt: Promise<unknown>): Promise<GatewayError> =>
  attempt.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: GatewayError) => error,
  );

const ok: Reply = { steps: [{ write: 'data: 1\n\n' }] };

describe('makeUpstream', () => {
  test('sends the given method, headers and body, and few headers of its own', async () => {
    await start(ok);
    const response = await send({ body: '{"a":"é"}' });
    expect(response.status).toBe(200);
    expect(await readText(response.body)).toBe('data: 1\n\n');
    expect(provider.requests).toMatchObject([
      { method: 'POST', path: '/v1/chat/completions', body: '{"a":"é"}' },
    ]);
    const { host, ...headers } = provider.requests[0]?.headers ?? {};
    expect(headers).toEqual({
      'content-type': 'application/json',
      authorization: 'Bearer k',
      'user-agent': 'hallpass',
      'accept-encoding': 'identity',
      'content-length': '10',
      connection: 'keep-alive',
    });
  });

  test('passes on only three of the provider’s headers', async () => {
    await start({
      headers: { 'content-type': 'text/event-stream', 'set-cookie': 'x=1', server: 'secret' },
      steps: [],
    });
    expect((await send()).headers).toEqual({ 'content-type': 'text/event-stream' });
  });

  test('keeps the connection for the next request', async () => {
    await start(ok);
    const upstream = makeUpstream(clock);
    for (let index = 0; index < 3; index++) await readText((await send({}, upstream)).body);
    expect(provider.connectionCount()).toBe(1);
  });

  test('closes an idle connection, but not one with a slow answer', async () => {
    await start({ steps: [{ write: 'data: 1\n\n' }, { waitMs: 120 }, { write: 'data: 2\n\n' }] });
    const upstream = makeUpstream(clock, { freeMs: 40 });
    expect(await readText((await send({}, upstream)).body)).toBe('data: 1\n\ndata: 2\n\n');
    expect(await readText((await send({}, upstream)).body)).toBe('data: 1\n\ndata: 2\n\n');
    expect(provider.connectionCount()).toBe(1);
    await expect.poll(() => provider.openCount()).toBe(0);
    await readText((await send({}, upstream)).body);
    expect(provider.connectionCount()).toBe(2);
  });

  test('repeats a request that could not be written to a kept connection', async () => {
    await start(ok);
    const upstream = makeUpstream(clock);
    await readText((await send({}, upstream)).body);
    // Not noticed here before the next write.
    provider.resetConnections();
    expect(await readText((await send({}, upstream)).body)).toBe('data: 1\n\n');
    expect(provider.requests).toHaveLength(2);
    expect(provider.connectionCount()).toBe(2);
  });

  test('keeps the connection when the reader left at the last event', async () => {
    let end = (): void => {};
    const left = new Promise<void>((resolve) => {
      end = resolve;
    });
    await start({ steps: [{ write: 'data: [DONE]\n\n' }, { until: left }] });
    const upstream = makeUpstream(clock, { endGraceMs: LONG_MS });
    for (let index = 0; index < 2; index++) {
      for await (const _ of (await send({ deadlineInMs: LONG_MS }, upstream)).body) break;
      end();
      await expect.poll(() => provider.endedCount()).toBe(index + 1);
      // What the provider wrote is read before a timer that is set now.
      await clock.sleep(1);
    }
    expect(provider.connectionCount()).toBe(1);
    expect(provider.abortedCount()).toBe(0);
  });

  test('ends the connection when the reader left and the provider goes on', async () => {
    await start({ steps: [{ write: 'data: 1\n\n' }, 'hang'] });
    const upstream = makeUpstream(clock, { endGraceMs: 20 });
    for await (const _ of (await send({ deadlineInMs: LONG_MS }, upstream)).body) break;
    await expect.poll(() => provider.abortedCount()).toBe(1);
  });

  test.each([301, 302, 303, 307, 308])('follows no redirect (%i)', async (status) => {
    await start({ status, headers: { location: '/v1/elsewhere' }, steps: [] });
    const response = await send();
    expect([response.status, response.headers]).toEqual([status, {}]);
    expect(provider.requests).toHaveLength(1);
  });

  test('yields the first bytes before the last have arrived', async () => {
    await start({ steps: [{ write: 'data: 1\n\n' }, 'hang'] });
    const reads = (await send()).body[Symbol.asyncIterator]();
    expect(Buffer.from((await reads.next()).value).toString()).toBe('data: 1\n\n');
    await reads.return?.();
  });
});

describe('a provider that fails', () => {
  test('was not reached when nobody listens', async () => {
    await start(ok);
    const { url } = provider;
    await provider.close();
    expect(await failure(send({ url }))).toMatchObject({
      code: 'upstream_error',
      transient: true,
      message: 'The provider failed.',
    });
  });

  // No label of a name has more than 63 bytes, so that no name server is asked.
  test('was not reached when there is no such host', async () => {
    await start(ok);
    expect(await failure(send({ url: `http://${'a'.repeat(64)}.invalid/v1` }))).toMatchObject({
      code: 'upstream_error',
      transient: true,
    });
  });

  test('was not reached when TLS fails', async () => {
    await start(ok);
    const url = provider.url.replace('http:', 'https:');
    expect(await failure(send({ url }))).toMatchObject({ code: 'upstream_error', transient: true });
  });

  test('may have received a request on a connection that broke, so it is sent only once', async () => {
    await start({ steps: ['die'] });
    expect(await failure(send())).toMatchObject({ code: 'upstream_error', transient: false });
    expect(provider.requests).toHaveLength(1);
  });

  test('may have received a request on a kept connection that broke, so it is sent only once', async () => {
    await start(ok, { steps: ['die'] });
    const upstream = makeUpstream(clock);
    await readText((await send({}, upstream)).body);
    expect(await failure(send({}, upstream))).toMatchObject({
      code: 'upstream_error',
      transient: false,
    });
    expect(provider.requests).toHaveLength(2);
  });

  test('is given up at the deadline before its headers', async () => {
    holdTime();
    await start({ steps: ['hang'] });
    const failed = failure(send({ deadlineInMs: LONG_MS }));
    await expect.poll(() => provider.requests.length).toBe(1);
    vi.advanceTimersByTime(LONG_MS);
    expect(await failed).toMatchObject({ code: 'upstream_timeout', transient: false });
    await expect.poll(() => provider.abortedCount()).toBe(1);
  });

  test('is given up at the deadline during its answer', async () => {
    holdTime();
    await start({ steps: [{ write: 'data: 1\n\n' }, 'hang'] });
    const { body } = await send({ deadlineInMs: LONG_MS });
    const failed = failure(readText(body));
    vi.advanceTimersByTime(LONG_MS);
    expect(await failed).toMatchObject({ code: 'upstream_timeout' });
  });

  // guarantee: provider-drips
  test('is given up when it drips past the deadline', async () => {
    holdTime();
    const drip = Array.from({ length: 9 }, () => ({ write: 'd' }));
    await start({ steps: [...drip.flatMap((write) => [write, { waitMs: 1 }]), 'hang'] });
    const { body } = await send({ deadlineInMs: 900 });
    let read = 0;
    const reading = (async () => {
      for await (const drips of body) {
        read += drips.length;
        vi.advanceTimersByTime(100 * drips.length);
      }
    })();
    expect(await failure(reading)).toMatchObject({ code: 'upstream_timeout' });
    expect(read).toBe(9);
  });

  test('is given up when it falls silent', async () => {
    await start({ steps: [{ write: 'data: 1\n\n' }, 'hang'] });
    const { body } = await send({}, makeUpstream(clock, { idleTimeoutMs: 50 }));
    expect(await failure(readText(body))).toMatchObject({
      code: 'upstream_timeout',
      detail: 'the provider did not answer in time: silence',
    });
  });

  test('ends its answer with an error when it dies within it', async () => {
    await start({ steps: [{ write: 'data: 1\n\n' }, { waitMs: 20 }, 'die'] });
    const { body } = await send();
    expect(await failure(readText(body))).toMatchObject({
      code: 'upstream_error',
      transient: false,
    });
  });

  test('is given up when it accepts no connection in time', async () => {
    const hoarder = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => {
      hoarder.listen(0, '127.0.0.1', resolve);
    });
    const { port } = hoarder.address() as AddressInfo;
    // TCP connects, TLS never does.
    const url = `https://127.0.0.1:${port}/v1`;
    const upstream = makeUpstream(clock, { connectTimeoutMs: 50 });
    expect(await failure(send({ url }, upstream))).toMatchObject({
      code: 'upstream_timeout',
      transient: true,
    });
    hoarder.close();
  });
});
