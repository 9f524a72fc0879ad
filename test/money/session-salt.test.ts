/**
 * A client that knows everything but the salt: whatever it splits, moves or joins, no two prefixes have one hash.
 */
import { expect, test } from 'vitest';
import { promptHashes } from '../../core/dialects/bound/prefix.ts';
import { MESSAGES } from '../../core/dialects/messages/messages.ts';
import { REQUEST_RULES } from '../support/request-rules.ts';

const MODELS = ['claude-sonnet-5', 'claude-opus-5'] as const;
const SALTS = ['00112233aabbccdd', '00112233aabbccde'] as const;
/** All texts are made of these letters, so that only their borders tell prompts apart. */
const LETTERS = 'abcdefghi';

/** All ways to cut a text into consecutive parts. */
function* cuts(whole: string): Generator<readonly string[]> {
  for (let mask = 0; mask < 2 ** (whole.length - 1); mask += 1) {
    const parts = [''];
    for (const [at, letter] of [...whole].entries()) {
      parts[parts.length - 1] += letter;
      if (mask & (1 << at) && at < whole.length - 1) parts.push('');
    }
    yield parts;
  }
}

/** A prompt's prefixes as they are, and their hashes. */
function hashesOf(
  { model, system, parts }: { model: string; system: string; parts: readonly string[] },
  salt: string,
): readonly (readonly [string, string])[] {
  const messages = parts.map((content, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content,
  }));
  const body = { model, max_tokens: 100, ...(system !== '' && { system }), messages };
  const { input } = MESSAGES.parse(body, { ...REQUEST_RULES, model });
  const hashes = promptHashes(input, { model, salt }) ?? [];
  return hashes.map((hash, at) => [JSON.stringify([model, system, messages.slice(0, at)]), hash]);
}

// guarantee: prefix-hash-is-salted
test('no two of the prefixes of all prompts from one text have one hash, under any salt', () => {
  const hashes = new Map<string, string>();
  for (const salt of SALTS) {
    for (const model of MODELS) {
      for (let length = 0; length < LETTERS.length; length += 1) {
        const system = LETTERS.slice(0, length);
        for (const parts of cuts(LETTERS.slice(length))) {
          for (const [prefix, hash] of hashesOf({ model, system, parts }, salt)) {
            hashes.set(`${salt} ${prefix}`, hash);
          }
        }
      }
    }
  }
  expect(hashes.size).toBeGreaterThan(3_000);
  expect(new Set(hashes.values()).size).toBe(hashes.size);
});
