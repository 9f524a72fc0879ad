/**
 * Builders of Google's shapes, whose JSON is that of protocol buffers: a field has two spellings, and a list of one may
 * be written as its item. Flow: policy > **parse** > bound > write. Invariant: a parsed value has each field once, in
 * camelCase, and every list as a list. https://protobuf.dev/programming-guides/json/
 */
import * as v from 'valibot';
import type { JsonObject } from '../../base/json.ts';
import {
  byKind,
  list,
  type Members,
  membersOf,
  type ReadMembers,
  type Shape,
  type Strictness,
} from '../shapes.ts';

/** An object of these members, under either spelling of their names. */
export const message = <M extends Members>(
  strictness: Strictness | 'open',
  members: M,
): Shape<ReadMembers<M>> =>
  byKind({
    object: v.pipe(v.unknown(), renamed, membersOf(strictness, members)),
  }) as Shape<never>;

/** A list, or its one item alone. */
export const repeated = <S extends Shape>(item: S) =>
  byKind({
    list: list(item),
    object: v.pipe(
      item,
      v.transform((one) => [one]),
    ),
  });

/** Refuses a field that is given under both of its names. */
const renamed = v.rawTransform<unknown, JsonObject>(({ dataset: { value }, addIssue, NEVER }) => {
  const input = value as Record<string, unknown>;
  const members = new Map<string, unknown>();
  for (const [name, member] of Object.entries(input)) {
    const key = camelCase(name);
    if (members.has(key)) {
      addIssue({
        path: [{ type: 'object', origin: 'value', input, key, value: member }],
        message: 'is given twice, under two spellings',
      });
      return NEVER;
    }
    members.set(key, member);
  }
  return Object.fromEntries(members);
});

const camelCase = (name: string): string =>
  name.replaceAll(/(?<=[A-Za-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
