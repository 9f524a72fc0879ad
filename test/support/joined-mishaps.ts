/**
 * The mishaps of a history: its writes are lost, late and doubled, and functions die between any two calls.
 */
import { GatewayError } from '../../core/base/errors.ts';
import { type Fault, makeFaultyLine } from './faulty.ts';

/** As faults, or the function dies before its write or after it. */
export type Mishap = Fault | 'dies-before' | 'dies-after';

export function startMishaps() {
  const line = makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));
  /** Writes that were sent, to arrive once more. */
  let again: (() => Promise<unknown>)[] = [];
  let mishaps: Mishap[] = [];
  let isDead = false;

  async function through<T>(write: () => Promise<T>): Promise<T> {
    if (isDead) throw new Error('the function is dead');
    const mishap = mishaps.shift() ?? 'none';
    if (mishap !== 'dies-before' && mishap !== 'dies-after') return line.through(mishap, write);
    isDead = true;
    if (mishap === 'dies-after') await write();
    throw new Error('the function died');
  }
  const look = <T>(read: () => Promise<T>): Promise<T> =>
    isDead ? Promise.reject(new Error('the function is dead')) : read();

  return {
    look,

    /** Runs something whose writes meet these, one after the other. */
    async meet<T>(met: readonly Mishap[], run: () => Promise<T>): Promise<T> {
      mishaps = [...met];
      const outcome = await run();
      mishaps = [];
      isDead = false;
      return outcome;
    },

    /** A write that may arrive once more later. */
    keep<T>(write: () => Promise<T>): Promise<T> {
      if (mishaps.length > 0) again.push(write);
      return through(write);
    },

    /** A write that is sent once: if it comes twice, it comes at once. */
    once<T>(write: () => Promise<T>): Promise<T> {
      if (mishaps[0] !== 'doubled') return through(write);
      mishaps.shift();
      return look(write).finally(write);
    },

    /** Late calls arrive, and, where the history says so, all calls arrive once more. */
    async deliver(isTwice: boolean): Promise<void> {
      await line.deliver();
      const sent = again;
      again = [];
      if (isTwice) for (const write of sent) await write().catch(() => undefined);
    },
  };
}
