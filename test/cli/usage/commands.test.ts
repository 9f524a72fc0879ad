import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../../support/hallpass-command.ts';
import { send } from '../../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../../support/local-gateway.ts';
import { startAtNoon } from '../../support/noon.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';

startAtNoon();

const folder = makeTemporaryFolder();
let gateway: TestGateway;
/** The cost of each caller's requests, as they saw it. */
const told = new Map<string, number>();

const usage = (...args: string[]) => runHere(['usage', ...args, '--data', folder]);
const json = async (...args: string[]) => JSON.parse((await usage(...args, '--json')).stdout);

async function chat(user: string, key?: string): Promise<void> {
  const { headers } = await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key ?? gateway.sign({ user, jti: user })}`,
      'content-type': 'application/json',
      'x-conversation-id': 'c1',
      ...(key !== undefined && { 'x-user-email': user }),
    },
    body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: user }] }),
  });
  told.set(user, (told.get(user) ?? 0) + Number(headers['x-hallpass-cost-usd']));
}

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
  await chat('ada');
  await chat('ada');
  await chat('=1+1, "bob"');
});

afterAll(() => gateway.close());

describe('usage', () => {
  test('sums per user the costs that each caller saw, as JSON', async () => {
    const report = await json('--by', 'user,model', '--key', 'demo');
    expect(report).toMatchObject({ group_by: ['user', 'model'], truncated: false });
    expect(report.data).toEqual([
      expect.objectContaining({ user: '=1+1, "bob"', model: 'demo/echo', requests: 1 }),
      expect.objectContaining({
        user: 'ada',
        user_source: 'token',
        wallet: expect.stringMatching(/^u[\w-]{22}$/),
        model: 'demo/echo',
        requests: 2,
        usd: Number((told.get('ada') ?? 0).toFixed(9)),
      }),
    ]);
    expect(report.total.requests).toBe(3);
  });

  test('prints a table by day, and CSV without formulas', async () => {
    const { stdout: table } = await usage();
    expect(table).toMatch(/^DAY {9}REQUESTS {2}INPUT {2}CACHED {2}OUTPUT {2}USD +OVERRUN$/m);
    expect(table).toMatch(/^\d{4}-\d\d-\d\d {2}3 /m);
    expect(table).toMatch(/^total {7}3 /m);
    const { stdout: csv } = await usage('--by', 'user', '--csv', '--key', 'demo');
    const [heading, bob, ada, end] = csv.split('\n');
    expect(heading).toBe(
      'user,requests,input_tokens,cached_input_tokens,output_tokens,usd,overrun_usd',
    );
    expect(bob).toMatch(/^"'=1\+1, ""bob""",1,\d+,0,\d+,0\.0\d+,0$/);
    expect(ada).toMatch(/^ada,2,/);
    expect(end).toBe('');
  });

  test('keeps users of several keys apart, and sums models over all keys', async () => {
    const made = await runHere([
      'keys',
      'create',
      'other',
      '--identity-header',
      '--limit',
      'key:usd:month=5',
      '--json',
      '--data',
      folder,
    ]);
    await chat('ada', JSON.parse(made.stdout).key);
    const byUser = await json('--by', 'user');
    expect(byUser.group_by).toEqual(['key', 'user']);
    expect(byUser.data.map(({ key, user }: never) => [key, user])).toEqual([
      ['demo', '=1+1, "bob"'],
      ['demo', 'ada'],
      ['other', 'ada'],
    ]);
    const byModel = await json('--by', 'model');
    expect(byModel.data).toEqual([expect.objectContaining({ model: 'demo/echo', requests: 4 })]);
    const { data } = await json('--by', 'conversation,key');
    expect(data.map(({ conversation, key }: never) => [conversation, key])).toEqual([
      ['c1', 'demo'],
      ['c1', 'other'],
    ]);
  });

  test('is empty for another time', async () => {
    const report = await json('--from', '2020-01-01', '--to', '2020-01-31');
    expect(report).toMatchObject({ from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z' });
    expect(report.data).toEqual([]);
  });

  test.each<[string[], number, RegExp]>([
    [
      ['--by', 'colour'],
      2,
      /--by must be one or more of user, token, key, model, day, conversation/,
    ],
    [['--from', 'yesterday'], 2, /--from must be a date \(2026-11-20\) or an instant/],
    [['--csv', '--json'], 2, /--csv and --json cannot be used together/],
    [['audit', '--csv'], 2, /unknown option '--csv'/],
    [['--key', 'nobody'], 1, /there is no key "nobody"/],
  ])('%j ends with %i', async (args, status, words) => {
    const result = await usage(...args);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(words);
  });
});

describe('usage audit', () => {
  test('finds no difference between counters and rows', async () => {
    const { status, stdout, stderr } = await usage('audit', '--key', 'demo', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [audit, ...more] = JSON.parse(stdout);
    expect(more).toEqual([]);
    expect(audit).toMatchObject({ key: 'demo', rows: 3, wallets: 2, differences: [] });
    expect(audit.counters).toBeGreaterThan(0);
    expect((await usage('audit')).stdout).toMatch(/no counter differs\n$/);
  });

  /** Adds to an attribute of an item of the wallets. */
  const tamper = (pk: unknown, attribute: string, amount: 1 | -1 = 1) =>
    gateway.tables.call('UpdateItem', {
      TableName: gateway.environment.walletsTable,
      Key: { pk },
      UpdateExpression: 'SET #c = #c + :amount',
      ExpressionAttributeNames: { '#c': attribute },
      ExpressionAttributeValues: { ':amount': { N: String(amount) } },
    });

  test('ends with 1 and names the counter that differs', async () => {
    const [wallet] = (await gateway.tables.scan('wallets')).filter((item) => 'usd:total' in item);
    const { pk, 'usd:total': total } = Object(wallet);
    await tamper(pk, 'usd:total');
    const { status, stdout, stderr } = await usage('audit');
    await tamper(pk, 'usd:total', -1);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'hallpass: counters that differ from the rows of their windows: 1\n',
    });
    expect(stdout).toMatch(
      new RegExp(`${pk.S} +usd:total +${BigInt(total.N) + 1n} +${total.N}$`, 'm'),
    );
  });

  test('compares a key budget with its rows, and names a pool or slice that differs', async () => {
    const before = await usage('audit', '--key', 'other', '--json');
    expect(JSON.parse(before.stdout)).toMatchObject([{ rows: 1, pools: 1, differences: [] }]);
    const items = await gateway.tables.scan('wallets');
    const { pk: pool, drawn } = Object(items.find((item) => 'drawn' in item));
    const { pk: wallet, ...rest } = Object(items.find((item) => 'slices' in item));
    const left = Object.keys(rest).find((name) => name.startsWith('left:')) ?? '';
    await tamper(pool, 'drawn');
    await tamper(wallet, left);
    const { status, stdout } = await usage('audit', '--key', 'other', '--json');
    expect(status).toBe(1);
    const billed = BigInt(drawn.N) - BigInt(rest[left].N);
    expect(JSON.parse(stdout)[0].differences).toEqual([
      {
        item: wallet.S,
        counter: left.replace('left:', 'slice:'),
        counted: String(billed - 1n),
        expected: String(billed),
      },
      {
        item: pool.S,
        counter: 'drawn',
        counted: String(BigInt(drawn.N) + 1n),
        expected: drawn.N,
      },
    ]);
  });
});
