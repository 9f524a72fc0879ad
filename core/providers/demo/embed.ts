/**
 * The built-in provider's embedding of a text. Flow: reserve > **forward** > meter.
 */

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Returns the letter frequencies of a text as a vector of length one. Similar texts have similar vectors. */
export function embed(text: string): readonly number[] {
  const counts = [...LETTERS].map((letter) => text.toLowerCase().split(letter).length - 1);
  const length = Math.hypot(...counts);
  return counts.map((count) => (length === 0 ? 0 : count / length));
}
