/**
 * A draw or a recall, sent until its answer is known.
 * Flow: policy > **reserve** > forward > meter > settle. Invariant: the tries are bounded, and wait longer each time.
 */
import { GatewayError } from './base/errors.ts';
import type { Move } from './base/ports.ts';
import type { Reserving } from './wallet/reservation.ts';
import { jittered } from './wallet/settle.ts';

const TRIES_MAX = 8;
const FIRST_WAIT_MS = 20;
const WAIT_MAX_MS = 500;

/**
 * Transactions that meet are cancelled, which is no outage. One whose answer was lost changes nothing when it is sent
 * again, and then says that the wallet has changed.
 * @throws service_unavailable when it cannot be made
 */
export async function insist(
  state: Pick<Reserving, 'ports' | 'writeUnits'>,
  move: () => Promise<Move>,
): Promise<Move['kind']> {
  const { clock, random } = state.ports;
  for (let tries = 1; ; tries += 1) {
    try {
      const { kind, writeUnits } = await move();
      state.writeUnits += writeUnits;
      return kind;
    } catch (error) {
      const isTransient = error instanceof GatewayError && error.transient;
      if (!isTransient || tries === TRIES_MAX) throw error;
    }
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), WAIT_MAX_MS);
    await clock.sleep(jittered(waitMs, random));
  }
}
