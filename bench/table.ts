/**
 * The embedded table in a process of its own, so that its work is not counted as the gateway's.
 */
import { startDynamoDb } from '../local/dynamodb/server.ts';
import { serveCommands } from './child.ts';

const { url } = await startDynamoDb({});
serveCommands(url);
