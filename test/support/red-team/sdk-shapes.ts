/** The SDKs' own types of requests as data, read by the TypeScript checker. */
import { fileURLToPath } from 'node:url';
import {
  API,
  type Checker,
  type Symbol as Name,
  SymbolFlags,
  type Type,
  TypeFlags,
} from 'typescript/unstable/sync';
import type { SdkRequests } from './sdk-requests.ts';

export type SdkShape =
  | { readonly kind: 'text' | 'number' | 'flag' | 'null' | 'any' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'list'; readonly item: SdkShape }
  | { readonly kind: 'map'; readonly value: SdkShape }
  | SdkObject
  | { readonly kind: 'union'; readonly of: readonly SdkShape[] };

export interface SdkObject {
  readonly kind: 'object';
  readonly id: number;
  readonly members: ReadonlyMap<string, SdkMember>;
}

export interface SdkMember {
  readonly shape: SdkShape;
  readonly isRequired: boolean;
}

export type SdkName = keyof SdkRequests;

/** Reads the shapes of all requests. Takes half a second. */
export function readSdkShapes(): Readonly<Record<SdkName, SdkObject>> {
  const configFile = fileURLToPath(new URL('tsconfig.json', import.meta.url));
  const api = new API({ cwd: fileURLToPath(new URL('.', import.meta.url)) });
  try {
    const [project] = api.updateSnapshot({ openProjects: [configFile] }).getProjects();
    const source = project?.program.getSourceFile(
      fileURLToPath(new URL('sdk-requests.ts', import.meta.url)),
    );
    if (project === undefined || source === undefined) throw new Error('no types were found');
    const { checker } = project;
    const module = checker.getSymbolAtLocation(source);
    const [requests] = module ? checker.getExportsOfModule(module) : [];
    if (requests === undefined) throw new Error('no types were found');
    const toShape = makeReader(checker);
    const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(requests));
    const shapes = members.map((member) => [member.name, toShape(typeOf(checker, member))]);
    return Object.fromEntries(shapes);
  } finally {
    api.close();
  }
}

function typeOf(checker: Checker, name: Name): Type {
  const type = checker.getTypeOfSymbol(name);
  if (type === undefined) throw new Error(`no type of ${name.name}`);
  return type;
}

/** Types refer to each other in circles, so an object's members are filled in after it is known. */
function makeReader(checker: Checker): (type: Type) => SdkShape {
  const known = new Map<number, SdkShape>();
  const toObject = (type: Type): SdkShape => {
    const before = known.get(type.id);
    if (before !== undefined) return before;
    if (checker.isArrayLikeType(type)) {
      const [item] = checker.getTypeArguments(type as never);
      return { kind: 'list', item: item ? toShape(item) : { kind: 'any' } };
    }
    const members = new Map<string, SdkMember>();
    const object: SdkObject = { kind: 'object', id: type.id, members };
    known.set(type.id, object);
    for (const name of checker.getPropertiesOfType(type)) {
      const isRequired = (name.flags & SymbolFlags.Optional) === 0;
      members.set(name.name, { shape: toShape(typeOf(checker, name)), isRequired });
    }
    const [index] = checker.getIndexInfosOfType(type);
    if (members.size > 0 || index === undefined) return object;
    const map: SdkShape = { kind: 'map', value: toShape(index.valueType) };
    known.set(type.id, map);
    return map;
  };
  const toShape = (type: Type): SdkShape => {
    const { flags } = type;
    if (flags & (TypeFlags.StringLiteral | TypeFlags.NumberLiteral | TypeFlags.BooleanLiteral)) {
      return { kind: 'literal', value: (type as unknown as { value: string }).value };
    }
    if (flags & TypeFlags.Union) {
      const parts = (type as unknown as { getTypes(): readonly Type[] }).getTypes();
      const given = parts.filter((part) => !(part.flags & TypeFlags.Undefined));
      const of = given.map(toShape);
      return of.length === 1 && of[0] ? of[0] : { kind: 'union', of };
    }
    if (flags & TypeFlags.String) return { kind: 'text' };
    if (flags & TypeFlags.Number) return { kind: 'number' };
    if (flags & TypeFlags.Boolean) return { kind: 'flag' };
    if (flags & TypeFlags.Null) return { kind: 'null' };
    // `(string & {})` is any text beside the ones that an editor offers.
    if (flags & TypeFlags.Intersection) return { kind: 'text' };
    return flags & TypeFlags.Object ? toObject(type) : { kind: 'any' };
  };
  return toShape;
}
