/**
 * Routes of the page of `hallpass console`: all keys of the account, their usage, their people, their audit trail.
 */

import { makeRollups } from '../../adapters/dynamodb/rollups.ts';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { parseDuration } from '../../core/base/duration.ts';
import { GatewayError } from '../../core/base/errors.ts';
import type { JsonObject } from '../../core/base/json.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import { DAY_MS, isoDay } from '../../core/base/limits.ts';
import { usdFromNano } from '../../core/base/money.ts';
import {
  isName,
  KEY_NAME_CHARS_MAX,
  parseModelPatterns,
  USER_CHARS_MAX,
} from '../../core/base/names.ts';
import {
  createKey,
  disableKey,
  type KeyAdminPorts,
  requireKey,
  rotateKey,
  setKey,
} from '../../core/keys/key-admin.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import { reportUsage } from '../../core/usage/report.ts';
import type { Gateway } from '../gateway/connect.ts';
import { listAllChanges } from '../keys/changes.ts';
import { toChangeJson, toKeyJson, toMadeJson } from '../keys/text.ts';
import { makePeopleRoutes } from './people-routes.ts';
import type { ConsoleRoute } from './server.ts';

/** The most reads of a key's report. */
const READS_MAX = 2_000;
const DAYS_MAX = 90;

/** Makes the routes of one gateway. */
export function makeRoutes(
  gateway: Gateway,
  admin: KeyAdminPorts,
): ReadonlyMap<string, ConsoleRoute> {
  const store = { account: gateway.account, store: gateway.keys };
  const nowMs = () => admin.clock.nowMs();
  return new Map<string, ConsoleRoute>([
    [
      'GET keys',
      async () => ({
        account: gateway.account,
        data: (await gateway.keys.list(gateway.account)).map((key) => toKeyJson(key, nowMs())),
      }),
    ],
    ['GET usage', async (_, query) => reportKeys(gateway, Number(query.get('days')), nowMs())],
    [
      'GET audit',
      async ([name = '']) => {
        const record = await requireKey(name, store);
        return { data: (await listAllChanges(record, gateway)).map(toChangeJson) };
      },
    ],
    [
      'POST keys',
      async (_, __, body) =>
        toMadeJson(await createKey(toNewKey(body, gateway.config.defaults), admin)),
    ],
    [
      'PATCH keys',
      async ([name = ''], _, body) =>
        toKeyJson(await setKey(name, toSettings(body), admin), nowMs()),
    ],
    [
      'POST rotate',
      async ([name = ''], _, { now }) =>
        toMadeJson(await rotateKey(name, now === true ? 0 : undefined, admin)),
    ],
    ['POST disable', async ([name = '']) => ({ changed: await disableKey(name, admin) })],
    ...makePeopleRoutes(gateway, admin.by),
  ]);
}

function toNewKey(
  { name, user, ...settings }: JsonObject,
  { limits, maxTokenLifetimeSeconds }: Gateway['config']['defaults'],
) {
  if (typeof name !== 'string' || !isName(name, KEY_NAME_CHARS_MAX)) {
    throw bad('name', `must be 1 to ${KEY_NAME_CHARS_MAX} characters, none a control character`);
  }
  if (user !== undefined && (typeof user !== 'string' || !isName(user, USER_CHARS_MAX))) {
    throw bad('user', `must be 1 to ${USER_CHARS_MAX} characters, none a control character`);
  }
  const defaults = { models: undefined, limits, maxTokenLifetimeSeconds };
  return {
    name,
    ...(user !== undefined && { user }),
    settings: { ...defaults, ...toSettings(settings) },
  };
}

/** Reads settings as the command's flags say them; an empty list removes. @throws invalid_request with the field */
function toSettings(body: JsonObject): Partial<KeySettings> {
  const { limits, models, max_token_lifetime: lifetime, ...others } = body;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw bad(unknown, 'is unknown');
  const seconds = lifetime === undefined ? undefined : parseDuration(String(lifetime));
  if (lifetime !== undefined && seconds === undefined) {
    throw bad('max_token_lifetime', 'must be a duration such as 7d');
  }
  return {
    ...(limits !== undefined && { limits: toTexts('limits', limits).map(parseLimit) }),
    ...(models !== undefined && { models: toModels(toTexts('models', models)) }),
    ...(seconds !== undefined && { maxTokenLifetimeSeconds: seconds }),
  };
}

function toTexts(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw bad(name, 'must be a list of texts');
}

function toModels(models: readonly string[]): readonly string[] | undefined {
  if (models.length === 0) return undefined;
  const patterns = parseModelPatterns(models);
  if (patterns === undefined) throw bad('models', 'must be model ids or "provider/*"');
  return patterns;
}

const bad = (param: string, fault: string): GatewayError =>
  new GatewayError('invalid_request', { message: `"${param}" ${fault}`, param });

/** Sums the usage of every key by day and model, in the shape of `GET /v1/usage`. */
async function reportKeys(
  { account, keys, dynamodb, environment: { usageTable } }: Gateway,
  days: number,
  nowMs: number,
) {
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX) {
    throw bad('days', `must be a whole number from 1 to ${DAYS_MAX}`);
  }
  const usage = {
    readRows: makeUsageRows(dynamodb, usageTable).readRows,
    readRollups: makeRollups(dynamodb, usageTable).readRollups,
  };
  const toMs = Date.parse(isoDay(nowMs)) + DAY_MS;
  const span = { fromMs: toMs - days * DAY_MS, toMs, readsMax: READS_MAX };
  const reports = [];
  for (const { id: keyId, name } of await keys.list(account)) {
    const groupBy = ['day', 'model'] as const;
    reports.push({ name, ...(await reportUsage({ keyId, ...span, groupBy }, { usage })) });
  }
  return {
    truncated: reports.some(({ truncated }) => truncated),
    data: reports.flatMap(({ name, rows }) =>
      rows.map((row) => ({
        key: name,
        day: row.day,
        model: row.model,
        requests: row.requests,
        input_tokens: row.inputTokens,
        cached_input_tokens: row.cachedInputTokens,
        output_tokens: row.outputTokens,
        tokens: row.tokens,
        usd: usdFromNano(row.costNanoUsd),
      })),
    ),
  };
}
