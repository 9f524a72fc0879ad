/**
 * Measures the three writes of a request, by each of the two adapters to AWS, through the same flow.
 */
import type { AwsCall } from '../adapters/aws/aws-call.ts';
import type { Environment } from '../adapters/aws/environment.ts';
import { callDynamoDb } from '../adapters/aws/https-call.ts';
import { callDynamoDbBySdk } from '../adapters/aws/sdk-call.ts';
import { percentile } from './load.ts';
import { makeGrant, makeWalletPorts, playRequest } from './wallet-request.ts';

export interface TableCalls {
  readonly reserveP50Micros: number;
  readonly rowP50Micros: number;
  readonly settleP50Micros: number;
  /** The three together: a request waits for all of them. */
  readonly pathP50Micros: number;
  readonly cpuMicrosPerCall: number;
  /** Write units of a request, for wallet and usage row, as the table reports them. */
  readonly writeUnits: number;
}

const CALLS_PER_REQUEST = 3;
const REQUESTS = 500;
const WARM_UP = 200;
const CALL_TIMEOUT_MS = 5_000;
const ADAPTERS = { https: callDynamoDb, sdk: callDynamoDbBySdk };

const GRANT = makeGrant({
  key: 'calls',
  student: 'student',
  token: 'bench-token',
  limits: ['user:requests:hour=1000000', 'user:usd:month=1000'],
});

/** Plays requests one after the other and times each call to the table. */
export async function measureTableCalls(
  environment: Environment,
  kind: keyof typeof ADAPTERS,
): Promise<TableCalls> {
  const call = ADAPTERS[kind](environment, CALL_TIMEOUT_MS);
  const micros: number[] = [];
  const timed: AwsCall = async (operation, input) => {
    const startedMs = performance.now();
    const output = await call(operation, input);
    micros.push((performance.now() - startedMs) * 1000);
    return output;
  };
  const ports = makeWalletPorts(timed, environment);
  for (let each = 0; each < WARM_UP; each++) await playRequest(GRANT, ports);
  micros.length = 0;
  let writeUnits = 0;
  const before = process.cpuUsage();
  for (let each = 0; each < REQUESTS; each++) {
    writeUnits += (await playRequest(GRANT, ports)).writeUnits;
  }
  const cpu = process.cpuUsage(before);
  const p50 = (offset: number): number =>
    percentile(
      micros.filter((_, at) => at % CALLS_PER_REQUEST === offset),
      0.5,
    );
  return {
    reserveP50Micros: p50(0),
    rowP50Micros: p50(1),
    settleP50Micros: p50(2),
    pathP50Micros: p50(0) + p50(1) + p50(2),
    cpuMicrosPerCall: (cpu.user + cpu.system) / (REQUESTS * CALLS_PER_REQUEST),
    writeUnits: writeUnits / REQUESTS,
  };
}
