/**
 * Operations of Secrets Manager on a local store: the five that the adapters call.
 */
import { randomUUID } from 'node:crypto';
import {
  arnOf,
  isStorableName,
  type SecretStore,
  type StoredSecret,
  type StoredVersion,
} from './store.ts';

/** An error of the service; `name` is AWS's. Its message holds no value. */
export class SecretsError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

type Input = Readonly<Record<string, unknown>>;
type Operation = (store: SecretStore, input: Input) => object | Promise<object>;

/** Beyond this many, versions without a stage are removed, oldest first; the service keeps about as many. */
const VERSIONS_MAX = 100;
const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';

/**
 * Carries out one operation. Two must not overlap: each writes what it made of what it read.
 * @throws SecretsError as the service does
 */
export async function operate(
  store: SecretStore,
  operation: string,
  input: Input,
): Promise<object> {
  const run = OPERATIONS.get(operation);
  if (run === undefined) throw new SecretsError('UnknownOperationException', 'no such operation');
  return run(store, input);
}

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['CreateSecret', createSecret],
  ['PutSecretValue', putSecretValue],
  ['UpdateSecretVersionStage', updateSecretVersionStage],
  ['GetSecretValue', getSecretValue],
  ['DeleteSecret', deleteSecret],
]);

async function createSecret(store: SecretStore, input: Input): Promise<object> {
  const name = text(input, 'Name');
  if (!isStorableName(name)) {
    throw new SecretsError('ValidationException', 'the name is empty or too long');
  }
  if (store.secrets.has(name)) {
    throw new SecretsError('ResourceExistsException', 'a secret of this name exists');
  }
  const empty = { name, arn: arnOf(name), createdAtMs: Date.now(), versions: [] };
  const secret = input.SecretString === undefined ? empty : addVersion(empty, input);
  await store.put(secret);
  return { ...names(secret), ...versionId(currentOf(secret)) };
}

/** Deletes a secret at once: the recovery window of the service is not kept here. */
async function deleteSecret(store: SecretStore, input: Input): Promise<object> {
  const secret = find(store, input);
  await store.remove(secret.name);
  return { ...names(secret), DeletionDate: Date.now() / 1_000 };
}

async function putSecretValue(store: SecretStore, input: Input): Promise<object> {
  const secret = addVersion(find(store, input), input);
  await store.put(secret);
  const known = secret.versions.find(({ id }) => id === input.ClientRequestToken);
  const made = known ?? secret.versions.at(-1);
  return { ...names(secret), ...versionId(made), VersionStages: made?.stages };
}

/** Moves a stage, but only from the version that the caller names as its holder. */
async function updateSecretVersionStage(store: SecretStore, input: Input): Promise<object> {
  const secret = find(store, input);
  const stage = text(input, 'VersionStage');
  const to = text(input, 'MoveToVersionId');
  const holder = secret.versions.find(({ stages }) => stages.includes(stage));
  if (holder !== undefined && holder.id !== input.RemoveFromVersionId && holder.id !== to) {
    throw new SecretsError('InvalidParameterException', 'the stage is of another version');
  }
  if (!secret.versions.some(({ id }) => id === to)) throw notFound();
  const versions = secret.versions.map((version) => ({
    ...version,
    stages: stagesAfter(version, [stage], version.id === to),
  }));
  await store.put({ ...secret, versions });
  return names(secret);
}

/** The current version; no caller of ours reads another one. */
function getSecretValue(store: SecretStore, input: Input): object {
  const secret = find(store, input);
  const version = currentOf(secret);
  if (version === undefined) throw notFound();
  return {
    ...names(secret),
    ...versionId(version),
    SecretString: version.value,
    VersionStages: version.stages,
  };
}

function find({ secrets }: SecretStore, input: Input): StoredSecret {
  const secret = secrets.get(text(input, 'SecretId'));
  if (secret === undefined) throw notFound();
  return secret;
}

/** Adds a version. The same request token with the same value is the same version; with another value, an error. */
function addVersion(secret: StoredSecret, input: Input): StoredSecret {
  const value = text(input, 'SecretString');
  const id =
    input.ClientRequestToken === undefined ? randomUUID() : text(input, 'ClientRequestToken');
  const same = secret.versions.find((version) => version.id === id);
  if (same?.value === value) return secret;
  if (same !== undefined) {
    throw new SecretsError('ResourceExistsException', 'a version of this token exists');
  }
  const stages = input.VersionStages === undefined ? [CURRENT] : texts(input, 'VersionStages');
  const others = secret.versions.map((version) => ({
    ...version,
    stages: stagesAfter(version, stages, false),
  }));
  const added = { id, value, createdAtMs: Date.now(), stages };
  return { ...secret, versions: withinLimit([...others, added]) };
}

/** Returns a version's stages after `moved` ones went to it, or away from it. `AWSPREVIOUS` follows `AWSCURRENT`. */
function stagesAfter(
  { stages }: StoredVersion,
  moved: readonly string[],
  isTarget: boolean,
): string[] {
  const gone = moved.includes(CURRENT) ? [...moved, PREVIOUS] : moved;
  const kept = stages.filter((stage) => !gone.includes(stage));
  if (isTarget) return [...kept, ...moved];
  return moved.includes(CURRENT) && stages.includes(CURRENT) ? [...kept, PREVIOUS] : kept;
}

function withinLimit(versions: StoredVersion[]): StoredVersion[] {
  let excess = versions.length - VERSIONS_MAX;
  return versions.filter(({ stages }) => stages.length > 0 || excess-- <= 0);
}

const names = ({ arn, name }: StoredSecret): object => ({ ARN: arn, Name: name });

const versionId = (version: StoredVersion | undefined): object =>
  version === undefined ? {} : { VersionId: version.id };

const currentOf = ({ versions }: StoredSecret): StoredVersion | undefined =>
  versions.find(({ stages }) => stages.includes(CURRENT));

const notFound = (): SecretsError =>
  new SecretsError('ResourceNotFoundException', 'there is no such secret or version');

function text(input: Input, field: string): string {
  const value = input[field];
  if (typeof value === 'string' && value !== '') return value;
  throw new SecretsError('ValidationException', `"${field}" must be a text that is not empty`);
}

function texts(input: Input, field: string): string[] {
  const value = input[field];
  const listed = Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
  if (listed.length > 0) return listed;
  throw new SecretsError('ValidationException', `"${field}" must be a list of texts`);
}
