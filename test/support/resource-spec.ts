/**
 * Checks a template against AWS's own resource specification: properties that do not exist, required ones that are
 * missing, values of another type, references to nothing. CloudFormation would say so only when it deploys.
 */
import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';

export interface CheckedTemplate {
  readonly Parameters?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, CheckedResource>>;
}

interface CheckedResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
}

const findResource = (spec: SpecDatabase, type: string) =>
  spec.lookup('resource', 'cloudFormationType', 'equals', type)[0];

type SpecDatabase = ReturnType<typeof loadAwsServiceSpecSync>;
type SpecProperties = NonNullable<ReturnType<typeof findResource>>['properties'];
type SpecType = SpecProperties[string]['type'];

/** A problem each: where it is and what is wrong. */
type Problems = string[];

let database: SpecDatabase | undefined;

/** Returns AWS's specification of its services, which takes a third of a second to load: once in a process. */
export function serviceSpec(): SpecDatabase {
  database ??= loadAwsServiceSpecSync();
  return database;
}

/** Every problem of a template; none: it is as AWS specifies. */
export function findProblems(template: CheckedTemplate): readonly string[] {
  const spec = serviceSpec();
  const problems: Problems = [];
  for (const [id, resource] of Object.entries(template.Resources)) {
    checkResource(spec, id, resource, problems);
  }
  checkReferences(template, problems);
  return problems;
}

function checkResource(
  spec: SpecDatabase,
  id: string,
  { Type, Properties = {} }: CheckedResource,
  problems: Problems,
): void {
  const resource = findResource(spec, Type);
  if (resource === undefined) problems.push(`${id}: there is no resource type ${Type}`);
  else checkProperties(spec, resource.properties, Properties, id, problems);
}

function checkProperties(
  spec: SpecDatabase,
  properties: SpecProperties,
  value: unknown,
  path: string,
  problems: Problems,
): void {
  if (!isRecord(value)) {
    problems.push(`${path}: must be an object, got ${typeof value}`);
    return;
  }
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(properties, name))
      problems.push(`${path}.${name}: there is no such property`);
  }
  for (const [name, property] of Object.entries(properties)) {
    if (value[name] !== undefined) {
      checkValue(spec, property.type, value[name], `${path}.${name}`, problems);
    } else if (property.required) problems.push(`${path}.${name}: is required`);
  }
}

function checkValue(
  spec: SpecDatabase,
  type: SpecType,
  value: unknown,
  path: string,
  problems: Problems,
): void {
  if (isIntrinsic(value)) return;
  switch (type.type) {
    case 'string':
    case 'boolean':
      if (typeof value !== type.type) problems.push(mismatch(path, type.type, value));
      return;
    case 'number':
    case 'integer':
      if (typeof value !== 'number') problems.push(mismatch(path, type.type, value));
      return;
    case 'array':
      if (!Array.isArray(value)) problems.push(mismatch(path, 'array', value));
      else for (const item of value) checkValue(spec, type.element, item, `${path}[]`, problems);
      return;
    case 'map':
      if (!isRecord(value)) problems.push(mismatch(path, 'map', value));
      else {
        for (const [name, item] of Object.entries(value)) {
          checkValue(spec, type.element, item, `${path}.${name}`, problems);
        }
      }
      return;
    case 'ref': {
      const { properties } = spec.get('typeDefinition', type.reference.$ref);
      checkProperties(spec, properties, value, path, problems);
      return;
    }
    case 'union':
      checkUnion(spec, type.types, value, path, problems);
      return;
    default:
      return; // json, date-time, tags and the like: any value.
  }
}

/** One of the types must fit; if none does, returns the problems of the first. */
function checkUnion(
  spec: SpecDatabase,
  types: readonly SpecType[],
  value: unknown,
  path: string,
  problems: Problems,
): void {
  const attempts = types.map((type) => {
    const found: Problems = [];
    checkValue(spec, type, value, path, found);
    return found;
  });
  if (!attempts.some((found) => found.length === 0)) problems.push(...(attempts[0] ?? []));
}

/** `Ref`, `Fn::GetAtt` and `DependsOn` must name a resource or parameter of the template. */
function checkReferences(template: CheckedTemplate, problems: Problems): void {
  const { Resources, Parameters = {} } = template;
  const need = (id: unknown, how: string, where: object): void => {
    if (typeof id === 'string' && !id.startsWith('AWS::') && !Object.hasOwn(where, id))
      problems.push(`${how} ${id}: there is no such resource`);
  };
  for (const { DependsOn = [] } of Object.values(Resources)) {
    for (const id of [DependsOn].flat()) need(id, 'DependsOn', Resources);
  }
  JSON.stringify(template, (key, value: unknown) => {
    if (key === 'Ref') need(value, 'Ref', { ...Resources, ...Parameters });
    if (key === 'Fn::GetAtt' && Array.isArray(value)) need(value[0], 'Fn::GetAtt', Resources);
    return value;
  });
}

const mismatch = (path: string, wanted: string, value: unknown): string =>
  `${path}: must be of type ${wanted}, got ${JSON.stringify(value)}`;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value that CloudFormation fills in when it deploys. */
const isIntrinsic = (value: unknown): boolean => {
  if (!isRecord(value)) return false;
  const [name, ...others] = Object.keys(value);
  return name !== undefined && others.length === 0 && /^(Ref|Condition|Fn::\w+)$/.test(name);
};
