/**
 * Finds enrolments in the table of sign-in, for commands: no request needs a list. Fails closed.
 */
import type { StoredGrant } from '../../core/sign-in/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { toGrant } from './sign-in-store.ts';
import { readPages } from './update.ts';
import { readNumber, readText, toText } from './values.ts';

/** One page is 1 MB of items, whatever fits the filter. */
const PAGES_MAX = 200;

/** The enrolments of a table, and the places taken by the id of the count. */
export interface FoundEnrolments {
  readonly grants: readonly StoredGrant[];
  readonly taken: ReadonlyMap<string, number>;
  /** False: the table has more than a command reads. */
  readonly isWhole: boolean;
}

/** @param prefixes of the ids of enrolments and of their counts */
export async function findEnrolments(
  call: AwsCall,
  table: string,
  prefixes: { readonly enrolments: string; readonly counts: string },
): Promise<FoundEnrolments> {
  const input = {
    TableName: table,
    FilterExpression: 'begins_with(pk, :enrolments) OR begins_with(pk, :counts)',
    ExpressionAttributeValues: {
      ':enrolments': toText(prefixes.enrolments),
      ':counts': toText(prefixes.counts),
    },
    ConsistentRead: true,
  };
  const { items, isWhole } = await readPages(call, 'Scan', input, PAGES_MAX);
  const grants: StoredGrant[] = [];
  const taken = new Map<string, number>();
  for (const item of items) {
    const id = readText(item, 'pk') ?? '';
    const count = readNumber(item, 'count');
    const grant = toGrant(id, item);
    if (count !== undefined) taken.set(id, count);
    else if (grant !== undefined) grants.push(grant);
  }
  return { grants, taken, isWhole };
}
