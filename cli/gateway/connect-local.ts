/**
 * Connects to the gateway of a folder on this machine. If one runs on the folder, the command calls its tables and
 * secrets; else it opens them itself. One process at a time has the folder open; the next one waits.
 */
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readEnvironment, type Variables } from '../../adapters/aws/environment.ts';
import { callDynamoDb } from '../../adapters/aws/https-call.ts';
import {
  hasDeployment,
  isFolderLocked,
  openDataFolder,
  readIfThere,
} from '../../local/provision.ts';
import { ENDPOINT_FILE, makeAccessKeyId, makeVariables } from '../../local/variables.ts';
import { CommandError } from '../failure.ts';

/** An open way to a folder's tables and secrets. */
export interface FolderConnection {
  readonly variables: Variables;
  close(): Promise<void>;
}

/** Only their owner may read the files written here. */
const OWNER_ONLY = 0o077;
/** Another command holds the folder for less than a second; a gateway that starts writes its endpoint within five. */
const WAIT_MAX_MS = 10_000;
const WAIT_STEP_MS = 100;
const PROBE_TIMEOUT_MS = 2_000;
const CALL_TIMEOUT_MS = 10_000;

/**
 * Connects to a folder.
 * @param isNew true makes the folder where there is none
 * @throws CommandError when there is no gateway's data, or another process keeps the folder open
 */
export async function connectLocal(folder: string, isNew: boolean): Promise<FolderConnection> {
  const data = resolve(folder);
  if (!isNew && !(await hasDeployment(data))) {
    throw new CommandError(
      `there is no gateway's data in ${data}; "hallpass start" or "hallpass keys create" makes it, --data names another folder, --stack a deployed gateway`,
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

/** Finds the gateway that runs on the folder. An endpoint file that a crashed one left behind counts for nothing. */
async function findRunning(data: string): Promise<FolderConnection | undefined> {
  const text = await readIfThere(join(data, ENDPOINT_FILE));
  if (text === undefined) return undefined;
  try {
    const variables = parseVariables(text);
    const environment = readEnvironment(variables);
    const call = callDynamoDb(environment, PROBE_TIMEOUT_MS);
    await call('DescribeTable', { TableName: environment.keysTable });
    return { variables, close: async () => {} };
  } catch {
    return undefined; // It ended without removing its file. If it did not, the lock on the tables shows it.
  }
}

const parseVariables = (text: string): Variables => Object(JSON.parse(text)).variables as Variables;

/** Opens the folder; undefined while another process has it open. */
async function open(data: string): Promise<FolderConnection | undefined> {
  process.umask(OWNER_ONLY);
  const deployment = await openDataFolder(data);
  const accessKeyId = makeAccessKeyId();
  // Loaded only where no gateway runs.
  const { startDynamoDb } = await import('../../local/dynamodb/server.ts');
  const tables = await startDynamoDb({ path: join(data, 'tables'), accessKeyId }).catch((error) => {
    if (isFolderLocked(error)) return undefined;
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
  await createTables(callDynamoDb(environment, CALL_TIMEOUT_MS), environment);
}
