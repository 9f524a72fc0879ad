/**
 * Keys and their changes as the commands print them.
 */
import { toWords } from '../core/duration.ts';
import type { KeyChange, MadeKey } from '../core/key-admin.ts';
import type { KeyRecord } from '../core/key-record.ts';
import { formatLimit } from '../core/limits.ts';
import { kidOf } from '../core/scoped-token.ts';
import { toInstant, toTable } from './output.ts';

/** A key without its string. */
export const toKeyJson = (record: KeyRecord, nowMs: number) => ({
  name: record.name,
  id: record.id,
  kid: kidOf(record.account, record.name),
  account: record.account,
  kind: record.kind,
  user: record.user ?? null,
  disabled: record.disabled,
  version: record.version,
  former: formerOf(record, nowMs),
  models: record.models ?? null,
  limits: record.limits.map(formatLimit),
  max_token_lifetime_seconds: record.maxTokenLifetimeSeconds,
  revoked_tokens: record.revoked.length,
  created_at: toInstant(record.createdAtMs),
});

/** A key that was just made, with its string. */
export const toMadeJson = ({ record, key }: MadeKey) => ({
  key,
  ...toKeyJson(record, record.createdAtMs),
});

/** The version that a key had before, while it still holds. */
const formerOf = ({ former }: KeyRecord, nowMs: number): { until: string } | null =>
  former === undefined || former.untilMs <= nowMs ? null : { until: toInstant(former.untilMs) };

const stateOf = (record: KeyRecord, nowMs: number): string => {
  if (record.disabled) return 'disabled';
  return formerOf(record, nowMs) === null ? 'in force' : 'rotating';
};

const listOr = (texts: readonly string[], none: string): string =>
  texts.length === 0 ? none : texts.join(', ');

export const keyTable = (records: readonly KeyRecord[], nowMs: number): string =>
  toTable(
    ['NAME', 'KIND', 'STATE', 'MODELS', 'LIMITS', 'CREATED'],
    records.map((record) => [
      record.name,
      record.user === undefined ? record.kind : `${record.kind} (${record.user})`,
      stateOf(record, nowMs),
      listOr(record.models ?? [], 'any'),
      listOr(record.limits.map(formatLimit), 'none'),
      toInstant(record.createdAtMs),
    ]),
  );

export function keyLines(record: KeyRecord, nowMs: number): readonly (readonly [string, string])[] {
  const former = formerOf(record, nowMs);
  return [
    ['name', record.name],
    ['kid', kidOf(record.account, record.name)],
    ['id', record.id],
    ['kind', record.kind],
    ...(record.user === undefined ? [] : ([['user', record.user]] as const)),
    ['state', record.disabled ? 'disabled' : 'in force'],
    ...(former === null ? [] : ([['former', `holds until ${former.until}`]] as const)),
    ['models', listOr(record.models ?? [], 'any')],
    ['limits', listOr(record.limits.map(formatLimit), 'none')],
    ['tokens', `live ${toWords(record.maxTokenLifetimeSeconds)} at most`],
    ['revoked', `${record.revoked.length} by jti`],
    ['created', toInstant(record.createdAtMs)],
  ];
}

export const toChangeJson = ({ id, atMs, by, action, fields }: KeyChange) => ({
  id,
  at: toInstant(atMs),
  by,
  action,
  fields,
});

export const changeTable = (changes: readonly KeyChange[]): string =>
  toTable(
    ['AT', 'BY', 'ACTION', 'WHAT'],
    changes.map(({ atMs, by, action, fields }) => [
      toInstant(atMs),
      by,
      action,
      Object.entries(fields)
        .map(([name, text]) => `${name}: ${text}`)
        .join('; '),
    ]),
  );
