/**
 * Items of the keys table as plain JSON, and their names: a record has `recordPk` (table-schema.ts), the pointer from a
 * key's hash to it has `hash#<key hash>`, that from its id `id#<key id>`, a change of it has `audit#<key id>#<change id>`.
 */
import type { KeyHash, KeyId } from '../../core/base/ids.ts';
import { type Condition, isAsSeen } from './update.ts';
import { type AttributeValue, toText } from './values.ts';

/** An item as plain JSON. */
export type PlainItem = Readonly<Record<string, unknown>>;

/** The beginning of the names of an account's records. Records of an account with a longer name may share it. */
export const recordsOf = (account: string): string => `name#${account}#`;
export const hashPk = (hash: KeyHash): string => `hash#${hash}`;
export const idPk = (keyId: KeyId): string => `id#${keyId}`;
export const changePk = (keyId: KeyId, id: string): string => `audit#${keyId}#${id}`;

/** The name still belongs to the key whose record was read. */
export const recordIsOf = (id: KeyId): Condition => isAsSeen('id', toText(id));

/** The field that is a string set, so that a write can add to it without a read. */
const SET = 'revoked';

/** Makes an item of a plain record. A set cannot be empty, so an empty one is left out. */
export function toItem(pk: string, plain: PlainItem): Record<string, AttributeValue> {
  const item: Record<string, AttributeValue> = { pk: { S: pk } };
  for (const [name, value] of Object.entries(plain)) {
    if (name !== SET) item[name] = toAttribute(value);
    else if (Array.isArray(value) && value.length > 0) item[name] = { SS: value };
  }
  return item;
}

/** Makes an attribute value of a JSON value. */
export function toAttribute(value: unknown): AttributeValue {
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

/** The inverse of `toItem`, without the key. A value of another type becomes undefined, which the parser refuses. */
export function fromItem(item: unknown): PlainItem {
  const { pk: _, ...attributes } = Object(item) as Record<string, unknown>;
  const members = fromMembers(attributes);
  return Object.hasOwn(members, 'keyHash') ? { ...members, revoked: revokedIn(members) } : members;
}

/** Returns the tokens of the list without the days on which they may be removed (revoked-list.ts). */
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
