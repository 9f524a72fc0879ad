/**
 * The log: one JSON object a line on standard output, which Lambda hands to CloudWatch.
 * Only the fields named here are ever written; of a cause only its name and code, never its words.
 */
import type { Log, LogEntry } from '../core/base/ports.ts';

/** Every field of an entry but its cause, which is not written as it is. */
const FIELDS: readonly Exclude<keyof LogEntry, 'cause'>[] = [
  'level',
  'event',
  'requestId',
  'keyId',
  'walletId',
  'code',
  'detail',
  'route',
  'provider',
  'model',
  'httpStatus',
  'durationMs',
  'firstByteMs',
  'writeUnits',
  'costNanoUsd',
  'usageStatus',
  'count',
];

const toStandardOutput = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** @param write takes one line without its end. @default standard output */
export function makeLog(write: (line: string) => void = toStandardOutput): Log {
  return {
    write(entry) {
      try {
        write(toLine(entry));
      } catch {
        // A log that cannot be written must not fail a request.
      }
    },
  };
}

function toLine(entry: LogEntry): string {
  const line: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = entry[field];
    if (value !== undefined) line[field] = typeof value === 'bigint' ? value.toString() : value;
  }
  if (entry.cause !== undefined) line.cause = nameCause(entry.cause);
  return JSON.stringify(line);
}

const IDENTIFIER = /^[\w.]{1,64}$/;

/** `TypeError`, `Error ECONNRESET`: what kind of failure it was. */
function nameCause(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  const { name, code } = cause as NodeJS.ErrnoException;
  return [name, code].filter((word) => typeof word === 'string' && IDENTIFIER.test(word)).join(' ');
}
