/**
 * Closed shapes of requests, built on valibot: what a dialect understands of a body.
 * Flow: policy > **parse** > bound > write. Invariant: a parsed value holds exactly what a shape names; reading is
 * linear in the body, because each value is read by one shape, chosen by its kind or its `type`.
 */
import * as v from 'valibot';
import type { GatewayError } from '../base/errors.ts';
import { isRecord, type JsonObject } from '../base/json.ts';
import { ambiguous, nameField, notBounded, notOwned, unreadable } from './refusals.ts';
import { findStoredName } from './stored.ts';

/** Reads any JSON into what was understood of it. */
export type Shape<T = unknown> = v.GenericSchema<unknown, T>;

/** The value that a shape reads. */
export type Read<S extends Shape> = v.InferOutput<S>;

/**
 * The way in which a shape treats unknown members: `bounded`, a limit in USD or tokens applies, refuses it. `scoped`, for credentials
 * without one, lets it ride along unless it could name data stored at the provider.
 */
export type Strictness = 'bounded' | 'scoped';

/** Refuses any value. */
const mustBe = (allowed: string) => v.never(allowed);

export const text = v.string('a text');
export const number = v.number('a number');
export const flag = v.boolean('true or false');
/** Any JSON: a schema, arguments of a function. It counts by its bytes. */
export const json = v.unknown();

/** One of a few constants. */
export const oneOf = <const T extends readonly (string | number | boolean)[]>(...allowed: T) =>
  v.picklist(allowed as readonly string[], `one of ${allowed.join(', ')}`) as Shape<T[number]>;

/** More than any model answers with. */
const WHOLE_MAX = 10_000_000;

/** A whole number from 1 up. */
export const whole = (max = WHOLE_MAX) => {
  const allowed = `a whole number from 1 to ${max}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isInteger(value) && value >= 1 && value <= max, allowed),
  );
};

/** A member that may be absent or null. */
export const maybe = <S extends Shape>(shape: S) => v.nullish(shape);

export const list = <S extends Shape>(item: S) => v.array(item, 'a list');

export const texts = list(text);

/**
 * A shape that is built when it first reads a value, and once. A process reads few of the dialects, and to build the
 * shapes of all would be a quarter of the proxy's own start.
 */
export function atFirstUse<T>(build: () => Shape<T>): Shape<T> {
  let built: Shape<T> | undefined;
  return v.lazy(() => {
    built ??= build();
    return built;
  });
}

/** The shapes of one dialect's request, by what its credential may send (read-request.ts). */
export interface RequestShapes<R> {
  readonly bounded: Shape<R>;
  readonly scoped: Shape<R>;
  /** The members that the gateway itself reads or writes. */
  readonly open: Shape;
}

/** The shapes of one dialect's request, each built at its first use. */
export const requestShapes = <R>(
  build: (strictness: Strictness) => Shape<R>,
  open: Shape,
): RequestShapes<R> => ({
  bounded: atFirstUse(() => build('bounded')),
  scoped: atFirstUse(() => build('scoped')),
  open,
});

/** Chooses a shape by the kind of the value: text, list or object. Kinds that are not given are refused. */
export function byKind<S extends Readonly<Partial<Record<'text' | 'list' | 'object', Shape>>>>(
  shapes: S,
): Shape<{ [K in keyof S]: S[K] extends Shape ? Read<S[K]> : never }[keyof S]> {
  const allowed = (['text', 'list', 'object'] as const).filter((kind) => shapes[kind]);
  const refusal = mustBe(
    allowed.map((kind) => (kind === 'object' ? 'an object' : `a ${kind}`)).join(' or '),
  );
  const shape: Shape = v.lazy((value): Shape => {
    if (typeof value === 'string') return shapes.text ?? refusal;
    if (Array.isArray(value)) return shapes.list ?? refusal;
    return (isRecord(value) && shapes.object) || refusal;
  });
  return shape as Shape<never>;
}

/** A flag, or another value. */
export const flagOr = <S extends Shape>(other: S): Shape<boolean | Read<S>> =>
  v.lazy((value): Shape<boolean | Read<S>> => (typeof value === 'boolean' ? flag : other) as never);

/** A text, or a list of items. */
export const textOrList = <S extends Shape>(item: S) => byKind({ text, list: list(item) });

/** The same shape for several members. */
export const each = <S, const N extends readonly string[]>(shape: S, ...names: N) =>
  Object.fromEntries(names.map((name) => [name, shape])) as { readonly [K in N[number]]: S };

const recordOf = (allowed: string, isAllowed: (value: unknown) => boolean) =>
  byKind({
    object: v.record(v.string(), v.pipe(v.unknown(), v.check(isAllowed, allowed))),
  });

/** An object of labels: texts, numbers, flags or null. They cost nothing. */
export const labels = recordOf(
  'a text, a number or true or false',
  (value) => typeof value !== 'object' || value === null,
);

/** An object of switches: numbers, flags or null, which hold no text that could become input. */
export const switches = recordOf(
  'a number or true or false',
  (value) => value === null || typeof value === 'number' || typeof value === 'boolean',
);

export type Members = v.ObjectEntries;
export type ReadMembers<M extends Members> = v.InferOutput<v.StrictObjectSchema<M, undefined>>;
type ReadTyped<T extends Readonly<Record<string, Members>>> = {
  [K in keyof T]: { readonly type: K } & ReadMembers<T[K]>;
}[keyof T];

/** Builders of objects, which differ in what becomes of a member or a `type` that they do not know. */
export interface ObjectShapes {
  /** An object of these members. */
  object<M extends Members>(members: M): Shape<ReadMembers<M>>;
  /** An object whose `type` says which members it has. */
  typed<T extends Readonly<Record<string, Members>>>(types: T): Shape<ReadTyped<T>>;
  /** An object of a `type` that no shape knows. */
  readonly unknownType: Shape<never>;
  /** One of a few constants under a limit, because others change the price; any text without one. */
  limited<const T extends readonly string[]>(...allowed: T): Shape<T[number]>;
}

export function objectShapes(strictness: Strictness): ObjectShapes {
  const isBounded = strictness === 'bounded';
  const object = <M extends Members>(members: M): Shape<ReadMembers<M>> =>
    byKind({ object: membersOf(strictness, members) }) as Shape<never>;
  const unknownType = (allowed: readonly string[]): Shape =>
    isBounded ? v.looseObject({ type: notBoundedBut(allowed) }) : open({});
  return {
    object,
    typed(types) {
      const shapes = new Map<unknown, Shape>(
        Object.entries(types).map(([type, members]) => [
          type,
          object({ type: v.literal(type), ...members }),
        ]),
      );
      const unknown = unknownType(Object.keys(types));
      return byKind({
        object: v.lazy((value) => shapes.get((value as JsonObject).type) ?? unknown),
      }) as Shape<never>;
    },
    unknownType: unknownType([]) as Shape<never>,
    limited: (...allowed) => (isBounded ? notBoundedBut(allowed) : text) as Shape<never>,
  };
}

/** Refuses values that nothing bounds. */
export const limitedTo = (isAllowed: (value: unknown) => boolean, allowed: string): Shape<string> =>
  v.custom<string>(isAllowed, allowed) as Shape<string>;

const notBoundedBut = (allowed: readonly string[]): Shape =>
  limitedTo(
    (value) => typeof value === 'string' && allowed.includes(value),
    allowed.length === 0 ? '' : `one of ${allowed.join(', ')}`,
  );

/** The members of an object: `open` lets all others ride along. */
export function membersOf<M extends Members>(
  strictness: Strictness | 'open',
  members: M,
): Shape<ReadMembers<M>> {
  return makeMembers[strictness](members) as Shape<never>;
}

const UNKNOWN = 'a known member';
const STORED = 'nothing stored';

/** No members beside the known ones, for any credential; null is as good as absent. */
export const closed = <M extends Members>(members: M) =>
  v.pipe(
    v.unknown(),
    judgeOthers(members, UNKNOWN, (name, value) => (value === null ? undefined : nameField(name))),
    v.object(members),
  );

/** Members beside the known ones ride along, unless one of them could name data stored at the provider. */
const open = <M extends Members>(members: M) =>
  v.pipe(v.unknown(), judgeOthers(members, STORED, findStoredName), v.looseObject(members));

const makeMembers: Readonly<Record<Strictness | 'open', (members: Members) => Shape>> = {
  bounded: closed,
  scoped: open,
  open: v.looseObject,
};

/**
 * Refuses an object for the first member that is not known and does not pass.
 * @param judge answers the path of what does not pass
 */
function judgeOthers(
  members: Members,
  expected: string,
  judge: (name: string, value: unknown) => string | undefined,
) {
  return v.rawCheck<unknown>(({ dataset: { value }, addIssue }) => {
    const input = value as Record<string, unknown>;
    for (const name in input) {
      if (Object.hasOwn(members, name)) continue;
      const key = judge(name, input[name]);
      if (key === undefined) continue;
      addIssue({
        path: [{ type: 'object', origin: 'value', input, key, value: input[name] }],
        expected,
      });
      return;
    }
  });
}

/** An object of any JSON: a schema, arguments of a function. It counts by its bytes. */
export const jsonObject = byKind({ object: json as Shape<JsonObject> });

/**
 * Reads a value by a shape.
 * @throws invalid_request that names the first path that the shape does not allow
 */
export function readShape<T>(shape: Shape<T>, value: unknown): T {
  const result = v.safeParse(shape, value, { abortEarly: true });
  if (result.success) return result.output;
  throw toRefusal(result.issues[0]);
}

/** Reads a value by a shape; undefined: the shape does not allow it. */
export function tryShape<T>(shape: Shape<T>, value: unknown): T | undefined {
  const result = v.safeParse(shape, value, { abortEarly: true });
  return result.success ? result.output : undefined;
}

function toRefusal(issue: v.BaseIssue<unknown>): GatewayError {
  const path = pathOfIssue(issue);
  switch (issue.type) {
    case 'raw_check':
      return issue.expected === STORED ? notOwned(path) : notBounded(path);
    case 'raw_transform':
      return ambiguous(path, issue.message);
    case 'custom':
      return notBounded(path, issue.message || undefined);
    case 'object':
    case 'loose_object':
      return unreadable(path, 'given', undefined);
    default:
      return unreadable(path, issue.message, issue.input);
  }
}

function pathOfIssue({ path }: v.BaseIssue<unknown>): string {
  let text = '';
  for (const { key } of path ?? []) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += `${text === '' ? '' : '.'}${nameField(String(key))}`;
  }
  return text;
}
