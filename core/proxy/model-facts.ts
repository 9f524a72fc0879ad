/**
 * Facts of models that a process learned from the bills of their providers.
 * Flow: **policy > reserve** > forward > meter > **settle**.
 * Invariant: a fact comes only from a provider's own report.
 */
import { type BoundedMap, makeBoundedMap } from '../base/bounded-map.ts';
import type { BoundRules } from '../dialects/input-bound.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import type { ModelTarget, Provider } from '../providers/provider.ts';
import type { UsageRow } from '../wallet/usage-row.ts';

/** Models that a process has facts of. */
const MODELS_MAX = 1_024;

/** Facts by the id of a model. */
export interface ModelFacts {
  /** Models of providers that report their cost: the last one was within its hold, or beyond it. */
  readonly costs: BoundedMap<string, 'within' | 'beyond'>;
  /** Models of which more input was billed than their window has: it bounds nothing any more. */
  readonly passedWindows: BoundedMap<string, true>;
}

/** Makes the facts of one process. */
export const makeModelFacts = (): ModelFacts => ({
  costs: makeBoundedMap(MODELS_MAX),
  passedWindows: makeBoundedMap(MODELS_MAX),
});

/** The parts of a call's plan that say what its bill teaches. */
interface BilledCall {
  readonly provider: Provider;
  readonly target: ModelTarget;
  readonly isBounded: boolean;
  readonly boundRules: BoundRules;
}

/** Learns from the bill of a call. @returns true if it was for more input than the model's window has */
export function learnFromBill(
  { provider, target, isBounded, boundRules: { contextWindow } }: BilledCall,
  { usage, row }: { readonly usage: ReportedUsage | undefined; readonly row: UsageRow },
  facts: ModelFacts | undefined,
): boolean {
  if (usage === undefined) return false;
  if (provider.row.reportsCost && isBounded && usage.costNanoUsd !== undefined) {
    facts?.costs.set(target.id, row.overrunNanoUsd > 0n ? 'beyond' : 'within');
  }
  const isPassed = contextWindow !== undefined && usage.tokens.input > contextWindow;
  if (isPassed) facts?.passedWindows.set(target.id, true);
  return isPassed;
}
