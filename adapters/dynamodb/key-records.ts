/**
 * Key records in DynamoDB, read and cached for the authorizer: one item for each record (`name#…`), and one for each key
 * hash that points to it (`hash#…`).
 *
 * A record has one attribute for each field, not one JSON text. A change is then conditional on `revision`, a revocation
 * adds to the string set `revoked` without reading it, and neither can undo the other.
 * A pointer grants nothing. A hash always means the same version of the same key; the record decides if it is valid.
 */
import { isYoung, makeBoundedMap, makeSingleFlight } from '../../core/base/bounded-map.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { type KeyHash, shortDigest } from '../../core/base/ids.ts';
import type { Clock } from '../../core/base/ports.ts';
import { type KeyRecord, parseKeyRecord } from '../../core/keys/key-record.ts';
import type { KeyRecords } from '../../core/keys/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk } from '../table-schema.ts';
import { fromItem, hashPk, type PlainItem } from './key-items.ts';
import { readItem } from './update.ts';

/** The longest time that a record is used. A disabled key or a changed limit is seen after this at the latest. */
const RECORD_AGE_MAX_MS = 10_000;
/**
 * The longest time that an absence is used: short, so that a new key works at once. Longer would save no reads, because
 * a guessed key is not guessed twice.
 */
const ABSENCE_AGE_MAX_MS = 1_000;
/** The longest time that a record is used if it lacks the version that a hash means: the key may be rotated since. */
const UNKNOWN_VERSION_AGE_MAX_MS = 1_000;
/** The size of each cache. Absences have a cache of their own, so that guesses displace no record. */
const ENTRIES_MAX = 1_000;

interface Pointer {
  readonly account: string;
  readonly name: string;
  readonly version: string;
}

/** Makes the cached reader. Fails closed: `service_unavailable`, and never a record older than ten seconds. */
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

const unreadable = (): GatewayError =>
  new GatewayError('service_unavailable', { detail: 'an item of the keys table cannot be read' });

/** An item, and the instant before the read. A caller that joins a running read gets the same instant. */
interface Reading {
  readonly item: PlainItem | undefined;
  readonly readAtMs: number;
}

/** Reads an item by its key, strongly consistent, so that a change is seen at once. */
function makeReader(call: AwsCall, table: string, clock: Clock): (pk: string) => Promise<Reading> {
  const once = makeSingleFlight<Reading>();
  return (pk) =>
    once(pk, async () => {
      const readAtMs = clock.nowMs();
      const item = await readItem(call, table, pk);
      return { item: item && fromItem(item), readAtMs };
    });
}

function parsePointer({ account, name, version }: PlainItem): Pointer {
  if (typeof account === 'string' && typeof name === 'string' && typeof version === 'string') {
    return { account, name, version };
  }
  throw unreadable();
}
