/**
 * `npm run bench:reports`: a month of a class, 1,000 students with ten requests a day. Measures `GET /v1/usage` of the
 * owner from rollups and from rows, that of one student, and the rows that `usage audit` reads. The table is a stand-in
 * that answers pages of the real size at once; a page of DynamoDB adds its own time. `--json` prints one object.
 */
import type { AwsCall } from '../adapters/aws/aws-call.ts';
import { makeRollups } from '../adapters/dynamodb/rollups.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { asKeyId, asRequestId, asTokenId, asWalletId, shortDigest } from '../core/base/ids.ts';
import { DAY_MS, isoDay } from '../core/base/limits.ts';
import { asNanoUsd } from '../core/base/money.ts';
import { auditUsage } from '../core/usage/audit/audit.ts';
import { placeOf, startSegment } from '../core/usage/cells.ts';
import { type GroupBy, reportUsage, type UsageAsk } from '../core/usage/report.ts';
import type { UsageRow } from '../core/wallet/usage-row.ts';

const STUDENTS = 1_000;
const ROWS_A_DAY = 10_000;
const DAYS = 30;
/** A page of a megabyte holds so many rows of some 700 bytes. */
const ROWS_A_PAGE = 1_430;
const READ_UNITS_A_PAGE = 256;
const FIRST_MS = Date.parse('2026-11-01T00:00:00Z');
const KEY_ID = asKeyId('k'.repeat(22));

function rowOf(day: number, index: number): UsageRow {
  const student = `student${index % STUDENTS}@example.edu`;
  const reservedAtMs = FIRST_MS + day * DAY_MS + index * 8_000;
  return {
    keyId: KEY_ID,
    walletId: asWalletId(`${KEY_ID}#u${shortDigest(student)}`),
    requestId: asRequestId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`),
    attempt: 1,
    reservedAtMs,
    status: 'exact',
    cost: { usd: asNanoUsd(1_234_567n), tokens: 900n },
    overrunNanoUsd: asNanoUsd(0n),
    tokens: { input: 800, cachedInput: 0, cacheWrite: 0, output: 100, reasoning: 0 },
    counted: [{ per: 'user', unit: 'usd', window: 'month' }],
    provider: 'openai',
    model: `openai/model-${index % 2}`,
    identity: { source: 'token', issuer: '', id: student },
    tokenId: asTokenId(shortDigest('jti', student)),
    tags: { section: `Section ${index % 20}` },
    httpStatus: 200,
    latencyMs: 4_000,
    priceVersion: '2026-11-20',
  };
}

/** Items of one day, as the table answers them, a page each. The rows of another day differ in nothing that is measured. */
async function makePages(): Promise<readonly string[]> {
  const items: unknown[] = [];
  const write: AwsCall = async (_, input) => {
    items.push(Object(input).Item);
    return {};
  };
  const usage = makeUsageRows(write, 'usage');
  for (let index = 0; index < ROWS_A_DAY; index += 1) await usage.put(rowOf(0, index));
  const pages: string[] = [];
  for (let from = 0; from < items.length; from += ROWS_A_PAGE) {
    const page = items.slice(from, from + ROWS_A_PAGE);
    const isLast = from + ROWS_A_PAGE >= items.length;
    const answer = {
      Items: page,
      ConsumedCapacity: { CapacityUnits: READ_UNITS_A_PAGE },
      ...(!isLast && { LastEvaluatedKey: { pk: { S: 'k' }, sk: Object(page.at(-1)).sk } }),
    };
    pages.push(JSON.stringify(answer));
  }
  return pages;
}

/** The rollups of the month, newest first, a page of a megabyte each. */
async function makeRollupPages(): Promise<readonly string[]> {
  const items: unknown[] = [];
  const write: AwsCall = async (_, input) => {
    items.unshift(Object(input).Item);
    return {};
  };
  const rollups = makeRollups(write, 'usage');
  for (let day = 0; day < DAYS; day += 1) {
    const name = isoDay(FIRST_MS + day * DAY_MS);
    const segments = [];
    let after = '';
    let builder = startSegment({ day: name, generation: 1, after });
    for (let index = 0; index < ROWS_A_DAY; index += 1) {
      const row = rowOf(day, index);
      if (builder.add(row, false)) continue;
      segments.push(builder.build(false));
      after = placeOf(rowOf(day, index - 1));
      builder = startSegment({ day: name, generation: 1, after });
      builder.add(row, false);
    }
    segments.push(builder.build(true));
    await rollups.seal(KEY_ID, { day: name, generation: 1, segments: segments.length });
    for (const segment of segments) await rollups.addSegment(KEY_ID, segment);
  }
  const pages: string[] = [];
  let page: unknown[] = [];
  let bytes = 0;
  for (const item of items) {
    page.push(item);
    bytes += JSON.stringify(item).length;
    if (bytes < 1_000_000) continue;
    pages.push(JSON.stringify({ Items: page, LastEvaluatedKey: { sk: Object(item).sk } }));
    page = [];
    bytes = 0;
  }
  return [...pages, JSON.stringify({ Items: page })];
}

const rowPages = await makePages();
const rollupPages = await makeRollupPages();

/** A table with these pages. Each answer is parsed anew, as one that came over the network is. */
function tableOf(hasRollups: boolean) {
  let reads = 0;
  let rollupsRead = 0;
  const rowsRead = new Map<string, number>();
  const read: AwsCall = async (_, input) => {
    reads += 1;
    const values = Object(input).ExpressionAttributeValues;
    const partition = String(values[':pk'].S);
    if (partition.endsWith('#rollups')) {
      rollupsRead += 1;
      return JSON.parse(hasRollups ? (rollupPages[rollupsRead - 1] ?? '{}') : '{}');
    }
    const page = rowsRead.get(partition) ?? 0;
    rowsRead.set(partition, page + 1);
    return JSON.parse(rowPages[page] ?? '{}');
  };
  const usage = {
    readRows: makeUsageRows(read, 'usage').readRows,
    readRollups: makeRollups(read, 'usage').readRollups,
  };
  return { usage, reads: () => reads };
}

const SPAN = { keyId: KEY_ID, fromMs: FIRST_MS, toMs: FIRST_MS + DAYS * DAY_MS };
const figures: Record<string, object> = {};

async function measure(name: string, hasRollups: boolean, ask: Partial<UsageAsk>): Promise<void> {
  const { usage, reads } = tableOf(hasRollups);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const startedAt = process.cpuUsage();
  let heap = 0;
  const watched = {
    readRollups: usage.readRollups,
    readRows: async (...asked: Parameters<typeof usage.readRows>) => {
      heap = Math.max(heap, process.memoryUsage().heapUsed - before);
      return usage.readRows(...asked);
    },
  };
  const groupBy: readonly GroupBy[] = ['user'];
  const report = await reportUsage(
    { ...SPAN, groupBy, readsMax: 20_000, ...ask },
    { usage: watched },
  );
  const { user, system } = process.cpuUsage(startedAt);
  const cpuMs = Math.round((user + system) / 1_000);
  heap = Math.max(heap, process.memoryUsage().heapUsed - before);
  const { truncated, rows, total } = report;
  const line = { cpuMs, reads: reads(), heapMb: Math.round(heap / 1e6), lines: rows.length };
  figures[name] = { ...line, requests: total.requests, truncated };
}

const ada = `${KEY_ID}#u${shortDigest('student7@example.edu')}`;
await measure('owner by user, rollups', true, {});
await measure('owner by user and day, rollups', true, { groupBy: ['user', 'day'] });
await measure('owner by section, rollups', true, { groupBy: ['tag:section'] });
await measure('owner by user, rows', false, {});
const own = { only: { walletId: asWalletId(ada) }, megabytesMax: 10, readsMax: 400 };
await measure('student by day, rollups', true, { ...own, groupBy: ['day'] });
await measure('student by day, rows', false, { ...own, groupBy: ['day'] });

{
  const { usage, reads } = tableOf(false);
  const wallets = {
    find: async () => undefined,
    findDrawn: async () => 0n,
    findHolders: async () => [],
  };
  const clock = { nowMs: () => SPAN.toMs - 1, sleep: async () => {} };
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const startedAt = process.cpuUsage();
  const audit = await auditUsage(
    { keyId: KEY_ID, createdAtMs: FIRST_MS },
    { usage, wallets, clock },
  );
  const { user, system } = process.cpuUsage(startedAt);
  figures['usage audit, rows'] = {
    cpuMs: Math.round((user + system) / 1_000),
    reads: reads(),
    heapMb: Math.round((process.memoryUsage().heapUsed - before) / 1e6),
    lines: audit.wallets,
    requests: audit.rows,
    truncated: audit.truncated,
  };
}

if (process.argv.includes('--json')) console.log(JSON.stringify(figures));
else console.table(figures);
