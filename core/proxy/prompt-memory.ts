/**
 * The memory of prompts, between a call and its payer's wallet.
 * Flow: policy > **reserve** > forward > meter > **settle**. Invariant: it needs no read of its own after the reserve,
 * and a prompt is stored only with the provider's own report of its whole input.
 */
import { sha256 } from '../base/ids.ts';
import {
  boundByMemory,
  promptHashes,
  promptToRemember,
  type RememberedBound,
} from '../dialects/bound/prefix.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import {
  hasRoomToRemember,
  MEMORY_SLOTS,
  type Memory,
  PROMPT_HASHES_MAX,
  type Remembered,
} from '../wallet/memory.ts';
import type { Wallet } from '../wallet/ports.ts';
import type { CallPlan } from './call-plan.ts';

/**
 * Shorter prompts are held by their bytes: there is nothing to win. Those of a provider that reports its cost are
 * remembered all the same: they show that a cost of the model is known.
 */
const REMEMBERED_CHARS_MIN = 8_192;

/** A prompt of which less was read from the cache is not held at the price of a cache read. */
const CACHED_PERCENT_MIN = 90;

const MODEL_TAG_HEX_CHARS = 4;
const SALT_HEX_CHARS = 16;

/** A prompt as it will be remembered if its provider reports the input. */
export interface PromptToRemember {
  readonly hashes: readonly string[];
  readonly slot: number;
  readonly salt: string;
  readonly modelTag: string;
  /** The positions of its cache marks; absent: it is not to be held at the price of a cache read. */
  readonly marks?: string;
}

const digestOf = (text: string): Buffer => Buffer.from(sha256(text), 'base64url');

const modelNameOf = ({ target, dialect }: CallPlan): string => `${dialect.name} ${target.id}`;

const modelTagOf = (plan: CallPlan): string =>
  digestOf(modelNameOf(plan)).toString('hex').slice(0, MODEL_TAG_HEX_CHARS);

const marksTagOf = ({ request: { input } }: CallPlan): string =>
  digestOf(input.cacheMarks.join('\n')).toString('hex').slice(0, MODEL_TAG_HEX_CHARS);

/**
 * The plan with its remembered prompt at the price of a cache read: only if the configuration says so, the last answer
 * to this prompt read it from the cache, and the cache marks are where they were. Else undefined.
 */
export function atCachePrice(
  plan: CallPlan,
  remembered: RememberedBound | undefined,
): CallPlan | undefined {
  if (!plan.mayHoldAtCachePrice || remembered?.cachedMarks !== marksTagOf(plan)) return undefined;
  return { ...plan, cachedTokens: remembered.billedTokens };
}

/** The bound by what the wallet remembers; undefined: no prefix of the prompt is there. */
export function rememberedBound(
  plan: CallPlan,
  memory: Memory | undefined,
): RememberedBound | undefined {
  if (memory === undefined) return undefined;
  const { input } = plan.request;
  const hashes = promptHashes(input, { model: modelNameOf(plan), salt: memory.salt });
  if (hashes === undefined) return undefined;
  const tag = modelTagOf(plan);
  const billed = [...memory.prompts.values()].filter(({ modelTag }) => modelTag === tag);
  return boundByMemory(input, hashes, { billed, rules: plan.boundRules });
}

/** True if a prompt of the plan's model is remembered. */
export function remembersModel(plan: CallPlan, memory: Memory | undefined): boolean {
  const tag = modelTagOf(plan);
  return [...(memory?.prompts.values() ?? [])].some(({ modelTag }) => modelTag === tag);
}

/**
 * The memory of a call; undefined: nothing, because it is short, changes from request to request, or the wallet
 * has no room.
 * @param freshSalt made at random, for a wallet without memory
 */
export function promptOf(
  plan: CallPlan,
  wallet: Wallet | undefined,
  freshSalt: string,
): PromptToRemember | undefined {
  const { input } = plan.request;
  const charsMin = plan.provider.row.reportsCost ? 0 : REMEMBERED_CHARS_MIN;
  if (!plan.isBounded || !plan.dialect.isBilled || charsOf(plan) < charsMin) return;
  const salt = wallet?.memory?.salt ?? digestOf(freshSalt).toString('hex').slice(0, SALT_HEX_CHARS);
  const hashes = promptHashes(input, { model: modelNameOf(plan), salt });
  if (hashes === undefined) return undefined;
  const kept = promptToRemember(input, hashes).slice(0, PROMPT_HASHES_MAX);
  const slot = digestOf(input.messages[0]?.text ?? '').readUInt32BE() % MEMORY_SLOTS;
  if (kept.length === 0 || (wallet !== undefined && !hasRoomToRemember(wallet, slot))) return;
  const marks = plan.mayHoldAtCachePrice ? { marks: marksTagOf(plan) } : {};
  return { hashes: kept, slot, salt, modelTag: modelTagOf(plan), ...marks };
}

/** Characters of the prompt: never more than its bytes. */
export const charsOf = ({ request: { input } }: CallPlan): number =>
  input.messages.reduce((sum, { text }) => sum + text.length, input.head.length);

/** The prompt for the settle to store, with the input that its provider reported. */
export const toRemembered = (
  { hashes, slot, salt, modelTag, marks }: PromptToRemember,
  { tokens: { input: inputTokens, cachedInput } }: ReportedUsage,
): Remembered => {
  const isCached = cachedInput * 100 >= inputTokens * CACHED_PERCENT_MIN;
  const cached = marks !== undefined && isCached ? { cachedMarks: marks } : {};
  return { slot, salt, prompt: { hashes, inputTokens, modelTag, ...cached } };
};
