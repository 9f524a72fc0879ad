/**
 * The sweep: runs every five minutes, closes the holds that requests left open, sums the rows of past days, and logs
 * the numbers. Throws at its end if something could not be written.
 */
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { AwsCall, TablesEndpoint } from '../adapters/aws/aws-call.ts';
import type { Environment, FunctionSettings } from '../adapters/aws/environment.ts';
import { makeRollups } from '../adapters/dynamodb/rollups.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { makeLog } from '../adapters/log.ts';
import { systemClock as clock } from '../adapters/system.ts';
import { DUE_SHARDS } from '../adapters/table-schema.ts';
import type { Log } from '../core/base/ports.ts';
import { type SweepPorts, sweep } from '../core/sweep.ts';
import { type RollupPorts, rollUp } from '../core/usage/rollup.ts';

/** Nobody waits for a sweep, so a call may take long. */
const CALL_TIMEOUT_MS = 5_000;
/** Time for the last wallet, which may need a few more calls after the deadline. */
const END_RESERVE_MS = 20_000;

/** Makes the call to the tables: by the SDK when deployed. The local gateway spares itself its memory. */
type MakeTableCall = (endpoint: TablesEndpoint, timeoutMs: number) => AwsCall;

export function makeSweepHandler(
  { environment }: FunctionSettings,
  makeTableCall: MakeTableCall,
  log: Log = makeLog(undefined, environment),
) {
  const ports = makePorts(environment, makeTableCall(environment, CALL_TIMEOUT_MS));
  return middy<unknown, void>().handler(async (_event: unknown, context: Context) => {
    const deadlineAtMs = clock.nowMs() + context.getRemainingTimeInMillis() - END_RESERVE_MS;
    const outcome = await sweep(ports, { shards: DUE_SHARDS, deadlineAtMs });
    const { wallets, swept, settled, failed, finished } = outcome;
    log.write({
      level: failed > 0 || !finished ? 'warn' : 'info',
      event: finished ? 'sweep finished' : 'sweep stopped early',
      count: swept + settled,
      swept,
      detail: `wallets ${wallets}, holds swept ${swept}, holds settled ${settled}, failed ${failed}`,
    });
    // Holds come first: they keep money from people. Rollups only save reads.
    const made = await rollUp(ports, { deadlineAtMs });
    log.write({
      level: made.failed > 0 ? 'warn' : 'info',
      event: made.finished ? 'rollups finished' : 'rollups stopped early',
      count: made.days,
      detail: `days ${made.days}, rows ${made.rows}, failed ${made.failed}`,
    });
    // Lambda counts as errors only what is thrown, and an alarm counts those.
    if (failed > 0 || made.failed > 0) throw new Error('service_unavailable');
  });
}

function makePorts(
  { walletsTable, usageTable }: Environment,
  call: AwsCall,
): SweepPorts & RollupPorts {
  return {
    wallets: makeWallets(call, walletsTable),
    usage: makeUsageRows(call, usageTable),
    rollups: makeRollups(call, usageTable),
    clock,
  };
}
