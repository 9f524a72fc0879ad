/**
 * Facts of models that a process learned from the bills of their providers.
 * Flow: **policy > reserve** > forward > meter > **settle**.
 * Invariant: a fact comes only from a provider's own report.
 */
import { type BoundedMap, makeBoundedMap } from '../base/bounded-map.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import type { CallPlan } from './call-plan.ts';

/** Models that a process has facts of. */
const MODELS_MAX = 1_024;

/** Facts by the id of a model. */
export interface ModelFacts {
  /** Models of providers that report their cost: the last one was within its hold, or beyond it. */
  readonly costs: BoundedMap<string, 'within' | 'beyond'>;
}

/** Makes the facts of one process. */
export const makeModelFacts = (): ModelFacts => ({ costs: makeBoundedMap(MODELS_MAX) });

/** Learns from the bill of a call. */
export function learnFromBill(
  { provider, target, isBounded }: CallPlan,
  { usage, row }: { readonly usage: ReportedUsage | undefined; readonly row: UsageRow },
  facts: ModelFacts,
): void {
  if (usage === undefined) return;
  if (provider.row.reportsCost && isBounded && usage.costNanoUsd !== undefined) {
    facts.costs.set(target.id, row.overrunNanoUsd > 0n ? 'beyond' : 'within');
  }
}
