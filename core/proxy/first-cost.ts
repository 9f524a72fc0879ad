/**
 * The first cost of a model whose provider bills its own figure (OpenRouter). Flow: policy > **reserve** > forward.
 * Invariant: until a reported cost of the model was within its hold, a wallet under a USD limit has one request in
 * flight, so what one bill passes by is known before the next request is sent.
 *
 * The fact comes from the process, or from the payer's wallet: it remembers a prompt of the model only with a reported
 * cost within its hold. So a new process costs a wallet one read, and no request has to be alone again.
 */
import type { Grant } from '../access/grant.ts';
import { walletIdOf } from '../wallet/payer.ts';
import type { Wallets } from '../wallet/ports.ts';
import type { CallPlan } from './call-plan.ts';
import type { ModelFacts } from './model-facts.ts';
import { remembersModel } from './prompt-memory.ts';

/** True if no cost of the model is known, or the last one passed its hold. */
export async function isCostUnknown(
  plan: CallPlan,
  grant: Grant,
  { wallets, modelFacts }: { readonly wallets: Wallets; readonly modelFacts?: ModelFacts },
): Promise<boolean> {
  const { provider, target, isBounded } = plan;
  if (!provider.row.reportsCost) return false;
  const known = modelFacts?.costs.get(target.id);
  if (known !== undefined) return known === 'beyond';
  // Without a limit it does not matter; a person's record may still bring one.
  if (!isBounded) return true;
  const wallet = await wallets.find(walletIdOf(grant)).catch(() => undefined);
  if (!remembersModel(plan, wallet?.memory)) return true;
  modelFacts?.costs.set(target.id, 'within');
  return false;
}
