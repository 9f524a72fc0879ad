/**
 * The faults that an audit of keys found, and what it did not read.
 */
import type { AuditReport } from '../../core/usage/audit/audit.ts';
import { OVERRUNS_MAX } from '../../core/usage/audit/books.ts';

export interface KeyAudit {
  readonly name: string;
  readonly found: AuditReport;
}

/** Returns a sentence for each kind of fault; none if every counter was compared and is right. */
export function faultsOf(audits: readonly KeyAudit[]): readonly string[] {
  const differences = audits.flatMap(({ found }) => found.differences).length;
  const overruns = audits.flatMap(({ found }) => found.overruns).length;
  const atLeast = audits.some(({ found }) => found.overruns.length >= OVERRUNS_MAX)
    ? 'at least '
    : '';
  const unread = audits.filter(({ found }) => found.truncated).map(({ name }) => name);
  return [
    ...(differences > 0
      ? [`counters that differ from the rows of their windows: ${differences}`]
      : []),
    ...(overruns > 0 ? [`requests that cost more than they held: ${atLeast}${overruns}`] : []),
    ...(unread.length > 0
      ? [`these keys have more rows than one audit reads: ${unread.join(', ')}`]
      : []),
  ];
}
