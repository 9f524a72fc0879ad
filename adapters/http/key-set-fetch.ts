/**
 * Fetches issuers' key sets over HTTPS (guarded-request.ts). Fails closed: `service_unavailable`.
 */
import { GatewayError } from '../../core/base/errors.ts';
import type { KeySetFetch } from '../../core/jwt/ports.ts';
import { askGuarded, type GuardOptions } from './guarded-request.ts';

export type KeySetFetchOptions = GuardOptions;

const PURPOSE = "an issuer's key set cannot be fetched";

export const makeKeySetFetch =
  (options: KeySetFetchOptions): KeySetFetch =>
  (url) =>
    askGuarded({ url, purpose: PURPOSE }, options, async ({ status, read }) => {
      if (status === 200) return read();
      throw new GatewayError('service_unavailable', {
        detail: `${PURPOSE}: it answered ${status}`,
      });
    });
