/**
 * Key records in DynamoDB: an item a record (`name#…`), and an item a key hash that points to it (`hash#…`).
 *
 * A record is one attribute a field, not one JSON text: a rotation is then conditional on `version`, a revocation
 * adds to the string set `revoked` without reading it, and neither can undo the other.
 * A pointer grants nothing: which version of which key a hash is of never changes, the record says whether it holds.
 */
import { makeBoundedMap, makeSingleFlight } from '../../core/base/bounded-map.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { type KeyHash, shortDigest } from '../../core/base/ids.ts';
import type { Clock } from '../../core/base/ports.ts';
import { formatKeyRecord, type KeyRecord, parseKeyRecord } from '../../core/keys/key-record.ts';
import type { KeyRecords } from '../../core/keys/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk } from '../table-schema.ts';
import { fromItem, hashPk, type PlainItem as Item, toItem } from './key-items.ts';
import { isConditionFailed } from './update.ts';
import { toUnavailable } from './values.ts';

/** How long a record is believed: a key that is disabled, or a limit that is changed, is seen that soon. */
const RECORD_AGE_MAX_MS = 10_000;
/**
 * How long an absence is believed: so short that a key works as soon as it is made. Keeping absences longer would
 * spare no reads, since whoever guesses keys does not guess one twice.
 */
const ABSENCE_AGE_MAX_MS = 1_000;
/** Nor is a record believed longer that does not know a version of its key: it may have become one since. */
const UNKNOWN_VERSION_AGE_MAX_MS = 1_000;
/** Absences have a cache of their own: guesses push no record out. */
const ENTRIES_MAX = 1_000;

interface Pointer {
  readonly account: string;
  readonly name: string;
  readonly version: string;
}

/** The read side, cached. Fails closed: `service_unavailable`, and never an older record than ten seconds. */
export function makeKeyRecords(call: AwsCall, table: string, clock: Clock): KeyRecords {
  const read = makeReader(call, table, clock);
  const records = makeBoundedMap<string, { record: KeyRecord; readAtMs: number }>(ENTRIES_MAX);
  const pointers = makeBoundedMap<KeyHash, Pointer>(ENTRIES_MAX);
  const absences = makeBoundedMap<string, number>(ENTRIES_MAX);

  const isAbsent = (pk: string, nowMs: number): boolean =>
    isYoung(absences.get(pk), ABSENCE_AGE_MAX_MS, nowMs);

  async function findByName(
    account: string,
    name: string,
    ageMaxMs = RECORD_AGE_MAX_MS,
  ): Promise<KeyRecord | undefined> {
    const id = JSON.stringify([account, name]);
    const known = records.get(id);
    const nowMs = clock.nowMs();
    const youngMs = Math.min(ageMaxMs, RECORD_AGE_MAX_MS);
    if (known && isYoung(known.readAtMs, youngMs, nowMs)) return known.record;
    records.delete(id);
    const pk = recordPk(account, shortDigest(name));
    if (isAbsent(pk, nowMs)) return undefined;
    const { item, readAtMs } = await read(pk);
    if (item === undefined) {
      absences.set(pk, readAtMs);
      return undefined;
    }
    const record = parseKeyRecord(item);
    if (record.account !== account || record.name !== name) throw unreadable();
    records.set(id, { record, readAtMs });
    return record;
  }

  async function findPointer(hash: KeyHash): Promise<Pointer | undefined> {
    const known = pointers.get(hash);
    if (known !== undefined) return known;
    const pk = hashPk(hash);
    if (isAbsent(pk, clock.nowMs())) return undefined;
    const { item, readAtMs } = await read(pk);
    if (item === undefined) {
      absences.set(pk, readAtMs);
      return undefined;
    }
    const pointer = parsePointer(item);
    pointers.set(hash, pointer);
    return pointer;
  }

  return {
    findByName,
    async findByKeyHash(hash) {
      const pointer = await findPointer(hash);
      if (pointer === undefined) return undefined;
      const { account, name, version } = pointer;
      const known = await findByName(account, name);
      const record =
        known === undefined || isOneOf(version, known)
          ? known
          : await findByName(account, name, UNKNOWN_VERSION_AGE_MAX_MS);
      return record && { record, version };
    },
  };
}

const isOneOf = (version: string, { version: current, former }: KeyRecord): boolean =>
  version === current || version === former?.version;

/** A clock set back makes nothing young again. */
const isYoung = (sinceMs: number | undefined, ageMaxMs: number, nowMs: number): boolean =>
  sinceMs !== undefined && nowMs >= sinceMs && nowMs - sinceMs < ageMaxMs;

const unreadable = (): GatewayError =>
  new GatewayError('service_unavailable', { detail: 'an item of the keys table cannot be read' });

/** What was read, and when at the latest it was so: before the call, whoever joined it later. */
interface Reading {
  readonly item: Item | undefined;
  readonly readAtMs: number;
}

/** Reads an item by its key, strongly consistent: a key made, or disabled, a moment ago is seen so. */
function makeReader(call: AwsCall, table: string, clock: Clock): (pk: string) => Promise<Reading> {
  const once = makeSingleFlight<Reading>();
  return (pk) =>
    once(pk, async () => {
      const readAtMs = clock.nowMs();
      const input = { TableName: table, Key: { pk: { S: pk } }, ConsistentRead: true };
      const { Item: item } = await call('GetItem', input).catch((error) => {
        throw toUnavailable(error);
      });
      return { item: item === undefined ? undefined : fromItem(item), readAtMs };
    });
}

function parsePointer({ account, name, version }: Item): Pointer {
  if (typeof account === 'string' && typeof name === 'string' && typeof version === 'string') {
    return { account, name, version };
  }
  throw unreadable();
}

/** The write side, for commands. */
export interface KeyWriter {
  /**
   * Writes a new key's record and its pointer. The record takes the name, for ever: so it is written first, and a
   * crash in between leaves a name without a key, never a key that points to another's record. May be repeated.
   * @throws invalid_request when another key has, or had, the name; service_unavailable
   */
  create(record: KeyRecord): Promise<void>;
}

export function makeKeyWriter(call: AwsCall, table: string): KeyWriter {
  const put = (input: object): Promise<unknown> => call('PutItem', { TableName: table, ...input });
  return {
    async create(record) {
      const { account, name, version, keyHash } = record;
      try {
        // One id per name: of two who create at once, the second finds the first's.
        await put({
          Item: toItem(recordPk(account, shortDigest(name)), formatKeyRecord(record)),
          ConditionExpression: 'attribute_not_exists(pk) OR id = :id',
          ExpressionAttributeValues: { ':id': { S: record.id } },
        });
        // A hash stands for one version of one key, for ever.
        await put({
          Item: toItem(hashPk(keyHash), { account, name, version }),
          ConditionExpression: 'attribute_not_exists(pk) OR (#name = :name AND version = :version)',
          ExpressionAttributeNames: { '#name': 'name' },
          ExpressionAttributeValues: { ':name': { S: name }, ':version': { S: version } },
        });
      } catch (error) {
        throw isConditionFailed(error) ? nameTaken() : toUnavailable(error);
      }
    },
  };
}

const nameTaken = (): GatewayError =>
  new GatewayError('invalid_request', {
    message: 'a key of this name exists or has existed, and names are not used again',
    param: 'name',
  });
