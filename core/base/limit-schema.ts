/**
 * A limit as text, in the configuration, in a key's record and in a grant.
 */
import * as v from 'valibot';
import { parseLimit } from './limit-text.ts';
import type { Limit } from './limits.ts';

export const limitSchema = v.pipe(
  v.string(),
  v.rawTransform<string, Limit>(({ dataset, addIssue, NEVER }) => {
    try {
      return parseLimit(dataset.value);
    } catch {
      addIssue({ message: 'must be a limit such as "user:requests:minute=20"' });
      return NEVER;
    }
  }),
);
