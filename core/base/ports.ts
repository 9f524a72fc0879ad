/**
 * Ports that every room uses: time, randomness, secrets, the log. Each says what happens in an outage.
 * A `find…` returns undefined for what does not exist. An outage throws `service_unavailable`.
 */
import type { ErrorCode } from './errors.ts';
import type { KeyId, RequestId } from './ids.ts';

/** The current time in unix milliseconds, and waiting. */
export interface Clock {
  nowMs(): number;
  sleep(durationMs: number): Promise<void>;
}

/** A time that passes unless it is cancelled. It does not keep a process alive. */
export interface Alarm {
  readonly rung: Promise<void>;
  cancel(): void;
}

export type StartAlarm = (durationMs: number) => Alarm;

/** Random values. `fraction` is in [0, 1), for jitter only. */
export interface Random {
  uuid(): string;
  fraction(): number;
}

/** Reads secrets. Fails closed. A version never changes, so its cache has no limit in time. */
export interface Secrets {
  /** Returns the whole key string `sk-…` of this version. */
  readKey(keyId: KeyId, version: string): Promise<string>;
  findProviderKey(provider: string): Promise<string | undefined>;
  /** Returns the shared secret that verifies a key's JWTs: the UTF-8 bytes of its text. Do not modify them. */
  readJwtSecret(keyId: KeyId, version: string): Promise<Uint8Array>;
}

/** The fields of a log line. No text of a client or provider is ever written. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly requestId?: RequestId;
  readonly code?: ErrorCode;
  readonly detail?: string | undefined;
  readonly cause?: unknown;
  readonly provider?: string;
  readonly httpStatus?: number;
  readonly durationMs?: number;
  readonly firstByteMs?: number;
  readonly writeUnits?: number;
  readonly costNanoUsd?: bigint;
  /** The part of the cost beyond the hold. */
  readonly overrunNanoUsd?: bigint;
  readonly usageStatus?: string;
  readonly count?: number;
  /** Holds that the sweep closed at their whole amount. */
  readonly swept?: number;
  /** Input and output. */
  readonly tokens?: number;
  /** True if the request cost more than it held. */
  readonly isOverrun?: boolean;
}

/** Writes the log. Fails open: it never throws. */
export interface Log {
  write(entry: LogEntry): void;
}
