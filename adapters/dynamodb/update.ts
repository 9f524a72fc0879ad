/**
 * Conditional writes of DynamoDB, built from named expressions.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
 */

import type { WalletId } from '../../core/base/ids.ts';
import { type AwsCall, AwsCallError } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import {
  type AttributeValue,
  type Item,
  itemsOf,
  parseItem,
  toNumber,
  toText,
  toUnavailable,
} from './values.ts';

/** The name of an attribute inside an expression. */
export interface Attribute {
  readonly attribute: string;
}

export const attribute = (name: string): Attribute => ({ attribute: name });

/** A part of an expression: texts, and between them the attributes and values that placeholders stand for. */
interface Expression {
  readonly texts: readonly string[];
  readonly operands: readonly (Attribute | AttributeValue)[];
}

/** One clause of a condition. Each is made by a function named after what it guarantees; see docs/conditions.md. */
export type Condition = Expression;

/** One assignment of a `SET`. */
export type Assignment = Expression;

const expression = (
  texts: TemplateStringsArray,
  ...operands: readonly (Attribute | AttributeValue)[]
): Expression => ({ texts, operands });

export const condition: (...parts: Parameters<typeof expression>) => Condition = expression;
export const assignment: (...parts: Parameters<typeof expression>) => Assignment = expression;

export const ZERO: AttributeValue = toNumber(0);
export const ONE: AttributeValue = toNumber(1);

/** Sets an attribute, whatever it was. */
export const sets = (name: string, value: AttributeValue): Assignment =>
  assignment`${attribute(name)} = ${value}`;

/** Adds to a number; one that is not there counts as zero. */
export const adds = (name: string, amount: AttributeValue): Assignment =>
  assignment`${attribute(name)} = if_not_exists(${attribute(name)}, ${ZERO}) + ${amount}`;

/** Subtracts from a number that is there. */
export const subtracts = (name: string, amount: AttributeValue): Assignment =>
  assignment`${attribute(name)} = ${attribute(name)} - ${amount}`;

/** Sets an attribute that is not there; one that is there stays. */
export const setsIfAbsent = (name: string, value: AttributeValue): Assignment =>
  assignment`${attribute(name)} = if_not_exists(${attribute(name)}, ${value})`;

/** The attribute is what was seen; undefined: it was not there. */
export const isAsSeen = (name: string, seen: AttributeValue | undefined): Condition =>
  seen === undefined
    ? condition`attribute_not_exists(${attribute(name)})`
    : condition`${attribute(name)} = ${seen}`;

/** An update of one item. Its conditions must all hold; undefined ones do not apply. */
export interface Update {
  readonly set?: readonly (Assignment | undefined)[];
  /** Names of attributes. */
  readonly remove?: readonly string[];
  /** Members to add to string sets, by the set's name. */
  readonly add?: Readonly<Record<string, AttributeValue>>;
  /** Members to delete from string sets, by the set's name. */
  readonly delete?: Readonly<Record<string, AttributeValue>>;
  readonly conditions?: readonly (Condition | undefined)[];
}

const { partitionKey, sortKey } = TABLES.usage;

/** The key of an item. Each table has the same partition key, and the Usage table alone has a sort key. */
export type ItemKey = string | readonly [partition: string, sort: string];

/** The key of an item, as DynamoDB reads it. */
export function toKey(key: ItemKey): Item {
  if (typeof key === 'string') return { [partitionKey]: toText(key) };
  return { [partitionKey]: toText(key[0]), [sortKey]: toText(key[1]) };
}

/** An update of an item, as DynamoDB reads it. */
export const toInput = (table: string, key: ItemKey, update: Update): object => ({
  TableName: table,
  Key: toKey(key),
  ...toExpressions(update),
});

/** The update's expressions, with their names and values. */
export function toExpressions(update: Update): object {
  const written: Written = { names: {}, values: {}, placeholders: new Map(), count: 0 };
  const clauses = writeAll(update.conditions, written);
  const sections = [
    toSection('SET', writeAll(update.set, written)),
    toSection(
      'REMOVE',
      (update.remove ?? []).map((name) => writeName(name, written)),
    ),
    toSection('ADD', writeMembers(update.add, written)),
    toSection('DELETE', writeMembers(update.delete, written)),
  ].filter((section) => section !== '');
  return {
    ...(sections.length > 0 && { UpdateExpression: sections.join(' ') }),
    ...(clauses.length > 0 && { ConditionExpression: clauses.join(' AND ') }),
    ...(written.placeholders.size > 0 && { ExpressionAttributeNames: written.names }),
    ...(written.count > 0 && { ExpressionAttributeValues: written.values }),
  };
}

const toSection = (keyword: string, parts: readonly string[]): string =>
  parts.length > 0 ? `${keyword} ${parts.join(', ')}` : '';

/** The placeholders of one write so far. */
interface Written {
  readonly names: Record<string, string>;
  readonly values: Record<string, AttributeValue>;
  /** By the attribute that each stands for. */
  readonly placeholders: Map<string, string>;
  /** Values so far. */
  count: number;
}

function writeAll(
  expressions: readonly (Expression | undefined)[] = [],
  written: Written,
): readonly string[] {
  const texts: string[] = [];
  for (const each of expressions) if (each !== undefined) texts.push(write(each, written));
  return texts;
}

const writeMembers = (sets: Update['add'] = {}, written: Written): readonly string[] =>
  Object.entries(sets).map(
    ([name, members]) => `${writeName(name, written)} ${writeValue(members, written)}`,
  );

function write({ texts, operands }: Expression, written: Written): string {
  let text = texts[0] ?? '';
  operands.forEach((operand, index) => {
    text +=
      'attribute' in operand ? writeName(operand.attribute, written) : writeValue(operand, written);
    text += texts[index + 1] ?? '';
  });
  return text;
}

/** One placeholder for each attribute, however often it is named. */
function writeName(name: string, { names, placeholders }: Written): string {
  const known = placeholders.get(name);
  if (known !== undefined) return known;
  const added = `#n${placeholders.size}`;
  placeholders.set(name, added);
  names[added] = name;
  return added;
}

function writeValue(value: AttributeValue, written: Written): string {
  const added = `:v${written.count}`;
  written.count += 1;
  written.values[added] = value;
  return added;
}

/** DynamoDB does not report what a failed condition consumed. It is one unit for an item within a kilobyte. */
export const FAILED_WRITE_UNITS = 1;

export const isConditionFailed = (error: unknown): error is AwsCallError =>
  error instanceof AwsCallError && error.name === 'ConditionalCheckFailedException';

/**
 * True if the write was made, false if its condition failed.
 * @throws service_unavailable when the outcome is not known
 */
export const isWritten = (write: Promise<unknown>): Promise<boolean> =>
  write.then(
    () => true,
    (error) => {
      if (isConditionFailed(error)) return false;
      throw toUnavailable(error);
    },
  );

/**
 * Updates an item. Returns false, and changes nothing, if a condition fails.
 * @throws service_unavailable when the outcome is not known
 */
export const updateItem = (
  call: AwsCall,
  table: string,
  key: ItemKey,
  update: Update,
): Promise<boolean> => isWritten(call('UpdateItem', toInput(table, key, update)));

/**
 * Writes a whole item. Returns false, and writes nothing, if the condition fails.
 * @throws service_unavailable when the outcome is not known
 */
export const putItem = (
  call: AwsCall,
  table: string,
  item: Item,
  onlyIf: Condition,
): Promise<boolean> =>
  isWritten(
    call('PutItem', {
      TableName: table,
      Item: item,
      ...toExpressions({ conditions: [onlyIf] }),
    }),
  );

/** Reads an item, with all writes before. @throws service_unavailable */
export async function readItem(
  call: AwsCall,
  table: string,
  key: ItemKey,
): Promise<Item | undefined> {
  const input = { TableName: table, Key: toKey(key), ConsistentRead: true };
  return parseItem((await call('GetItem', input).catch(rethrow)).Item);
}

/** Reads the items of the Wallets table that are there, in any order. @throws service_unavailable */
export async function readItems(
  call: AwsCall,
  table: string,
  ids: readonly WalletId[],
): Promise<readonly Item[]> {
  if (ids.length === 0) return [];
  const request = { Keys: ids.map(toKey), ConsistentRead: true };
  const answer = await call('BatchGetItem', { RequestItems: { [table]: request } }).catch(rethrow);
  return itemsOf({ Items: Object(answer.Responses)[table] });
}

/**
 * Reads all pages of a query or scan, up to a bound.
 * @returns the items; `isWhole` is false if there are more pages
 * @throws service_unavailable
 */
export async function readPages(
  call: AwsCall,
  operation: 'Query' | 'Scan',
  input: object,
  pagesMax: number,
): Promise<{ readonly items: readonly Item[]; readonly isWhole: boolean }> {
  const items: Item[] = [];
  let from: unknown;
  for (let page = 0; page < pagesMax; page += 1) {
    const more = from !== undefined && { ExclusiveStartKey: from };
    const answer = await call(operation, { ...input, ...more }).catch(rethrow);
    items.push(...itemsOf(answer));
    from = answer.LastEvaluatedKey;
    if (from === undefined) return { items, isWhole: true };
  }
  return { items, isWhole: false };
}

/** Rejects with `service_unavailable`: for calls that have no condition. */
export function rethrow(error: unknown): never {
  throw toUnavailable(error);
}
