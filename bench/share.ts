/**
 * Lambda's share of a processor, as a quota of a control group: a function of 1,769 MB has one whole processor.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinned } from './child.ts';
import { MEASURED_CORE } from './targets.ts';

const WHOLE_PROCESSOR_MB = 1_769;

/** Lambda's own period. */
const PERIOD_MICROS = 20_000;

/** Other work on the machine does not take the share: it counts this much less. */
const PRECEDENCE = 100;
const NORMAL_SHARES = 1_024;
const NORMAL_WEIGHT = 100;

const V1 = '/sys/fs/cgroup/cpu';
const V2 = '/sys/fs/cgroup';

export interface ProcessorShare {
  /** The file that a process writes its id to, to be held to the share. */
  readonly procs: string;
  /** The command that runs a process on the measured core. */
  readonly command: readonly string[];
  remove(): void;
}

let shares = 0;

/**
 * Makes the share of a function of that memory.
 * @throws Error that says why this machine or user cannot
 */
export function makeShare(memoryMb: number): ProcessorShare {
  const isV1 = existsSync(join(V1, 'cpu.cfs_quota_us'));
  const folder = join(isV1 ? V1 : V2, `hallpass-bench-${process.pid}-${++shares}`);
  const quotaMicros = Math.round((PERIOD_MICROS * memoryMb) / WHOLE_PROCESSOR_MB);
  try {
    mkdirSync(folder);
    if (isV1) {
      writeFileSync(join(folder, 'cpu.cfs_period_us'), String(PERIOD_MICROS));
      writeFileSync(join(folder, 'cpu.cfs_quota_us'), String(quotaMicros));
      writeFileSync(join(folder, 'cpu.shares'), String(NORMAL_SHARES * PRECEDENCE));
    } else {
      writeFileSync(join(folder, 'cpu.max'), `${quotaMicros} ${PERIOD_MICROS}`);
      writeFileSync(join(folder, 'cpu.weight'), String(NORMAL_WEIGHT * PRECEDENCE));
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'no such controller';
    throw new Error(`shares of a processor need Linux, control groups and root: ${reason}`);
  }
  return {
    procs: join(folder, 'cgroup.procs'),
    command: pinned ? ['taskset', '-c', String(MEASURED_CORE)] : [],
    remove: () => rmdirSync(folder),
  };
}
