/**
 * Transactions of updates: all are made, or none.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */
import { type AwsCall, AwsCallError } from '../aws/aws-call.ts';
import { toUnavailable, writeUnitsOf } from './values.ts';

/** The outcome of a transaction. */
export interface Transacted {
  /** For each update in order, true if its condition failed; undefined: all were made. */
  readonly failed: readonly boolean[] | undefined;
  readonly writeUnits: number;
}

/** A transaction of small items costs two units for each, also when it fails. */
const UNITS_PER_ITEM = 2;

/**
 * Makes all of the updates or none.
 * @throws service_unavailable when the outcome is not known
 */
export async function transact(call: AwsCall, updates: readonly object[]): Promise<Transacted> {
  try {
    const answer = await call('TransactWriteItems', {
      TransactItems: updates.map((update) => ({ Update: update })),
      ReturnConsumedCapacity: 'TOTAL',
    });
    return { failed: undefined, writeUnits: unitsOf(answer) };
  } catch (error) {
    const failed = reasonsOf(error).map((reason) => reason === 'ConditionalCheckFailed');
    if (!failed.includes(true)) throw toUnavailable(toConflict(error));
    return { failed, writeUnits: UNITS_PER_ITEM * updates.length };
  }
}

const unitsOf = ({ ConsumedCapacity: used }: Readonly<Record<string, unknown>>): number =>
  (Array.isArray(used) ? used : []).reduce<number>(
    (sum, each) => sum + writeUnitsOf({ ConsumedCapacity: each }),
    0,
  );

const CANCELED = 'TransactionCanceledException';

/** The reason for each item of a cancelled transaction, in their order; none for any other error. */
function reasonsOf(error: unknown): readonly string[] {
  if (!(error instanceof AwsCallError) || error.name !== CANCELED) return [];
  const { CancellationReasons: reasons } = error.body;
  return (Array.isArray(reasons) ? reasons : []).map((reason) => String(reason?.Code));
}

/**
 * Reasons after which the same transaction may succeed if it is sent again. Any other reason is a mistake of ours.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
 */
const TRANSIENT_REASONS: readonly string[] = [
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
];

/** A cancelled transaction that may succeed if it is sent again, as an error that is transient. */
function toConflict(error: unknown): unknown {
  const isTransient = reasonsOf(error).some((reason) => TRANSIENT_REASONS.includes(reason));
  if (!isTransient || !(error instanceof AwsCallError)) return error;
  return new AwsCallError('TransactionConflictException', 'TransactWriteItems', error.status);
}
