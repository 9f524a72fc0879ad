/**
 * The parts of a dialect whose answer is never a stream and has no billed output. Flow: forward > **meter** > settle.
 */
import { type ApiFamily, toErrorBody } from '../base/error-body.ts';
import type { Dialect } from './dialect.ts';
import { makeSilentMeter } from './meter.ts';

export const wholeAnswersOf = (family: ApiFamily) =>
  ({
    family,
    makeMeter: makeSilentMeter,
    toErrorEvents: (error) => `data: ${JSON.stringify(toErrorBody(family, error))}\n\n`,
    endEvents: '',
    toCutEvents: () => '',
  }) as const satisfies Partial<Dialect>;
