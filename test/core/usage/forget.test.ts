import { beforeEach, describe, expect, test } from 'vitest';
import { asRequestId, asWalletId } from '../../../core/base/ids.ts';
import { isoDay } from '../../../core/base/limits.ts';
import {
  NO_USAGE,
  placeOf,
  type RollupSegment,
  type UsageCell,
} from '../../../core/usage/cells.ts';
import { type ForgetPorts, findUnsummedDays, forgetInUsage } from '../../../core/usage/forget.ts';
import type { UsageRow } from '../../../core/wallet/usage-row.ts';
import { KEY_ID, makeHold, makeRow, NOW_MS, usd } from '../../support/wallet-fixtures.ts';

const DAY_MS = 86_400_000;
const identityOf = (id: string) => ({ source: 'token', issuer: '', id }) as const;

/** Rows and sums by day, and which days' rows were read. */
let rows: UsageRow[];
let segments: RollupSegment[];
let readDays: string[];
let ports: ForgetPorts;

const rowOf = (id: string, reservedAtMs: number): UsageRow =>
  makeRow(
    makeHold({ walletId: asWalletId(`k#u${id}`), requestId: asRequestId(id), reservedAtMs }),
    usd(5),
    {
      identity: identityOf(id),
    },
  );
const segmentOf = (day: string): RollupSegment => ({
  day,
  generation: 1,
  after: '',
  until: '1',
  isLast: true,
  rows: 2,
  cells: ['ann', 'bob'].map(
    (id): UsageCell => ({
      ...NO_USAGE,
      requests: 1,
      walletId: asWalletId(`k#u${id}`),
      identity: identityOf(id),
    }),
  ),
  marked: [],
});
const [YESTERDAY, TODAY] = [isoDay(NOW_MS - DAY_MS), isoDay(NOW_MS)];
const EARLIER = isoDay(NOW_MS - 9 * DAY_MS);

beforeEach(() => {
  rows = [NOW_MS - 9 * DAY_MS, NOW_MS - DAY_MS, NOW_MS].flatMap((atMs) =>
    ['ann', 'bob'].map((id) => rowOf(id, atMs)),
  );
  segments = [segmentOf(EARLIER)];
  readDays = [];
  ports = {
    rollups: {
      findOpenDays: async (_, after) =>
        after === undefined
          ? { days: [], next: 'more' }
          : { days: [{ keyId: KEY_ID, day: YESTERDAY, marked: ['1'] }] },
    },
    usage: {
      readRows: async ({ day, after }) => {
        if (after === undefined) readDays.push(day);
        const found = rows.filter(({ reservedAtMs }) => isoDay(reservedAtMs) === day);
        const page = after === undefined ? found.slice(0, 1) : found.slice(1);
        const next = after === undefined ? { next: 'more' } : {};
        return { rows: page.map((row) => ({ row, isMarked: false })), ...next };
      },
      readRollups: async (_, from, to) => ({
        entries: segments.filter(({ day }) => from <= day && day <= to),
      }),
    },
    names: {
      forgetRow: async (_, day, place) => {
        rows = rows.map((row) => {
          const { identity: _identity, ...rest } = row;
          return isoDay(row.reservedAtMs) === day && placeOf(row) === place ? rest : row;
        });
      },
      forgetCells: async (_, segment, isForgotten) => {
        let count = 0;
        const cells = segment.cells.map((cell) => {
          if (!isForgotten(cell)) return cell;
          count += 1;
          const { identity: _identity, ...rest } = cell;
          return rest;
        });
        segments = segments.map((each) => (each === segment ? { ...each, cells } : each));
        return count;
      },
    },
  };
});

const forget = async () => {
  const unsummed = (await findUnsummedDays(NOW_MS, ports)).get(KEY_ID) ?? new Set<string>();
  const isForgotten = ({ walletId }: { readonly walletId: string }) => walletId === 'k#uann';
  return forgetInUsage({ keyId: KEY_ID, nowMs: NOW_MS, unsummed, isForgotten }, ports);
};
const namesLeft = () => [
  ...rows.map(({ identity }) => identity?.id),
  ...segments.flatMap(({ cells }) => cells.map(({ identity }) => identity?.id)),
];

describe('a person who is forgotten', () => {
  test('loses the name in rows of days with and without a sum, and in sums; others keep theirs', async () => {
    expect(await forget()).toEqual({ rows: 3, sums: 1 });

    expect(readDays).toEqual([EARLIER, YESTERDAY, TODAY]);
    expect(namesLeft()).toEqual([
      ...[undefined, 'bob', undefined, 'bob'],
      ...[undefined, 'bob', undefined, 'bob'],
    ]);
    expect(rows.map(({ cost }) => cost.usd)).toEqual([5n, 5n, 5n, 5n, 5n, 5n]);
    expect(segments[0]?.cells.map(({ requests }) => requests)).toEqual([1, 1]);
  });

  test('is forgotten by a second run if the first was broken off, which reads no finished day again', async () => {
    segments.push(segmentOf(YESTERDAY));
    const { names } = ports;
    let writes = 0;
    const broken = async (...sent: Parameters<typeof names.forgetCells>) => {
      writes += 1;
      if (writes === 2) throw new Error('the connection is gone');
      return names.forgetCells(...sent);
    };
    ports = { ...ports, names: { ...names, forgetCells: broken } };
    await expect(forget()).rejects.toThrow('the connection is gone');
    readDays = [];

    expect(await forget()).toEqual({ rows: 1, sums: 1 });

    expect(readDays).toEqual([YESTERDAY, TODAY]);
    expect(namesLeft().filter((name) => name === 'bob')).toHaveLength(5);
    expect(namesLeft()).not.toContain('ann');
  });

  test('loses the name in a sum that a sweep wrote meanwhile', async () => {
    const { names } = ports;
    let isWritten = false;
    const meeting = async (...sent: Parameters<typeof names.forgetRow>) => {
      await names.forgetRow(...sent);
      if (!isWritten) segments.push(segmentOf(YESTERDAY));
      isWritten = true;
    };
    ports = { ...ports, names: { ...names, forgetRow: meeting } };

    expect(await forget()).toEqual({ rows: 3, sums: 2 });
    expect(namesLeft().filter((name) => name === 'bob')).toHaveLength(5);
    expect(namesLeft()).not.toContain('ann');
  });

  test.each<[string, () => void]>([
    ['rows of a day', () => (ports = withReads({ readRows: async () => ENDLESS }))],
    [
      'sums',
      () => (ports = withReads({ readRollups: async () => ({ entries: [], next: 'more' }) })),
    ],
    [
      'days without a sum',
      () =>
        (ports = { ...ports, rollups: { findOpenDays: async () => ({ days: [], next: 'more' }) } }),
    ],
    [
      'sums that get the name back',
      () => (ports = { ...ports, names: { ...ports.names, forgetCells: async () => 1 } }),
    ],
  ])(
    'is not reported as forgotten when there are more %s than one run reads',
    async (_, arrange) => {
      arrange();
      await expect(forget()).rejects.toMatchObject({
        code: 'service_unavailable',
        detail: 'there are more rows and sums than one run forgets; run it again',
      });
    },
  );
});

const ENDLESS = { rows: [], next: 'more' };
const withReads = (reads: Partial<ForgetPorts['usage']>): ForgetPorts => ({
  ...ports,
  usage: { ...ports.usage, ...reads },
});
