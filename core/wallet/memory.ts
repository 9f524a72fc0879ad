/**
 * The memory of a wallet: what providers billed for the prompts of its last conversations.
 * Flow: policy > **reserve** > forward > meter > **settle**. It is read with the wallet and stored by its settle, so it
 * takes no read or write of its own.
 * Invariant: hashes are salted with a value that never leaves the table, so nobody can look for two prompts of one hash.
 */

/** The conversations that a wallet remembers side by side: one for each slot. */
export const MEMORY_SLOTS = 4;

/** Hashes of one conversation: its whole prompt, and up to three prefixes of it. */
export const PROMPT_HASHES_MAX = 4;

/** The whole prompt of a conversation's last request, as its provider billed it. */
export interface RememberedPrompt {
  /** Salted hashes, 16 hex digits each: the whole prompt first, then shorter prefixes; 1 to 4. */
  readonly hashes: readonly string[];
  /** Input tokens that were billed for the whole prompt; no prefix of it has more. 0 to 2³² − 1. */
  readonly inputTokens: number;
  /** Tells models apart, whose tokens differ: 4 hex digits. */
  readonly modelTag: string;
  /**
   * Set if at least nine tenths of the prompt were read from the provider's cache: tells where its cache marks stood,
   * in 4 hex digits.
   */
  readonly cachedMarks?: string;
}

/** All that a wallet remembers. */
export interface Memory {
  /** 16 hex digits. */
  readonly salt: string;
  /** By slot, from 0 to `MEMORY_SLOTS` − 1. */
  readonly prompts: ReadonlyMap<number, RememberedPrompt>;
}

/** A prompt for a settle to store. */
export interface Remembered {
  /** From 0 to `MEMORY_SLOTS` − 1. */
  readonly slot: number;
  readonly prompt: RememberedPrompt;
  /** The salt of its hashes. A wallet that has another one keeps that, and the prompt is then never found. */
  readonly salt: string;
}

const TAG_BYTES = 2;
const TOKENS_BYTES = 4;
const HASH_BYTES = 8;

/** A prompt as bytes: the model's tag, the tokens, the hashes, then the cache marks if there are; 40 at most. */
export function encodePrompt(prompt: RememberedPrompt): Buffer {
  const { hashes, inputTokens, modelTag, cachedMarks = '' } = prompt;
  const tokens = Buffer.alloc(TOKENS_BYTES);
  tokens.writeUInt32BE(inputTokens);
  return Buffer.concat([
    Buffer.from(modelTag, 'hex'),
    tokens,
    ...hashes.slice(0, PROMPT_HASHES_MAX).map((hash) => Buffer.from(hash, 'hex')),
    Buffer.from(cachedMarks, 'hex'),
  ]);
}

/** The inverse of `encodePrompt`; undefined for bytes that it did not make: what cannot be read is not remembered. */
export function decodePrompt(bytes: Buffer): RememberedPrompt | undefined {
  const marksBytes =
    (bytes.length - TAG_BYTES - TOKENS_BYTES) % HASH_BYTES === TAG_BYTES ? TAG_BYTES : 0;
  const hashBytes = bytes.length - TAG_BYTES - TOKENS_BYTES - marksBytes;
  const count = hashBytes / HASH_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > PROMPT_HASHES_MAX) return undefined;
  const hashes = Array.from({ length: count }, (_, index) => {
    const start = TAG_BYTES + TOKENS_BYTES + index * HASH_BYTES;
    return bytes.toString('hex', start, start + HASH_BYTES);
  });
  return {
    hashes,
    inputTokens: bytes.readUInt32BE(TAG_BYTES),
    modelTag: bytes.toString('hex', 0, TAG_BYTES),
    ...(marksBytes > 0 && { cachedMarks: bytes.toString('hex', bytes.length - marksBytes) }),
  };
}

/** Above this many bytes an item gives up its memory. DynamoDB bills a write by each kilobyte of its item. */
export const ITEM_BYTES_MAX = 1_000;

/** The most that a prompt adds to an item: its name and bytes, and those of the salt. */
const PROMPT_BYTES_MAX = 52;

/** True if an item of this size has room for a prompt in a slot. */
export const hasRoomToRemember = (
  { bytes, memory }: { readonly bytes: number; readonly memory?: Memory },
  slot: number,
): boolean => bytes + (memory?.prompts.has(slot) ? 0 : PROMPT_BYTES_MAX) <= ITEM_BYTES_MAX;

/** True if an item has grown so large that its memory goes. */
export const isTooLargeToRemember = ({
  bytes,
  memory,
}: {
  readonly bytes: number;
  readonly memory?: Memory;
}): boolean => memory !== undefined && bytes > ITEM_BYTES_MAX;
