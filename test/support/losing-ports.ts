/** The ports of a command about keys, of which one step loses its request or its answer. */
import { GatewayError } from '../../core/base/errors.ts';
import type { KeyAdminPorts } from '../../core/keys/key-admin.ts';

/** The error in which a lost step ends. */
export const down = () => new GatewayError('service_unavailable', { detail: 'down' });

type Step = keyof KeyAdminPorts['store'] | keyof KeyAdminPorts['vault'];

/** Each step once with its request lost, and once with its answer; of the last one, which decides, the request alone. */
export const lossesOf = (steps: readonly Step[]) =>
  steps.flatMap((step) => [
    { step, lost: 'request' as const },
    ...(step === steps.at(-1) ? [] : [{ step, lost: 'answer' as const }]),
  ]);

/** Makes one step fail: `request` before it is done, `answer` after it was. */
export function losing(
  admin: KeyAdminPorts,
  step: Step,
  lost: 'request' | 'answer',
): KeyAdminPorts {
  const failing = <Ports extends object>(ports: Ports): Ports =>
    Object.fromEntries(
      Object.entries(ports).map(([name, call]) => [
        name,
        name !== step
          ? call
          : async (...args: readonly unknown[]) => {
              if (lost === 'answer') await call(...args);
              throw down();
            },
      ]),
    ) as Ports;
  return { ...admin, store: failing(admin.store), vault: failing(admin.vault) };
}
