/**
 * AWS through its own SDK: the adapter for calls that no request waits for (the command line with a stack, the sweep).
 * Credentials that expire are fetched anew, and AWS answers for the protocol. It costs three to five times the processor
 * time of https-call.ts a call, and some 60 ms of a function's start (docs/decisions/0002).
 */
import {
  BatchGetItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { parseObject } from '../../core/base/json.ts';
import { untilAborted } from '../system.ts';
import {
  AnswerTooLarge,
  type AwsCall,
  AwsCallError,
  type CallFault,
  readAnswer,
  repeatBrokenRead,
  type SecretsEndpoint,
  SOCKETS_MAX,
  type TablesEndpoint,
} from './aws-call.ts';
import type { AwsCredentials } from './environment.ts';

/** Credentials, or what fetches them: the SDK calls it again shortly before they expire. */
type CredentialSource = AwsCredentials | (() => Promise<AwsCredentials>);
type From<Endpoint> = Omit<Endpoint, 'credentials'> & { readonly credentials: CredentialSource };

/** Makes the call to the tables of an endpoint. Its connections live as long as it does. */
export function callDynamoDbBySdk(
  { dynamodbUrl: endpoint, region, credentials }: From<TablesEndpoint>,
  timeoutMs: number,
): AwsCall {
  const client = new DynamoDBClient({ ...COMMON, endpoint, region, credentials });
  return makeSdkCall(client as unknown as Client, TABLE_COMMANDS, timeoutMs);
}

/** Makes the call to the secrets of an endpoint. Its connections live as long as it does. */
export function callSecretsManagerBySdk(
  { secretsManagerUrl: endpoint, region, credentials }: From<SecretsEndpoint>,
  timeoutMs: number,
): AwsCall {
  const client = new SecretsManagerClient({ ...COMMON, endpoint, region, credentials });
  return makeSdkCall(client as unknown as Client, SECRET_COMMANDS, timeoutMs);
}

const SOCKETS = { keepAlive: true, maxSockets: SOCKETS_MAX };
/** One attempt a call: the SDK must not repeat a write, which only its caller can do safely. */
const COMMON = { maxAttempts: 1, requestHandler: { httpAgent: SOCKETS, httpsAgent: SOCKETS } };

const TABLE_COMMANDS: CommandTable = {
  BatchGetItem: BatchGetItemCommand,
  GetItem: GetItemCommand,
  PutItem: PutItemCommand,
  Query: QueryCommand,
  Scan: ScanCommand,
  TransactWriteItems: TransactWriteItemsCommand,
  UpdateItem: UpdateItemCommand,
};
const SECRET_COMMANDS: CommandTable = {
  CreateSecret: CreateSecretCommand,
  DeleteSecret: DeleteSecretCommand,
  GetSecretValue: GetSecretValueCommand,
  PutSecretValue: PutSecretValueCommand,
  UpdateSecretVersionStage: UpdateSecretVersionStageCommand,
};

type CommandTable = Readonly<Record<string, new (input: never) => object>>;

/** The used part of a client. The SDK types each operation's input and output; the seam passes both on as JSON. */
interface Client {
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<object>;
  readonly middlewareStack: {
    add(middleware: Middleware, options: { readonly step: 'deserialize'; priority: 'low' }): void;
  };
}

type Middleware = (
  next: (args: unknown) => Promise<{ readonly response: HttpResponse }>,
) => (args: unknown) => Promise<{ readonly response: HttpResponse }>;

interface HttpResponse {
  readonly statusCode: number;
  body: Parameters<typeof readAnswer>[0] | Buffer;
}

function makeSdkCall(client: Client, commands: CommandTable, timeoutMsMax: number): AwsCall {
  client.middlewareStack.add(boundAnswer, { step: 'deserialize', priority: 'low' });
  async function send(operation: string, input: object, timeoutMs: number) {
    const Command = commands[operation];
    if (Command === undefined)
      throw new TypeError(`"${operation}" is not among the SDK's commands`);
    const abortSignal = AbortSignal.timeout(timeoutMs);
    try {
      const sent = client.send(new Command(input as never), { abortSignal });
      // The SDK does not pass the signal on to what fetches credentials.
      return dataOf(await untilAborted(abortSignal, sent));
    } catch (error) {
      throw toCallError(error, operation, abortSignal.aborted);
    }
  }
  return (operation, input, withinMs = timeoutMsMax) => {
    const timeoutMs = Math.min(withinMs, timeoutMsMax);
    return repeatBrokenRead(operation, () => send(operation, input, timeoutMs));
  };
}

/** Reads the answer before the SDK does, which has no limit on its size and quotes what it cannot parse. */
const boundAnswer: Middleware = (next) => async (args) => {
  const result = await next(args);
  const { response } = result;
  const bytes = Buffer.isBuffer(response.body) ? response.body : await readAnswer(response.body);
  if (parseObject(bytes.toString('utf8')) === undefined) throw new Unreadable(response.statusCode);
  response.body = bytes;
  return result;
};

class Unreadable extends Error {
  readonly status: number;

  constructor(status: number) {
    super('the answer is not a JSON object');
    this.status = status;
  }
}

/** Nothing of an error of the SDK is kept but its name and, if the service answered, the fields of that answer. */
function toCallError(error: unknown, operation: string, isTimeout: boolean): Error {
  const fail = (fault: CallFault, status = 0) => new AwsCallError(fault, operation, status);
  if (isTimeout) return fail('TimeoutError');
  if (error instanceof AnswerTooLarge) return fail('ResponseTooLarge');
  if (error instanceof Unreadable) return fail('UnreadableResponse', error.status);
  if (error instanceof TypeError) return new TypeError(`${operation}: the SDK does not take this`);
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (status !== undefined) {
    if (name === undefined || name === UNNAMED) return fail('UnreadableResponse', status);
    return new AwsCallError(name, operation, status, dataOf(error as object));
  }
  return name?.endsWith(CREDENTIALS_FAULT)
    ? new AwsCallError(name, operation, 0)
    : fail('NetworkError');
}

/** The SDK's name for an error to which the service gives none. */
const UNNAMED = 'Unknown';
/** `CredentialsProviderError`, `TokenProviderError`: there are no credentials, or they cannot be renewed. */
const CREDENTIALS_FAULT = 'ProviderError';

/** Fields of an output or error without those of the SDK itself, such as `$metadata`. */
const dataOf = (output: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(output).filter(([name]) => !name.startsWith('$')));
