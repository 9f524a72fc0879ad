/**
 * Writes the log: one JSON object a line on standard output, which Lambda hands to CloudWatch.
 * Only the fields named here are written; of a cause only its name and code, never its message.
 */
import type { Log, LogEntry } from '../core/base/ports.ts';
import { toMetricMembers } from './metrics.ts';

/** All fields of an entry but its cause, of which only a part is written. */
const FIELDS: readonly Exclude<keyof LogEntry, 'cause'>[] = [
  'level',
  'event',
  'requestId',
  'code',
  'detail',
  'provider',
  'httpStatus',
  'durationMs',
  'firstByteMs',
  'writeUnits',
  'costNanoUsd',
  'overrunNanoUsd',
  'usageStatus',
  'count',
  'swept',
  'tokens',
  'isOverrun',
];

const toStandardOutput = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

export interface LogOptions {
  /** The gateway that metrics are counted for. @default none: nothing is counted */
  readonly gateway?: string | undefined;
  /** The instant of a metric, unix ms. @default the system's clock */
  readonly nowMs?: () => number;
}

/** @param write receives one line without its end. @default standard output */
export function makeLog(
  write: (line: string) => void = toStandardOutput,
  { gateway, nowMs = Date.now }: LogOptions = {},
): Log {
  return {
    write(entry) {
      try {
        const metrics = gateway === undefined ? {} : toMetricMembers(entry, gateway, nowMs());
        write(JSON.stringify({ ...toMembers(entry), ...metrics }));
      } catch {
        // A log that cannot be written must not fail a request.
      }
    },
  };
}

function toMembers(entry: LogEntry): Readonly<Record<string, unknown>> {
  const line: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = entry[field];
    if (value !== undefined) line[field] = typeof value === 'bigint' ? value.toString() : value;
  }
  if (entry.cause !== undefined) line.cause = nameCause(entry.cause);
  return line;
}

const IDENTIFIER = /^[\w.]{1,64}$/;

/** Names the kind of a failure: `TypeError`, `Error ECONNRESET`. */
function nameCause(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  const { name, code } = cause as NodeJS.ErrnoException;
  return [name, code].filter((word) => typeof word === 'string' && IDENTIFIER.test(word)).join(' ');
}
