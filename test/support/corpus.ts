/**
 * Texts of the kinds that people send, and what two tokenizers in wide use count for them: GPT-4o's (o200k_base) and
 * GPT-4's (cl100k_base), counted once with gpt-tokenizer 3.4.0. The texts never change, so neither do the counts.
 */

export interface CorpusText {
  readonly kind: string;
  readonly text: string;
  readonly tokens: { readonly o200k: number; readonly cl100k: number };
}

const ENGLISH = `It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season
of Darkness, it was the spring of hope, it was the winter of despair.\n`;

const CODE = `export function makeCounter(start: number): () => number {
  let value = start;
  return () => {
    value += 1;
    if (value > Number.MAX_SAFE_INTEGER) throw new RangeError(\`too far: \${value}\`);
    return value;
  };
}\n`;

const CHINESE =
  '人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。\n';
const JAPANESE =
  'すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n';
const KOREAN =
  '모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았다.\n';
const EMOJI = '👩‍👩‍👧‍👦🏳️‍🌈🇦🇹🧑🏽‍🚀👍🏿❤️‍🔥🫠\n';
const RARE = '\u{12000}\u{1F0A1}\u{10FFFF}\u{E0061}꧁ﷺ༄𒐫\n';

/** Bytes as a generator of the form x' = 75x + 74 mod 65537 gives them: the same on every machine. */
function makeBytes(count: number): Uint8Array {
  let state = 42;
  return Uint8Array.from({ length: count }, () => {
    state = (75 * state + 74) % 65_537;
    return state & 255;
  });
}

const RANDOM_BYTES = makeBytes(3_000);
const BASE64 = Buffer.from(RANDOM_BYTES).toString('base64');
/** As a program decodes bytes that are no text. */
const LATIN1 = Buffer.from(RANDOM_BYTES).toString('latin1');
const UTF8 = Buffer.from(RANDOM_BYTES).toString('utf8');

export const CORPUS: readonly CorpusText[] = [
  { kind: 'English', text: ENGLISH.repeat(8), tokens: { o200k: 616, cl100k: 616 } },
  { kind: 'code', text: CODE.repeat(8), tokens: { o200k: 456, cl100k: 456 } },
  { kind: 'Chinese', text: CHINESE.repeat(8), tokens: { o200k: 280, cl100k: 400 } },
  { kind: 'Japanese', text: JAPANESE.repeat(8), tokens: { o200k: 280, cl100k: 360 } },
  { kind: 'Korean', text: KOREAN.repeat(8), tokens: { o200k: 312, cl100k: 520 } },
  { kind: 'emoji', text: EMOJI.repeat(8), tokens: { o200k: 312, cl100k: 496 } },
  { kind: 'rare characters', text: RARE.repeat(8), tokens: { o200k: 216, cl100k: 216 } },
  { kind: 'base64', text: BASE64, tokens: { o200k: 2_749, cl100k: 2_893 } },
  { kind: 'random bytes as Latin-1', text: LATIN1, tokens: { o200k: 3_174, cl100k: 3_424 } },
  { kind: 'random bytes as UTF-8', text: UTF8, tokens: { o200k: 2_258, cl100k: 2_316 } },
];
