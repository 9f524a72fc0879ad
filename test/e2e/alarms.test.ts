/**
 * Each alarm of the stack is started by the failure that it names, in a gateway whose functions run, and by no other.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeApiKey } from '../../core/keys/api-key.ts';
import { completion, jsonReply, usageOf } from '../support/fake-provider.ts';
import { makeTemplate } from '../support/stack.ts';
import { isReserve, type TableCall } from '../support/table-proxy.ts';
import { startWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts';

const TABLE = { keys: 'hallpass-keys', wallets: 'hallpass-wallets', usage: 'hallpass-usage' };
/** Longer than any lease. */
const LATER_MS = 7_200_000;

let watched: WatchedGateway;
beforeAll(async () => {
  watched = await startWatchedGateway(makeTemplate());
});
afterEach(() => {
  vi.useRealTimers();
  watched.heal();
});
afterAll(() => watched.close());

let strangers = 0;
/** A key that nobody has made or asked for: its record is looked for in the table. */
function unknownKey(): string {
  strangers += 1;
  return makeApiKey(Buffer.alloc(32, strangers));
}

/** Lets a period pass in which the sweep runs. Returns the alarms that are on at its end. */
async function pass(act: () => Promise<unknown> = () => watched.ask()): Promise<readonly string[]> {
  await act();
  await watched.sweep();
  return watched.endPeriod();
}

/** As `pass`, three times. */
async function passThree(act?: () => Promise<unknown>): Promise<readonly (readonly string[])[]> {
  return [await pass(act), await pass(act), await pass(act)];
}

/** Refuses the first two calls of a kind, as a table that is asked too much does. */
function throttleTwice(isMeant: (call: TableCall) => boolean): void {
  let calls = 0;
  watched.decide((call) => (isMeant(call) && calls++ < 2 ? 'throttle' : 'pass'));
}

describe('no alarm is on', () => {
  test('while requests end well, are refused, and the sweep finds nothing', async () => {
    const alarms = await passThree(async () => {
      expect((await watched.ask()).status).toBe(200);
      expect((await watched.ask(unknownKey())).status).toBe(401);
    });
    expect(alarms).toEqual([[], [], []]);
  });

  test('after one period of failures of a kind that ends by itself', async () => {
    watched.provider.reply(jsonReply('{}', 500));
    const [first] = [await pass()];
    watched.heal();
    expect([first, await pass(), await pass()]).toEqual([[], [], []]);
  });
});

// guarantee: alarms-can-fire
describe('an alarm starts when', () => {
  test('ServerErrors: a provider fails in two periods of three', async () => {
    watched.provider.reply(jsonReply('{}', 500));
    const alarms = await passThree(async () => {
      expect((await watched.ask()).status).toBe(502);
    });
    expect(alarms).toEqual([[], ['ServerErrors'], ['ServerErrors']]);
  });

  test('AuthorizerErrors: the authorizer cannot read its table', async () => {
    watched.decide(({ table }) => (table === TABLE.keys ? 'drop' : 'pass'));
    const alarms = await passThree(async () => {
      expect((await watched.ask(unknownKey())).status).toBe(503);
    });
    const both = ['ServerErrors', 'AuthorizerErrors'];
    expect(alarms).toEqual([[], both, both]);
  });

  test('SweepErrors: the sweep cannot read the wallets', async () => {
    watched.decide(({ operation }) => (operation === 'Query' ? 'drop' : 'pass'));
    expect(await passThree()).toEqual([[], ['SweepErrors'], ['SweepErrors']]);
  });

  test('SweepMissing: the sweep does not run in three periods', async () => {
    await pass();
    const alarms = [];
    for (let periods = 0; periods < 3; periods += 1) {
      await watched.ask();
      alarms.push(watched.endPeriod());
    }
    expect(alarms).toEqual([[], [], ['SweepMissing']]);
    expect(await pass()).toEqual([]);
  });

  test('SettleFailures: no table can be written after the provider has answered', async () => {
    watched.decide((call) => (isReserve(call) || call.table === TABLE.keys ? 'pass' : 'drop'));
    const alarms = await pass(async () => {
      expect((await watched.ask()).status).toBe(200);
      watched.decide(undefined);
    });
    expect(alarms).toEqual(['SettleFailures']);
    expect(await pass()).toEqual([]);
  });

  test('Overruns: a provider bills more than the request held', async () => {
    watched.provider.reply(jsonReply(completion('four', usageOf(1, 400))));
    expect(await pass()).toEqual(['Overruns']);
  });

  test('ProxyThrottles: more streams are open than the proxy may have', async () => {
    watched.concurrencyMax.proxy = 1;
    watched.provider.reply({ steps: ['hang'] });
    const seen = watched.provider.requests.length;
    const open = watched.ask();
    await expect.poll(() => watched.provider.requests.length).toBe(seen + 1);
    const alarms = await pass(async () => {
      expect((await watched.ask()).status).toBeGreaterThanOrEqual(500);
    });
    watched.provider.resetConnections();
    await open;
    expect(alarms).toEqual(['ProxyThrottles']);
  });

  test('AuthorizerThrottles: the account has no concurrency left for the authorizer', async () => {
    watched.concurrencyMax.authorizer = 0;
    expect(await pass()).toEqual(['AuthorizerThrottles']);
  });

  test('KeysThrottles: DynamoDB throttles reads of the keys', async () => {
    throttleTwice(({ table }) => table === TABLE.keys);
    expect(await pass(() => watched.ask(unknownKey()))).toEqual(['KeysThrottles']);
  });

  test('WalletsThrottles: DynamoDB throttles writes of the wallets', async () => {
    throttleTwice((call) => call.table === TABLE.wallets && call.operation === 'UpdateItem');
    expect(await pass()).toEqual(['WalletsThrottles']);
  });

  test('UsageThrottles: DynamoDB throttles writes of the usage', async () => {
    throttleTwice((call) => call.table === TABLE.usage && call.operation === 'PutItem');
    expect(await pass()).toEqual(['UsageThrottles']);
  });

  test('RequestsDied: a request ends without a settle, and its lease ends', async () => {
    watched.provider.reply({ steps: ['hang'] });
    const seen = watched.provider.requests.length;
    const open = watched.ask().catch(() => undefined);
    await expect.poll(() => watched.provider.requests.length).toBe(seen + 1);
    expect(await pass(async () => {})).toEqual([]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + LATER_MS });
    expect(await pass(async () => {})).toEqual(['RequestsDied']);
    vi.useRealTimers();
    watched.provider.resetConnections();
    await open;
  });
});
