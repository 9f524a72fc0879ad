import type { RequestRules } from '../../core/dialects/dialect.ts';
import { GENERIC_ROW } from '../../core/providers/known.ts';

/** Rules of a request to a plain provider under every kind of limit; a test says in what its own differ. */
export const REQUEST_RULES: RequestRules = {
  row: GENERIC_ROW,
  model: 'm',
  isCapped: true,
  isBounded: true,
  isServerKey: false,
  defaultMaxOutputTokens: 8_192,
  contextWindow: undefined,
  isStreamRoute: false,
  headers: new Map(),
};
