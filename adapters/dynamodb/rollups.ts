/**
 * Rollups of days in DynamoDB, in the table of the rows they sum (adapters/table-schema.ts). The sweep writes them,
 * reports read them. A segment is written once and never changed; the seal of a day names the generation in force.
 */
import type { Identity, IdentitySource } from '../../core/access/grant.ts';
import { asKeyId, asTokenId, asWalletId, type KeyId } from '../../core/base/ids.ts';
import { DAY_MS } from '../../core/base/limits.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import { formatTags, parseTagList } from '../../core/base/tags.ts';
import type { RollupSegment, SealedDay, UsageCell } from '../../core/usage/cells.ts';
import type { OpenDay, Rollups, UsageReader } from '../../core/usage/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { OPEN_MARK, TABLES } from '../table-schema.ts';
import {
  attribute,
  type Condition,
  condition,
  type ItemKey,
  putItem,
  rethrow,
  sets,
  toKey,
  updateItem,
} from './update.ts';
import {
  type AttributeValue,
  type Item,
  itemsOf,
  parseItem,
  readNumber,
  readText,
  readUnitsOf,
  toNumber,
  toText,
} from './values.ts';

const { partitionKey, sortKey, ttlAttribute } = TABLES.usage;
const { name: OPEN, partitionKey: open, sortKey: openDay } = TABLES.usage.index;
const ROLLUP_DAYS_KEPT = 1_200;
/** A report that reads a segment of an earlier generation is over by then. */
const LET_GO_SECONDS = 3_600;
const GENERATION_DIGITS = 6;
/** After everything that a sort key of a day begins with. */
const AFTER_ALL = '#~';
const OPEN_PAGE_SIZE = 1_000;

/** The rollups of a table, their write side and their read side. Fails closed. */
export function makeRollups(
  call: AwsCall,
  table: string,
  nowMs: () => number = Date.now,
): Rollups & Pick<UsageReader, 'readRollups'> {
  const query = (input: object): Promise<Record<string, unknown>> =>
    call('Query', { TableName: table, ...input }).catch(rethrow);

  const readRollups: UsageReader['readRollups'] = async (keyId, fromDay, toDay, after) => {
    const answer = await query({
      ConsistentRead: true,
      ScanIndexForward: false,
      ReturnConsumedCapacity: 'TOTAL',
      KeyConditionExpression: '#pk = :pk AND #sk BETWEEN :first AND :last',
      ExpressionAttributeNames: { '#pk': partitionKey, '#sk': sortKey },
      ExpressionAttributeValues: {
        ':pk': toText(partitionOf(keyId)),
        ':first': toText(fromDay),
        ':last': toText(toDay + AFTER_ALL),
      },
      ...(after && { ExclusiveStartKey: toKey(rollupKey(keyId, after)) }),
    });
    const items = itemsOf(answer);
    const next = readText(parseItem(answer.LastEvaluatedKey) ?? {}, sortKey);
    return {
      entries: items.map((item) =>
        item.cells === undefined ? parseSeal(item) : parseSegment(item),
      ),
      ...(next === undefined ? {} : { next }),
      ...readUnitsOf(answer),
    };
  };

  return {
    readRollups,

    async findOpenDays(lastDay, after) {
      const answer = await query({
        IndexName: OPEN,
        KeyConditionExpression: '#open = :open AND #day <= :day',
        ExpressionAttributeNames: { '#open': open, '#day': openDay },
        ExpressionAttributeValues: { ':open': toText(OPEN_MARK), ':day': toText(lastDay) },
        Limit: OPEN_PAGE_SIZE,
        ...(after && { ExclusiveStartKey: JSON.parse(after) }),
      });
      const { LastEvaluatedKey: last } = answer;
      return {
        days: toOpenDays(itemsOf(answer)),
        ...(last === undefined ? {} : { next: JSON.stringify(last) }),
      };
    },

    async findDay(keyId, day) {
      const segments: RollupSegment[] = [];
      let sealed: SealedDay | undefined;
      let after: string | undefined;
      do {
        const page = await readRollups(keyId, day, day, after);
        for (const entry of page.entries) {
          if ('cells' in entry) segments.push(entry);
          else sealed = entry;
        }
        after = page.next;
      } while (after !== undefined);
      return { sealed, segments };
    },

    /**
     * Invariant: the segments of a generation form one chain, so no row counts twice. One begins where another ended.
     * Defeats: two runs that sum from the same place. The first one's segment stays; it has the rows of the second.
     */
    addSegment: (keyId, segment) =>
      putItem(call, table, toSegmentItem(keyId, segment), itemIsNew()),

    /** Invariant: generations only grow. Defeats: a delayed run that brings back a rollup without its late rows. */
    seal: (keyId, sealed) =>
      putItem(call, table, toSealItem(keyId, sealed), sealIsNewer(sealed.generation)),

    /**
     * Invariant: no expired row comes back. Defeats: DynamoDB removes the row before this update, which would make
     * it anew.
     */
    async unmark(keyId, day, place) {
      const update = { remove: [open, openDay], conditions: [itemIsThere()] };
      await updateItem(call, table, [`${keyId}#${day}`, place], update);
    },

    /** Lets a segment of an earlier generation expire. Invariant and interleaving as for `unmark`. */
    async expireSegment(keyId, segment) {
      const soonSeconds = Math.ceil(nowMs() / 1_000) + LET_GO_SECONDS;
      await updateItem(call, table, segmentKey(keyId, segment), {
        set: [sets(ttlAttribute, toNumber(soonSeconds))],
        conditions: [itemIsThere()],
      });
    },
  };
}

/** Keeps `first-rollup-part-stands`. */
const itemIsNew = (): Condition => condition`attribute_not_exists(${attribute(partitionKey)})`;

/** Keeps `expired-stays-gone`. */
export const itemIsThere = (): Condition => condition`attribute_exists(${attribute(partitionKey)})`;

/** Keeps `rollup-only-forward`. */
const sealIsNewer = (generation: number): Condition =>
  condition`NOT ${attribute('generation')} >= ${toNumber(generation)}`;

const partitionOf = (keyId: KeyId): string => `${keyId}#rollups`;

const rollupKey = (keyId: KeyId, place: string): ItemKey => [partitionOf(keyId), place];

const expiryOf = (day: string): AttributeValue =>
  toNumber((Date.parse(`${day}T00:00:00Z`) + ROLLUP_DAYS_KEPT * DAY_MS) / 1_000);

/** Days of keys with the places of their marked rows; an item of the index is its row's key and no more. */
function toOpenDays(items: readonly Item[]): readonly OpenDay[] {
  const days = new Map<string, { keyId: KeyId; day: string; marked: string[] }>();
  for (const item of items) {
    const partition = readText(item, partitionKey) ?? '';
    const [keyId = '', day = ''] = partition.split('#');
    const found = days.get(partition) ?? { keyId: asKeyId(keyId), day, marked: [] };
    found.marked.push(readText(item, sortKey) ?? '');
    days.set(partition, found);
  }
  return [...days.values()];
}

const placeOfSegment = ({ day, generation, after }: RollupSegment): string =>
  `${day}#${String(generation).padStart(GENERATION_DIGITS, '0')}#${after}`;

/** The key of a segment's item. */
export const segmentKey = (keyId: KeyId, segment: RollupSegment): ItemKey =>
  rollupKey(keyId, placeOfSegment(segment));

const toSealItem = (keyId: KeyId, { day, generation, segments }: SealedDay): Item => ({
  ...toKey(rollupKey(keyId, day)),
  [ttlAttribute]: expiryOf(day),
  generation: toNumber(generation),
  segments: toNumber(segments),
});

const toSegmentItem = (keyId: KeyId, segment: RollupSegment): Item => ({
  ...toKey(segmentKey(keyId, segment)),
  [ttlAttribute]: expiryOf(segment.day),
  until: toText(segment.until),
  isLast: toNumber(segment.isLast ? 1 : 0),
  rows: toNumber(segment.rows),
  cells: toText(JSON.stringify(segment.cells.map(encodeCell))),
  marked: toText(segment.marked.join(' ')),
});

function parseSegment(item: Item): RollupSegment {
  const [day = '', generation = '', ...after] = (readText(item, sortKey) ?? '').split('#');
  const cells: EncodedCell[] = JSON.parse(readText(item, 'cells') ?? '[]');
  const marked = readText(item, 'marked') ?? '';
  return {
    day,
    generation: Number(generation),
    after: after.join('#'),
    until: readText(item, 'until') ?? '',
    isLast: readNumber(item, 'isLast') === 1,
    rows: readNumber(item, 'rows') ?? 0,
    cells: cells.map(decodeCell),
    marked: marked === '' ? [] : marked.split(' '),
  };
}

const parseSeal = (item: Item): SealedDay => ({
  day: readText(item, sortKey) ?? '',
  generation: readNumber(item, 'generation') ?? 0,
  segments: readNumber(item, 'segments') ?? 0,
});

/** Wallet, token, model and identity, then the sums. Dollars are a text, so that they pass through no double. */
export type EncodedCell = readonly [
  wallet: string,
  token: string | 0,
  model: string | 0,
  identity: readonly [source: IdentitySource, issuer: string, id: string] | 0,
  requests: number,
  input: number,
  cachedInput: number,
  output: number,
  tokens: number,
  costNanoUsd: string,
  /** Missing in cells that an earlier version wrote: zero. */
  overrunNanoUsd?: string,
  /** As a text; missing without tags. An earlier version passes over it. */
  tags?: string,
];

const encodeCell = (cell: UsageCell): EncodedCell => [
  cell.walletId,
  cell.tokenId ?? 0,
  cell.model ?? 0,
  cell.identity === undefined ? 0 : encodeIdentity(cell.identity),
  cell.requests,
  cell.inputTokens,
  cell.cachedInputTokens,
  cell.outputTokens,
  cell.tokens,
  String(cell.costNanoUsd),
  String(cell.overrunNanoUsd),
  ...encodeTags(cell),
];

const encodeTags = ({ tags }: UsageCell): readonly [tags?: string] =>
  tags === undefined ? [] : [formatTags(tags)];

const encodeIdentity = ({ source, issuer, id }: Identity) => [source, issuer, id] as const;

/** Reads a cell. */
export function decodeCell(encoded: EncodedCell): UsageCell {
  const [wallet, token, model, identity, requests, input, cachedInput, output, ...rest] = encoded;
  const [tokens, cost, overrun = '0', tagList = ''] = rest;
  const tags = parseTagList(tagList);
  return {
    walletId: asWalletId(wallet),
    ...(token === 0 ? {} : { tokenId: asTokenId(token) }),
    ...(model === 0 ? {} : { model }),
    ...(identity === 0
      ? {}
      : { identity: { source: identity[0], issuer: identity[1], id: identity[2] } }),
    requests,
    inputTokens: input,
    cachedInputTokens: cachedInput,
    outputTokens: output,
    tokens,
    costNanoUsd: asNanoUsd(BigInt(cost)),
    overrunNanoUsd: asNanoUsd(BigInt(overrun)),
    ...(tags && { tags }),
  };
}
