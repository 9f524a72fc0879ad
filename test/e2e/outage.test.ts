/**
 * Tables and secrets that fail under a running gateway. Before the provider is called: closed, with 503 and nothing
 * sent. After it: the client has its answer, and the books are right in the end.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { type FaultyGateway, startFaultyGateway } from '../support/faulty-gateway.ts';
import type { Answer } from '../support/http-client.ts';
import { type Fate, isReserve, type TableCall } from '../support/table-proxy.ts';

const HELD = 160_000n;
const COST = 40_000n;
/** A call waits as long as in the proxy's function. */
const CALL_TIMEOUT_MS = 3_000;
const TOO_LATE_MS = 3_300;

/** Each test has gateways of its own, and spends most of its time in their time-outs: the tests run side by side. */
const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
});

async function start(fate?: (call: TableCall) => Fate): Promise<FaultyGateway> {
  const faulty = await startFaultyGateway({ callTimeoutMs: CALL_TIMEOUT_MS });
  closers.push(faulty.close);
  faulty.decide(fate);
  return faulty;
}

const always = (fate: Fate) => (): Fate => fate;
const isRow = ({ operation }: TableCall): boolean => operation === 'PutItem';
const codeOf = ({ text }: Answer): string => JSON.parse(text).error?.code ?? 'none';

/** Once all leases have ended: nothing is held, and what is counted is what the rows say. */
async function expectClosed({ decide, sweepLater, books }: FaultyGateway, spent: bigint) {
  decide(undefined);
  const { failed, finished } = await sweepLater();
  const { wallet, ...rest } = await books();
  expect([failed, finished]).toEqual([0, true]);
  expect([wallet?.holds.size ?? 0, wallet?.inFlight ?? 0]).toEqual([0, 0]);
  expect([rest.spent, rest.billed]).toEqual([spent, spent]);
}

/** Each row waits for time-outs, so they wait side by side. */
async function sideBySide<Row>(rows: readonly Row[], run: (row: Row) => Promise<void>) {
  for (const outcome of await Promise.allSettled(rows.map(run))) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

describe.concurrent('before the provider is called,', () => {
  // guarantee: table-fails-before
  test.each<[string, (call: TableCall) => Fate]>([
    ['is throttled', always('throttle')],
    ['is unreachable', always('drop')],
    ['loses every answer', always('lose')],
    ['loses the answers of the wallets only', (call) => (isRow(call) ? 'pass' : 'lose')],
    ['is unreachable for the wallets only', (call) => (isRow(call) ? 'pass' : 'drop')],
  ])('a table that %s ends the request with 503: nothing is sent or spent', async (_, fate) => {
    const faulty = await start(fate);

    const answer = await faulty.ask();

    expect([answer.status, codeOf(answer)]).toEqual([503, 'service_unavailable']);
    expect(faulty.provider.requests).toHaveLength(0);
    expect(faulty.calls.filter(isReserve)).toHaveLength(3);
    await expectClosed(faulty, 0n);
  });

  // guarantee: table-silent-before
  test('a table that answers late or never ends the request with 503 after three tries: nothing is sent', async () => {
    await sideBySide<Fate>(['hang', { afterMs: TOO_LATE_MS }], async (fate) => {
      const faulty = await start(always(fate));

      const answer = await faulty.ask();

      expect([answer.status, codeOf(answer)]).toEqual([503, 'service_unavailable']);
      expect(faulty.calls.filter(isReserve)).toHaveLength(3);
      expect(faulty.provider.requests).toHaveLength(0);
      await expectClosed(faulty, 0n);
    });
  });

  // guarantee: table-slow
  test('a table that fails twice, or is slow, lets the request be served and billed once', async () => {
    let calls = 0;
    const fates: ((call: TableCall) => Fate)[] = [
      () => (calls++ < 2 ? 'throttle' : 'pass'),
      always({ afterMs: 250 }),
    ];
    for (const fate of fates) {
      const faulty = await start(fate);

      expect((await faulty.ask()).status).toBe(200);

      expect(faulty.provider.requests).toHaveLength(1);
      expect((await faulty.books()).statuses).toEqual(['exact']);
      await expectClosed(faulty, COST);
    }
  });
});

describe.concurrent('after the provider was called,', () => {
  // guarantee: table-fails-after
  test.each<[string, Fate]>([
    ['is throttled', 'throttle'],
    ['loses its answers', 'lose'],
    ['is unreachable', 'drop'],
  ])('a table that %s for a second sees one settle', async (_, fate) => {
    let failsUntilMs: number | undefined;
    const faulty = await start((call) => {
      if (isReserve(call)) return 'pass';
      failsUntilMs ??= performance.now() + 1_000;
      return performance.now() < failsUntilMs ? fate : 'pass';
    });

    expect((await faulty.ask()).status).toBe(200);

    const { wallet, spent, billed, statuses } = await faulty.books();
    expect([wallet?.inFlight, spent, billed, statuses]).toEqual([0, COST, COST, ['exact']]);
    await expectClosed(faulty, COST);
  });

  // guarantee: table-fails-long
  // The five seconds are held by test/core/wallet/settle.test.ts, whose clock is moved by hand.
  test('a table that fails for good lets the client have its whole answer, and the sweep closes the hold', async () => {
    const rows: [(call: TableCall) => Fate, bigint, string][] = [
      // No row: whether the provider was called cannot be known, and the cap must hold.
      [(call) => (isReserve(call) ? 'pass' : 'throttle'), HELD, 'swept'],
      [(call) => (isReserve(call) ? 'pass' : 'hang'), HELD, 'swept'],
      // A row, by whichever way it came: what it says.
      [(call) => (isReserve(call) || isRow(call) ? 'pass' : 'drop'), COST, 'exact'],
      [(call) => (isReserve(call) ? 'pass' : { afterMs: TOO_LATE_MS }), COST, 'exact'],
      [(call) => (isReserve(call) ? 'pass' : 'lose'), COST, 'exact'],
    ];
    await sideBySide(rows, async ([fate, spent, status]) => {
      const faulty = await start(fate);

      const answer = await faulty.ask();

      expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('four')]);
      await expectClosed(faulty, spent);
      expect((await faulty.books()).statuses).toEqual([status]);
    });
  });

  test('a table that fails during a stream does not keep its end back', async () => {
    const faulty = await start((call) => (isReserve(call) ? 'pass' : 'throttle'));
    const event = 'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n';
    faulty.provider.reply({ steps: [{ write: `${event}data: [DONE]\n\n` }] });

    const { status, text } = await faulty.ask({ stream: true });

    expect([status, text]).toEqual([200, `${event}data: [DONE]\n\n`]);
    await expectClosed(faulty, HELD);
  });
});

describe.concurrent('a function that dies', () => {
  /** A request makes three calls. From one of them on it reaches nothing; that one may still have arrived. */
  const deaths = [0, 1, 2].flatMap((at) =>
    (['drop', 'lose'] as const).map((fate) => [at, fate] as const),
  );

  // guarantee: never-lost, killed-anywhere
  test('at any of its calls has its hold closed by the sweep, and its late settle changes nothing', async () => {
    await sideBySide(deaths, async ([at, fate]) => {
      let seen = 0;
      const unsent: TableCall[] = [];
      const faulty = await start((call) => {
        seen += 1;
        if (seen <= at) return 'pass';
        unsent.push(call);
        return seen === at + 1 ? fate : 'drop';
      });
      await faulty.ask();
      faulty.decide(undefined);
      const { wallet, spent } = await faulty.books();
      expect(spent).toBeLessThanOrEqual(HELD);

      await faulty.gateway.sweep();
      // Its lease has not ended: nothing is closed before.
      expect((await faulty.books()).wallet?.holds.size ?? 0).toBe(wallet?.holds.size ?? 0);

      const wasCalled = faulty.provider.requests.length === 1;
      const charged =
        at === 0 && fate === 'drop' ? 0n : at === 2 || (at === 1 && fate === 'lose') ? COST : HELD;
      expect(wasCalled).toBe(at > 0);
      await expectClosed(faulty, charged);

      const { call } = faulty.gateway.tables;
      const late = unsent.filter((each) => !isReserve(each));
      for (const { operation, text } of late)
        await call(operation, JSON.parse(text)).catch(() => {});
      const after = await faulty.books();
      expect([after.spent, after.billed]).toEqual([charged, charged]);
    });
  });

  // guarantee: late-reserve
  test('takes one hold at most when its reserves arrive late', async () => {
    const faulty = await start(always('drop'));
    await faulty.ask();
    faulty.decide(undefined);
    const reserves = faulty.calls.filter(isReserve);
    for (const { operation, text } of reserves) {
      await faulty.gateway.tables.call(operation, JSON.parse(text)).catch(() => {});
    }

    expect((await faulty.books()).spent).toBe(HELD);
    await expectClosed(faulty, HELD);
  });
});
