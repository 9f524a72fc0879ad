/**
 * The outside, as the core needs it. Each port says what happens when its outside is down.
 * All `find…` may answer undefined; all others throw a `GatewayError`, `service_unavailable` for an outage.
 */
import type { ErrorCode } from './errors.ts';
import type { KeyId, RequestId, WalletId } from './ids.ts';

/** Time. */
export interface Clock {
  nowMs(): number;
  sleep(durationMs: number): Promise<void>;
}

/** Randomness. `fraction` is in [0, 1) and for jitter only. */
export interface Random {
  uuid(): string;
  fraction(): number;
}

/** Secrets. Fails closed. What is read by version never changes, so it is cached without a limit in time. */
export interface Secrets {
  /** The whole key string `sk-…` of that version. */
  readKey(keyId: KeyId, version: string): Promise<string>;
  findProviderKey(provider: string): Promise<string | undefined>;
  /** The shared secret of that version that verifies a key's JWTs: the UTF-8 bytes of its text. Not to be written to. */
  readJwtSecret(keyId: KeyId, version: string): Promise<Uint8Array>;
}

/** What a log line may hold. Nothing else is ever written: no text of a client's or a provider's. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly requestId?: RequestId;
  readonly keyId?: KeyId;
  readonly walletId?: WalletId;
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly cause?: unknown;
  readonly route?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly httpStatus?: number;
  readonly durationMs?: number;
  readonly firstByteMs?: number;
  readonly writeUnits?: number;
  readonly costNanoUsd?: bigint;
  readonly usageStatus?: string;
  readonly count?: number;
}

/** The log. Fails open: it never throws. */
export interface Log {
  write(entry: LogEntry): void;
}
