/** Every place of a request where a value stands, with right and wrong values for it, made from the SDKs' types. */
import type { SdkMember, SdkObject, SdkShape } from './sdk-shapes.ts';

export interface Attack {
  /** The place and what stands there: `messages[].content[].source: a list`. */
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Makes texts of which each is used once, so that each can be found again. */
const makeCanaries = () => {
  let next = 0;
  return (): string => `canary${(next++).toString(36)}x`;
};

type Step =
  | { readonly to: 'member'; readonly of: SdkObject; readonly name: string }
  | { readonly to: 'item' }
  | { readonly to: 'value' };

interface Place {
  readonly steps: readonly Step[];
  readonly shape: SdkShape;
}

/** The places of all members that can be reached, each member of a type once below each member that holds the type. */
function placesOf(root: SdkObject): readonly Place[] {
  const places: Place[] = [];
  const seen = new Set<string>();
  const queue: { readonly object: SdkObject; readonly steps: readonly Step[] }[] = [
    { object: root, steps: [] },
  ];
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
    const { object, steps } = entry;
    for (const [name, { shape }] of object.members) {
      const here: readonly Step[] = [...steps, { to: 'member', of: object, name }];
      places.push({ steps: here, shape });
      for (const inner of objectsIn(shape, [])) {
        const edge = `${object.id}.${name}.${inner.object.id}`;
        if (seen.has(edge)) continue;
        seen.add(edge);
        queue.push({ object: inner.object, steps: [...here, ...inner.steps] });
      }
    }
  }
  return places;
}

/** The objects that a value can be, or can hold in its lists. */
function objectsIn(
  shape: SdkShape,
  steps: readonly Step[],
): readonly { readonly object: SdkObject; readonly steps: readonly Step[] }[] {
  switch (shape.kind) {
    case 'object':
      return [{ object: shape, steps }];
    case 'list':
      return objectsIn(shape.item, [...steps, { to: 'item' }]);
    case 'map':
      return objectsIn(shape.value, [...steps, { to: 'value' }]);
    case 'union':
      return shape.of.flatMap((one) => objectsIn(one, steps));
    default:
      return [];
  }
}

/** A request in which one value stands at the end of the steps, and around it only what is required. */
function build(steps: readonly Step[], value: unknown, text: () => string): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  const inner = build(rest, value, text);
  if (step.to === 'item') return [inner];
  if (step.to === 'value') return { k: inner };
  return { ...requiredOf(step.of, text), [step.name]: inner };
}

const requiredOf = (object: SdkObject, text: () => string): Record<string, unknown> =>
  Object.fromEntries(
    [...object.members]
      .filter(([, { isRequired }]) => isRequired)
      .map(([name, { shape }]) => [name, sampleOf(shape, text)]),
  );

/** A right value, as small as it can be. */
function sampleOf(shape: SdkShape, text: () => string): unknown {
  switch (shape.kind) {
    case 'text':
      return text();
    case 'number':
      return 1;
    case 'flag':
      return true;
    case 'null':
      return null;
    case 'any':
      return { [text()]: text() };
    case 'literal':
      return shape.value;
    case 'list':
      return [sampleOf(shape.item, text)];
    case 'map':
      return { [text()]: sampleOf(shape.value, text) };
    case 'object':
      return requiredOf(shape, text);
    case 'union': {
      const first = shape.of.find(({ kind }) => kind !== 'null') ?? shape.of[0];
      return first && sampleOf(first, text);
    }
  }
}

/** Every alternative of a value: of a union each, of a list one of each item. */
function alternativesOf(shape: SdkShape, text: () => string): readonly unknown[] {
  switch (shape.kind) {
    case 'union':
      return shape.of.flatMap((one) => alternativesOf(one, text));
    case 'list':
      return alternativesOf(shape.item, text).map((item) => [item]);
    case 'object':
      return [requiredOf(shape, text), fullOf(shape, text)];
    default:
      return [sampleOf(shape, text)];
  }
}

/** An object with all its members. */
const fullOf = (object: SdkObject, text: () => string): Record<string, unknown> =>
  Object.fromEntries(
    [...object.members].map(([name, { shape }]: [string, SdkMember]) => [
      name,
      sampleOf(shape, text),
    ]),
  );

/** Values of every kind, with a text wherever one can be hidden. */
export const wrongValues = (text: () => string): Readonly<Record<string, unknown>> => ({
  'a text': text(),
  'an address': `https://files.example.org/${text()}`,
  'an address at Google': `gs://bucket/${text()}`,
  'a type of a video': 'video/mp4',
  'a number': 7,
  'a huge number': 9_999_999,
  true: true,
  null: null,
  'an empty list': [],
  'an empty object': {},
  'a list of a text': [text()],
  'a list of lists': [[[text()]]],
  'an object of a text': { text: text() },
  'an object of an unknown type': { type: 'unheard_of', text: text() },
  'a part that is a text': { type: 'text', text: text() },
  'a list of such parts': [{ type: 'text', text: text() }],
  'an image by its address': {
    type: 'image',
    source: { type: 'url', url: `https://x.org/${text()}` },
  },
  'a stored file': { type: 'file', file_id: text() },
  'an id': { id: text() },
  'a list of ids': [{ id: text() }],
  'a deep object': { a: { b: { c: { text: text() } } } },
});

/**
 * All attacks on the requests of a shape.
 * @param base members that a request needs though its type does not say so
 */
export function attacksOn(root: SdkObject, base: object = {}): readonly Attack[] {
  const text = makeCanaries();
  const attacks = placesOf(root).flatMap(({ steps, shape }): readonly Attack[] => {
    const name = nameOf(steps);
    const put = (what: string, value: unknown): Attack => ({
      name: `${name}: ${what}`,
      body: build(steps, value, text) as Attack['body'],
    });
    const right = alternativesOf(shape, text).map((value, index) => put(`right ${index}`, value));
    const wrong = Object.entries(wrongValues(text)).map(([what, value]) => put(what, value));
    return [...right, ...wrong, ...strangersBeside(steps, sampleOf(shape, text), { name, text })];
  });
  return attacks.map(({ name, body }) => ({ name, body: { ...base, ...body } }));
}

/** The members that nobody knows, beside a right one. */
function strangersBeside(
  steps: readonly Step[],
  value: unknown,
  { name, text }: { readonly name: string; readonly text: () => string },
): readonly Attack[] {
  const last = steps.at(-1);
  if (last?.to !== 'member') return [];
  const strangers = { unheard_of: text(), file_id: text(), video_url: { url: 'https://x.org/v' } };
  return Object.entries(strangers).map(([stranger, its]) => {
    const object = { ...requiredOf(last.of, text), [last.name]: value, [stranger]: its };
    return {
      name: `${name}: beside ${stranger}`,
      body: build(steps.slice(0, -1), object, text) as Attack['body'],
    };
  });
}

/** An example with a wrong value at each of its places, and with a stranger in each of its objects. */
export function attacksAround(example: Readonly<Record<string, unknown>>): readonly Attack[] {
  const text = makeCanaries();
  const put = (name: string, body: unknown): Attack => ({ name, body: body as Attack['body'] });
  const visit = (
    value: unknown,
    name: string,
    replace: (value: unknown) => unknown,
  ): readonly Attack[] => {
    const wrong = Object.entries(wrongValues(text)).map(([what, its]) =>
      put(`${name}: ${what}`, replace(its)),
    );
    const wrapped = [
      put(`${name}: in a list`, replace([value])),
      put(`${name}: twice`, replace([value, value])),
    ];
    if (Array.isArray(value)) {
      const inner = value.flatMap((item, index) =>
        visit(item, `${name}[${index}]`, (its) => replace(value.with(index, its))),
      );
      return [...wrong, ...wrapped, ...inner];
    }
    if (typeof value !== 'object' || value === null) return [...wrong, ...wrapped];
    const strangers = Object.entries({ ...wrongValues(text), id: text() }).map(([what, its]) =>
      put(`${name}: with a stranger that is ${what}`, replace({ ...value, unheard_of: its })),
    );
    const known = ['file_id', 'cache_control', 'type', 'text', 'content', 'url', 'video_url'].map(
      (member) => put(`${name}: with ${member}`, replace({ ...value, [member]: text() })),
    );
    const inner = Object.entries(value).flatMap(([member, its]) =>
      visit(its, `${name}.${member}`, (other) => replace({ ...value, [member]: other })),
    );
    return [...wrong, ...wrapped, ...strangers, ...known, ...inner];
  };
  return Object.entries(example).flatMap(([member, value]) =>
    visit(value, member, (other) => ({ ...example, [member]: other })),
  );
}

const nameOf = (steps: readonly Step[]): string =>
  steps
    .map((step) => (step.to === 'member' ? `.${step.name}` : step.to === 'item' ? '[]' : '{}'))
    .join('')
    .slice(1);
