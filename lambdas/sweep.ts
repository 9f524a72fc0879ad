/**
 * The sweep: runs every five minutes, closes the holds that requests left open, sums the rows of past days, and logs
 * the numbers. Throws at its end if something could not be written.
 */
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { AwsCall, SecretsEndpoint, TablesEndpoint } from '../adapters/aws/aws-call.ts';
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { makeKeySecretEnd } from '../adapters/aws/key-secret-end.ts';
import { makeAlertSecret } from '../adapters/aws/secrets-manager.ts';
import { callSns, makeTopic } from '../adapters/aws/sns.ts';
import { makeAlerts } from '../adapters/dynamodb/alert-marks.ts';
import { makeRollups } from '../adapters/dynamodb/rollups.ts';
import { makeSecretEndings } from '../adapters/dynamodb/secret-endings.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { makeWebhook } from '../adapters/http/webhook.ts';
import { makeLog } from '../adapters/log.ts';
import { systemClock as clock } from '../adapters/system.ts';
import { DUE_SHARDS } from '../adapters/table-schema.ts';
import type { Log } from '../core/base/ports.ts';
import { type EndingPorts, endSecrets, secretOfEnding } from '../core/keys/secret-ending.ts';
import { type SweepPorts, sweep } from '../core/sweep.ts';
import { type RollupPorts, rollUp } from '../core/usage/rollup.ts';
import { isAlertItem } from '../core/wallet/alerts/alert.ts';
import type { AlertChannel, AlertItems } from '../core/wallet/alerts/ports.ts';
import { sendAlerts } from '../core/wallet/alerts/send.ts';

/** Nobody waits for a sweep, so a call may take long. */
const CALL_TIMEOUT_MS = 5_000;
/** Time for the last wallet, which may need a few more calls after the deadline. */
const END_RESERVE_MS = 20_000;

/** Time for alerts: a webhook that is slow must not keep days from being summed. */
const ALERTS_TIME_MS = 60_000;

/** Makes the calls to tables, by the SDK when deployed, and to secrets. The local gateway spares itself the SDK's memory. */
export interface SweepCalls {
  callTables(endpoint: TablesEndpoint, timeoutMs: number): AwsCall;
  callSecrets(endpoint: SecretsEndpoint, timeoutMs: number): AwsCall;
}

export function makeSweepHandler(
  settings: FunctionSettings,
  calls: SweepCalls,
  log: Log = makeLog(undefined, settings.environment),
  /** Channels beside those of the configuration. @default none */
  channels: readonly AlertChannel[] = [],
) {
  const ports = makePorts(settings, calls);
  const alertPorts = {
    ...ports,
    log,
    channels: [...channels, ...makeChannels(settings, calls)],
  };
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
    const secrets = outcome.others.map(secretOfEnding).filter((secret) => secret !== undefined);
    const ended = await endSecrets(secrets, deadlineAtMs, ports);
    if (secrets.length > 0) {
      log.write({
        level: ended.failed > 0 ? 'warn' : 'info',
        event: 'secrets of keys deleted',
        count: ended.deleted,
        detail: `deleted ${ended.deleted}, failed ${ended.failed}`,
      });
    }
    const alertsEndAtMs = Math.min(deadlineAtMs, clock.nowMs() + ALERTS_TIME_MS);
    const items = outcome.others.filter(isAlertItem);
    const alerts = await sendAlerts(items, alertsEndAtMs, alertPorts);
    if (items.length > 0) {
      log.write({
        level: alerts.failed + alerts.givenUp > 0 || !alerts.finished ? 'warn' : 'info',
        event: alerts.finished ? 'alerts finished' : 'alerts stopped early',
        count: alerts.sent,
        detail: `sent ${alerts.sent}, waiting ${alerts.waiting}, given up ${alerts.givenUp}, failed ${alerts.failed}`,
      });
    }
    const made = await rollUp(ports, { deadlineAtMs });
    log.write({
      level: made.failed > 0 ? 'warn' : 'info',
      event: made.finished ? 'rollups finished' : 'rollups stopped early',
      count: made.days,
      detail: `days ${made.days}, rows ${made.rows}, failed ${made.failed}`,
    });
    // Lambda counts as errors only what is thrown, and an alarm counts those.
    const failures = failed + made.failed + alerts.failed + alerts.givenUp + ended.failed;
    if (failures > 0) throw new Error('service_unavailable');
  });
}

function makePorts(
  { environment }: FunctionSettings,
  calls: SweepCalls,
): SweepPorts & RollupPorts & EndingPorts & { readonly alerts: AlertItems } {
  const { walletsTable, usageTable, secretPrefix } = environment;
  const call = calls.callTables(environment, CALL_TIMEOUT_MS);
  return {
    wallets: makeWallets(call, walletsTable),
    usage: makeUsageRows(call, usageTable),
    rollups: makeRollups(call, usageTable),
    alerts: makeAlerts(call, walletsTable),
    endings: makeSecretEndings(call, environment),
    deleteSecret: makeKeySecretEnd(calls.callSecrets(environment, CALL_TIMEOUT_MS), secretPrefix),
    clock,
  };
}

/** Makes the channels of the configuration. */
function makeChannels(
  { environment, config }: FunctionSettings,
  calls: SweepCalls,
): readonly AlertChannel[] {
  const { webhook, topicArn } = config.alerts;
  const channels: AlertChannel[] = [];
  if (webhook !== undefined) {
    const secrets = calls.callSecrets(environment, CALL_TIMEOUT_MS);
    const findSecret = makeAlertSecret(secrets, environment.secretPrefix);
    const { allowLocalIssuers: allowLocal } = environment;
    channels.push(makeWebhook({ url: webhook, findSecret, allowLocal, clock }));
  }
  if (topicArn !== undefined) {
    channels.push(makeTopic(callSns(environment, CALL_TIMEOUT_MS), topicArn));
  }
  return channels;
}
