/**
 * Remembered prompts: bounds a prompt by what its provider billed for the prompt before it, and the bytes of what is new.
 * Flow: policy > parse > **bound** > reserve > forward > meter > **settle**.
 *
 * 1. `promptHashes` hashes the head and each message, one after the other, so that a hash stands for a whole prefix;
 * 2. after an answer, `promptToRemember` names the hashes under which its billed input is kept;
 * 3. `boundByMemory` finds the longest prefix of a new prompt among them.
 *
 * Guarantees: a bound is used only where a provider counts the prefix as it did before, or as fewer tokens. So nothing is
 * remembered or used of a request with input by reference, or with tools that a provider runs or looks for. A hash stands
 * for the bytes of every image too.
 */
import { sha256 } from '../../base/ids.ts';
import {
  type BoundRules,
  messageTokensMax,
  REQUEST_OVERHEAD_TOKENS,
  schemaTokensMax,
} from '../input-bound.ts';
import type { ImageData } from '../leaves.ts';
import type { CountedMessage, RequestInput } from '../request-input.ts';

/** The facts of a prompt whose prefix was billed. */
export interface RememberedBound {
  /** The most input tokens. */
  readonly tokensMax: number;
  /** The part of these that was billed for the prefix: a count of the prompt is hardly below it. */
  readonly billedTokens: number;
  /** The positions of the billed prompt's cache marks, if all of it is the prefix and most was read from the cache. */
  readonly cachedMarks: string | undefined;
}

/** A prompt that a provider has billed. */
interface BilledPrompt {
  /** The hash of the whole prompt, then of shorter prefixes. */
  readonly hashes: readonly string[];
  readonly inputTokens: number;
  readonly cachedMarks?: string;
}

/** Prefixes that are kept beside the whole prompt: a client that changes its last message still finds one. */
const SHORTER_PREFIXES = 3;
const HASH_BYTES = 8;

/** The hashes of a prompt: after its head, and after each message. Undefined: its prefixes are not remembered. */
export function promptHashes(
  input: RequestInput,
  { model, salt }: { readonly model: string; readonly salt: string },
): readonly string[] | undefined {
  if (!isRepeatable(input)) return undefined;
  const { head, headImages } = input;
  const hashes = [chained('', `${salt}\n${model}\n${head}`, headImages)];
  for (const { text, images } of input.messages) {
    hashes.push(chained(hashes.at(-1) ?? '', text, images));
  }
  return hashes;
}

/** A text is JSON, in one line and without the data of its images. So each line behind it is an image's. */
function chained(before: string, text: string, images: readonly ImageData[]): string {
  const lines = [before, text, ...images.map(({ digest }) => digest)];
  return Buffer.from(sha256(lines.join('\n')), 'base64url').toString('hex', 0, HASH_BYTES);
}

/** True if the same text is counted as the same tokens each time. */
const isRepeatable = (input: RequestInput): boolean =>
  input.reference === undefined &&
  input.stored === undefined &&
  !input.hasHostedTools &&
  !input.hasDeferredTools &&
  input.messages.length > 0;

/**
 * Returns the hashes to keep a billed prompt under: the whole one first.
 * Shorter prefixes only if no message holds reasoning, which providers drop and bring back.
 */
export function promptToRemember(
  { messages }: RequestInput,
  hashes: readonly string[],
): readonly string[] {
  const count = messages.length;
  const hasReasoning = messages.some(({ hasHiddenReasoning }) => hasHiddenReasoning);
  const shortest = hasReasoning ? count : Math.max(1, count - SHORTER_PREFIXES);
  const kept: string[] = [];
  for (let at = count; at >= shortest; at -= 1) {
    const hash = hashes[at];
    if (hash !== undefined) kept.push(hash);
  }
  return kept;
}

/**
 * Returns the most input tokens of a prompt whose prefix is among billed ones: what was billed, and the bound of the
 * messages behind it.
 * @returns undefined if no prefix is remembered
 */
export function boundByMemory(
  input: RequestInput,
  hashes: readonly string[],
  { billed, rules }: { readonly billed: readonly BilledPrompt[]; readonly rules: BoundRules },
): RememberedBound | undefined {
  const { messages } = input;
  for (let at = messages.length; at > 0; at -= 1) {
    const hash = hashes[at];
    const found = billed.find((prompt) => hash !== undefined && prompt.hashes.includes(hash));
    if (found === undefined) continue;
    if (!endsAlike(messages, at)) return undefined;
    const behind = messages.slice(at);
    const tokensMax =
      found.inputTokens +
      input.tokens +
      REQUEST_OVERHEAD_TOKENS +
      behind.reduce((sum, message) => sum + messageTokensMax(message, rules), 0) +
      schemaTokensMax(behind, rules);
    const cachedMarks = found.hashes[0] === hash ? found.cachedMarks : undefined;
    return { tokensMax, billedTokens: found.inputTokens, cachedMarks };
  }
  return undefined;
}

/**
 * False if a prefix holds reasoning and the new part ends another kind of turn: a provider drops reasoning when a user
 * speaks, and may bring it back when a tool answers.
 */
function endsAlike(messages: readonly CountedMessage[], at: number): boolean {
  const prefix = messages.slice(0, at);
  if (!prefix.some(({ hasHiddenReasoning }) => hasHiddenReasoning)) return true;
  return prefix.at(-1)?.endsInToolResult === messages.at(-1)?.endsInToolResult;
}
