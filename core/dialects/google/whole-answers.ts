/**
 * Shared parts of Google's dialects whose answer is never a stream and has no billed output.
 * Flow: forward > **meter** > settle.
 */
import { toErrorBody } from '../../base/error-body.ts';
import type { Dialect } from '../dialect.ts';
import { makeSilentMeter } from '../meter.ts';

export const WHOLE_ANSWERS = {
  family: 'google',
  ownProvider: 'google',
  makeMeter: makeSilentMeter,
  toErrorEvents: (error) => `data: ${JSON.stringify(toErrorBody('google', error))}\n\n`,
  endEvents: '',
  toCutEvents: () => '',
} as const satisfies Partial<Dialect>;
