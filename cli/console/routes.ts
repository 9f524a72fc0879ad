/**
 * Routes of the page of `hallpass console`: all keys of the account, their usage, their people, their audit trail.
 */

import { toBody } from '../../core/account/usage.ts';
import { DAY_MS, isoDay } from '../../core/base/limits.ts';
import { createKey, type KeyAdminPorts, setKey } from '../../core/keys/key-admin.ts';
import { disableKey, rotateKey } from '../../core/keys/key-rotation.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import { reportKeys } from '../../core/usage/report-keys.ts';
import { CommandError } from '../failure.ts';
import type { Gateway } from '../gateway/connect.ts';
import { listAllChanges } from '../keys/changes.ts';
import { toChangeJson, toKeyJson, toMadeJson } from '../keys/text.ts';
import { requireMatchingModels } from '../model-check.ts';
import { bad, toNewKey, toSettings } from './key-body.ts';
import { makePeopleRoutes } from './people-routes.ts';
import type { ConsoleRoute } from './server.ts';

/** The most reads of a key's report. */
const READS_MAX = 2_000;
const DAYS_MAX = 90;
const BY_DAY = ['day', 'model'] as const;

/** Makes the routes of one gateway. */
export function makeRoutes(
  gateway: Gateway,
  admin: KeyAdminPorts,
): ReadonlyMap<string, ConsoleRoute> {
  const nowMs = () => admin.clock.nowMs();
  const routes: Readonly<Record<string, ConsoleRoute>> = {
    'GET keys': async () => ({
      account: gateway.account,
      data: (await gateway.keys.list(gateway.account)).map((key) => toKeyJson(key, nowMs())),
    }),
    'GET usage': async ({ query }) => reportByDay(gateway, Number(query.get('days')), nowMs()),
    'GET audit': async ({ segments: [name = ''] }) => {
      const record = await gateway.requireKey(name);
      const { changes, isWhole } = await listAllChanges(record, gateway);
      return { data: changes.map(toChangeJson), truncated: !isWhole };
    },
    'POST keys': async ({ body }) => {
      const wanted = toNewKey(body, gateway.config.defaults);
      await requireModels(wanted.settings, gateway);
      return toMadeJson(await createKey(wanted, admin));
    },
    'PATCH keys': async ({ segments: [name = ''], body }) => {
      const settings = toSettings(body);
      await requireModels(settings, gateway);
      return toKeyJson(await setKey(name, settings, admin), nowMs());
    },
    'POST rotate': async ({ segments: [name = ''], body: { now } }) =>
      toMadeJson(await rotateKey(name, now === true ? 0 : undefined, admin)),
    'POST disable': async ({ segments: [name = ''] }) => ({
      changed: await disableKey(name, admin),
    }),
    ...makePeopleRoutes(gateway, admin.by),
  };
  return new Map(Object.entries(routes));
}

/** @throws invalid_request that names the entries which no model of the gateway matches */
async function requireModels(settings: Partial<KeySettings>, { models }: Gateway): Promise<void> {
  try {
    await requireMatchingModels(settings, models);
  } catch (error) {
    if (error instanceof CommandError) throw bad('models', `is wrong: ${error.message}`);
    throw error;
  }
}

/** Sums the usage of every key by day and model, in the shape of `GET /v1/usage`. */
async function reportByDay({ account, keys, usage }: Gateway, days: number, nowMs: number) {
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX) {
    throw bad('days', `must be a whole number from 1 to ${DAYS_MAX}`);
  }
  const toMs = Date.parse(isoDay(nowMs)) + DAY_MS;
  const ask = { fromMs: toMs - days * DAY_MS, toMs, groupBy: BY_DAY, readsMax: READS_MAX };
  const reports = await reportKeys(await keys.list(account), ask, { usage });
  return {
    truncated: reports.some(({ truncated }) => truncated),
    data: reports.flatMap(({ key, rows }) =>
      rows.map((row) => ({
        key: key.name,
        day: row.day,
        model: row.model,
        ...toBody(row),
      })),
    ),
  };
}
