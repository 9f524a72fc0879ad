/**
 * DynamoDB's attribute values and ours. Numbers stay text on the way, so that none passes through a double.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
 */
import { GatewayError } from '../../core/base/errors.ts';
import { AwsCallError } from '../aws/aws-call.ts';

/** Text, numbers and bytes (in base64) are read here; items of the keys table hold the others, too. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly SS: readonly string[] }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Readonly<Record<string, AttributeValue>> };
export type Item = Readonly<Record<string, AttributeValue>>;

export const toText = (text: string): AttributeValue => ({ S: text });
export const toNumber = (number: number | bigint): AttributeValue => ({ N: String(number) });
export const toBytes = (bytes: Buffer): AttributeValue => ({ B: bytes.toString('base64') });

/** The item in an answer, if there is one. Attributes of other kinds than text, number and bytes are ignored. */
export const parseItem = (value: unknown): Item | undefined =>
  typeof value === 'object' && value !== null ? (value as Item) : undefined;

/** The read units that a read with `ReturnConsumedCapacity` took; undefined: the table does not say. */
export function readUnitsOf({ ConsumedCapacity: used }: Readonly<Record<string, unknown>>): {
  readonly readUnits?: number;
} {
  const { CapacityUnits: units } = Object(used);
  return typeof units === 'number' ? { readUnits: units } : {};
}

/** The items in the answer to a query. */
export function itemsOf({ Items: items }: Readonly<Record<string, unknown>>): readonly Item[] {
  const list: unknown[] = Array.isArray(items) ? items : [];
  return list.map(parseItem).filter((item) => item !== undefined);
}

export const readText = (item: Item, name: string): string | undefined => textOf(item[name]);

export const textOf = (value: AttributeValue | undefined): string | undefined =>
  value !== undefined && 'S' in value ? value.S : undefined;

export const bytesOf = (value: AttributeValue | undefined): Buffer | undefined =>
  value !== undefined && 'B' in value ? Buffer.from(value.B, 'base64') : undefined;

export const readNumber = (item: Item, name: string): number | undefined => {
  const digits = digitsOf(item[name]);
  return digits === undefined ? undefined : Number(digits);
};

/** An integer, exact to its last digit. */
export const integerOf = (value: AttributeValue | undefined): bigint | undefined => {
  const digits = digitsOf(value);
  return digits === undefined ? undefined : BigInt(digits);
};

const digitsOf = (value: AttributeValue | undefined): string | undefined =>
  value !== undefined && 'N' in value ? value.N : undefined;

/**
 * The size of an attribute, text, number or bytes, as DynamoDB bills it.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export const sizeOfAttribute = (name: string, value: AttributeValue): number =>
  Buffer.byteLength(name) + sizeOfValue(value);

function sizeOfValue(value: AttributeValue): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('B' in value) return Buffer.byteLength(value.B, 'base64');
  // About a byte for each two digits, and one more.
  return 'N' in value ? Math.ceil(value.N.replace(/[-.]/g, '').length / 2) + 1 : 1;
}

/** The write units that an answer reports; a failed condition costs one for each kB of its item, unreported. */
export function writeUnitsOf(answer: Readonly<Record<string, unknown>>): number {
  return Number(Object(answer.ConsumedCapacity).CapacityUnits ?? 0);
}

/**
 * Errors after which the same write may succeed: lost calls, and errors that DynamoDB says to repeat.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 */
const TRANSIENT_ERRORS: ReadonlySet<string> = new Set([
  'TimeoutError',
  'NetworkError',
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'TransactionConflictException',
]);

/** A failed call as `service_unavailable`. Any other error is a mistake of ours and stays as it is. */
export function toUnavailable(error: unknown): unknown {
  if (!(error instanceof AwsCallError)) return error;
  return new GatewayError('service_unavailable', {
    detail: `dynamodb ${error.message}`,
    cause: error,
    transient: TRANSIENT_ERRORS.has(error.name) || error.status >= 500,
  });
}
