/**
 * The gateway of a folder on this machine: the one that runs there, else its tables and secrets, opened for as long as
 * the command works. One process at a time has the folder open; the next one waits.
 */
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { makeAwsCall } from '../../adapters/aws/aws-call.ts';
import { readEnvironment, type Variables } from '../../adapters/aws/environment.ts';
import { hasDeployment, openDataFolder, readIfThere } from '../../local/provision.ts';
import { ENDPOINT_FILE, makeAccessKeyId, makeVariables } from '../../local/variables.ts';
import { CommandError } from '../failure.ts';

/** A way to tables and secrets. */
export interface Connection {
  readonly variables: Variables;
  close(): Promise<void>;
}

/** What is written here is its owner's alone. */
const OWNER_ONLY = 0o077;
/** Another command has the folder for less than a second; a gateway that starts tells where it is within five. */
const WAIT_MAX_MS = 10_000;
const WAIT_STEP_MS = 100;
const PROBE_TIMEOUT_MS = 2_000;
const CALL_TIMEOUT_MS = 10_000;

/**
 * Connects to a folder.
 * @param isNew whether the folder may be made
 * @throws CommandError when there is nothing, or somebody else has it open and does not let go
 */
export async function connectLocal(folder: string, isNew: boolean): Promise<Connection> {
  const data = resolve(folder);
  if (!isNew && !(await hasDeployment(data))) {
    throw new CommandError(
      `there is no gateway's data in ${data}; "npm start" makes it, so does "hallpass keys create"; --data names another folder, --stack a deployed gateway`,
    );
  }
  for (let waitedMs = 0; waitedMs < WAIT_MAX_MS; waitedMs += WAIT_STEP_MS) {
    const connection = (await findRunning(data)) ?? (await open(data));
    if (connection !== undefined) return connection;
    await wait(WAIT_STEP_MS);
  }
  throw new CommandError(
    `another process has ${data} open and does not answer; end it, then try again`,
  );
}

/** The gateway that runs on the folder, if it answers. A file that one left behind is passed over. */
async function findRunning(data: string): Promise<Connection | undefined> {
  const text = await readIfThere(join(data, ENDPOINT_FILE));
  if (text === undefined) return undefined;
  try {
    const variables = parseVariables(text);
    const { dynamodbUrl, region, credentials, keysTable } = readEnvironment(variables);
    const call = makeAwsCall({
      url: dynamodbUrl,
      service: 'dynamodb',
      targetPrefix: 'DynamoDB_20120810',
      region,
      credentials,
      timeoutMs: PROBE_TIMEOUT_MS,
    });
    await call('DescribeTable', { TableName: keysTable });
    return { variables, close: async () => {} };
  } catch {
    return undefined; // It ended without removing its file; the lock on the tables says whether it did.
  }
}

const parseVariables = (text: string): Variables => Object(JSON.parse(text)).variables as Variables;

/** Opens the folder; undefined while another process has it. */
async function open(data: string): Promise<Connection | undefined> {
  process.umask(OWNER_ONLY);
  const deployment = await openDataFolder(data);
  const accessKeyId = makeAccessKeyId();
  // Loaded only when there is no gateway to ask.
  const { startDynamoDb } = await import('../../local/dynamodb/server.ts');
  const tables = await startDynamoDb({ path: join(data, 'tables'), accessKeyId }).catch((error) => {
    if (isLocked(error)) return undefined;
    throw error;
  });
  if (tables === undefined) return undefined;
  try {
    const { startSecrets } = await import('../../local/secrets/server.ts');
    const overlay = new Map<string, string>();
    const secrets = await startSecrets({ folder: join(data, 'secrets'), overlay, accessKeyId });
    const variables = makeVariables({
      deployment,
      accessKeyId,
      dynamodbUrl: tables.url,
      secretsManagerUrl: secrets.url,
    });
    await createMissingTables(variables);
    return {
      variables,
      async close() {
        await secrets.close();
        await tables.close();
      },
    };
  } catch (error) {
    await tables.close();
    throw error;
  }
}

async function createMissingTables(variables: Variables): Promise<void> {
  const { createTables } = await import('../../local/dynamodb/tables.ts');
  const environment = readEnvironment(variables);
  const call = makeAwsCall({
    url: environment.dynamodbUrl,
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    region: environment.region,
    credentials: environment.credentials,
    timeoutMs: CALL_TIMEOUT_MS,
  });
  await createTables(call, environment);
}

/** LevelDB's lock on the tables' folder, which lives as long as its process. */
function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}
