/**
 * The processes of a comparison: the provider, a bare pipe and Hallpass. The measured process has one core, all others
 * the second one.
 */
import { type Child, pinSelf, startChild } from './child.ts';
import type { Target } from './load.ts';

export const MEASURED_CORE = 0;
export const OTHER_CORE = 1;

/** A process and the way to send it requests. */
export interface MeasuredTarget {
  readonly child: Child;
  readonly target: Target;
}

export type MeasuredTargets = Readonly<Record<'direct' | 'bare' | 'hallpass', MeasuredTarget>>;

/** Starts the processes, runs something with them, and stops them. */
export async function withTargets<T>(use: (targets: MeasuredTargets) => Promise<T>): Promise<T> {
  pinSelf(OTHER_CORE);
  const children: Child[] = [];
  const start = async (file: string, core: number, environment = {}): Promise<Child> => {
    const child = await startChild(file, core, environment);
    children.push(child);
    return child;
  };
  try {
    const provider = await start('./provider.ts', OTHER_CORE);
    const table = await start('./table.ts', OTHER_CORE);
    const addresses = { BENCH_PROVIDER: String(provider.ready), BENCH_TABLE: String(table.ready) };
    const bare = await start('./bare.ts', MEASURED_CORE, addresses);
    const hallpass = await start('./gateway.ts', MEASURED_CORE, addresses);
    return await use({
      direct: { child: provider, target: { url: String(provider.ready), credential: 'none' } },
      bare: { child: bare, target: { url: String(bare.ready), credential: 'none' } },
      hallpass: { child: hallpass, target: hallpass.ready as Target },
    });
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** Replaces the last line of standard error; an empty text clears it. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
