import { GatewayError } from '../../core/base/errors.ts';
import type { Wallets } from '../../core/wallet/ports.ts';
import type { SettlePorts } from '../../core/wallet/settle.ts';
import { type Fault, type FaultyLine, makeFaultyLine } from './faulty.ts';
import { type MemoryUsage, makeMemoryUsage } from './memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from './memory-wallets.ts';
import { fixedRandom, type ManualClock, makeManualClock } from './wallet-fixtures.ts';

export interface MemoryPorts extends SettlePorts {
  readonly clock: ManualClock;
  readonly wallets: MemoryWallets;
  readonly usage: MemoryUsage;
}

/** The ports of reserve and settle, in memory and new for each test. */
export const makeMemoryPorts = (): MemoryPorts => ({
  wallets: makeMemoryWallets(),
  usage: makeMemoryUsage(),
  clock: makeManualClock(),
  random: fixedRandom,
});

/** A line whose failures are transient, as a lost call to the table is. */
export const makeLossyLine = (): FaultyLine =>
  makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));

/** Wallets whose reserves meet these faults, one after the other; then they pass. */
export const withFaultyReserves = (
  wallets: Wallets,
  line: FaultyLine,
  faults: Fault[],
): Wallets => ({
  ...wallets,
  reserve: (reservation) =>
    line.through(faults.shift() ?? 'none', () => wallets.reserve(reservation)),
});
