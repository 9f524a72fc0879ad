/**
 * Items of the keys table as plain JSON, and their names: a record is what `recordPk` says (table-schema.ts), the pointer
 * from a key's hash to it `hash#<key hash>`, a change of it `audit#<key id>#<change id>`.
 */
import type { KeyHash, KeyId } from '../../core/base/ids.ts';

/** An item as plain JSON. */
export type PlainItem = Readonly<Record<string, unknown>>;

/** What the names of an account's records begin with; those of another account whose name goes on may, too. */
export const recordsOf = (account: string): string => `name#${account}#`;
export const hashPk = (hash: KeyHash): string => `hash#${hash}`;
export const changePk = (keyId: KeyId, id: string): string => `audit#${keyId}#${id}`;

/** The string sets: what is added to them without a read. */
const SETS = ['revoked'] as const;
const isSet = (name: string): boolean => SETS.some((set) => set === name);

/** A plain record as an item. A set cannot be empty, so an empty one is left out. */
export function toItem(pk: string, plain: PlainItem): Record<string, unknown> {
  const item: Record<string, unknown> = { pk: { S: pk } };
  for (const [name, value] of Object.entries(plain)) {
    if (!isSet(name)) item[name] = toAttribute(value);
    else if (Array.isArray(value) && value.length > 0) item[name] = { SS: value };
  }
  return item;
}

export function toAttribute(value: unknown): object {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map(toAttribute) };
  const members = Object.entries(Object(value)).map(([name, member]) => [
    name,
    toAttribute(member),
  ]);
  return { M: Object.fromEntries(members) };
}

/** The inverse of `toItem`, without the key. What has another type stays undefined, for the parser to refuse. */
export function fromItem(item: unknown): PlainItem {
  const { pk: _, ...attributes } = Object(item) as Record<string, unknown>;
  const members = fromMembers(attributes);
  return Object.hasOwn(members, 'keyHash') ? { ...members, revoked: revokedIn(members) } : members;
}

/** The tokens of the list, without the days they may go (dynamodb-revoked.ts). */
function revokedIn({ revoked = [] }: PlainItem): unknown {
  return Array.isArray(revoked)
    ? [...new Set(revoked.map((element) => String(element).split(':')[0]))]
    : revoked;
}

const fromMembers = (members: object): PlainItem =>
  Object.fromEntries(
    Object.entries(members).map(([name, member]) => [name, fromAttribute(Object(member))]),
  );

function fromAttribute(attribute: PlainItem): unknown {
  const [[type, value] = []] = Object.entries(attribute);
  switch (type) {
    case 'S':
    case 'BOOL':
      return value;
    case 'N':
      return Number(value);
    case 'SS':
      return Array.isArray(value) ? value.toSorted() : undefined;
    case 'L':
      return Array.isArray(value) ? value.map(Object).map(fromAttribute) : undefined;
    case 'M':
      return fromMembers(Object(value));
    default:
      return undefined;
  }
}
