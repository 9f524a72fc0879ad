/**
 * The most tokens that Claude's tokenizers can count for a text. Flow: policy > price > **bound** > reserve.
 *
 * Claude marks the borders of words and their capitals, and a mark may be a token of its own: so a token is not always
 * a byte (`Q,Z,` is six tokens). The text is split into runs of one class, and each run counts by its class, its length
 * and its neighbours. This is a rule about counts that Anthropic's API gave, not Anthropic's word.
 */
import { toNormalForm } from './normal-form.ts';

type RunClass =
  | 'letter'
  | 'digit'
  | 'punctuation'
  | 'blank'
  | 'newline'
  | 'control'
  | 'other'
  | 'edge';

/** The class of each ASCII character; `other` is everything beyond. */
const ASCII_CLASSES: readonly RunClass[] = Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[A-Za-z]/.test(char)) return 'letter';
  if (/[0-9]/.test(char)) return 'digit';
  if (char === ' ') return 'blank';
  if (char === '\n') return 'newline';
  return code < 0x20 || code === 0x7f ? 'control' : 'punctuation';
});

/** The text's own begin and end. */
const TEXT_TOKENS = 2;
/** Begin, end and capital of a word. */
const WORD_TOKENS = 3;
const DIGITS_A_TOKEN = 3;
const SPACES_A_TOKEN = 16;
const NEWLINES_ALONE_MAX = 3;

interface Run {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly before: RunClass;
  readonly after: RunClass;
}

/** The most tokens of a text. */
export function claudeTokensMax(text: string): number {
  let tokens = TEXT_TOKENS;
  let before: RunClass = 'edge';
  let start = 0;
  let current = classAt(text, 0);
  while (current !== 'edge') {
    let end = start + 1;
    while (classAt(text, end) === current) end += 1;
    const after = classAt(text, end);
    tokens += TOKENS_OF[current]({ text, start, end, before, after });
    before = current;
    start = end;
    current = after;
  }
  return tokens;
}

function classAt(text: string, index: number): RunClass {
  if (index >= text.length) return 'edge';
  return ASCII_CLASSES[text.charCodeAt(index)] ?? 'other';
}

const lengthOf = ({ start, end }: Run): number => end - start;

const TOKENS_OF: Readonly<Record<Exclude<RunClass, 'edge'>, (run: Run) => number>> = {
  letter: letterTokens,
  digit: (run) => Math.ceil(lengthOf(run) / DIGITS_A_TOKEN),
  punctuation: (run) => lengthOf(run) + 2,
  blank: blankTokens,
  newline: newlineTokens,
  control: lengthOf,
  other: ({ text, start, end }) => otherTokens(text.slice(start, end)),
};

function letterTokens(run: Run): number {
  const isMarked = run.before === 'other' || run.after === 'other' || hasCapital(run);
  return lengthOf(run) + (isMarked ? 2 : 0);
}

function hasCapital({ text, start, end }: Run): boolean {
  for (let index = start; index < end; index += 1) {
    if (text.charCodeAt(index) <= 0x5a) return true;
  }
  return false;
}

/** A single blank is part of the word behind it, unless punctuation has a border there. */
function blankTokens(run: Run): number {
  if (lengthOf(run) > 1) return 2 + Math.ceil(lengthOf(run) / SPACES_A_TOKEN);
  const sides = [run.before, run.after];
  const borders = sides.filter((side) => side === 'punctuation').length;
  if (borders > 0) return borders;
  return sides.every((side) => side === 'letter') ? 0 : 1;
}

function newlineTokens(run: Run): number {
  const length = lengthOf(run);
  if (length <= NEWLINES_ALONE_MAX) return length;
  return NEWLINES_ALONE_MAX + Math.ceil(length / SPACES_A_TOKEN);
}

/** Ideographs and Hangul syllables: they have no borders, and end the word beside them. */
const BORDERLESS =
  '\\u3005\\u3006\\u3031-\\u3035\\u303B\\u303C\\u3400-\\u4DBF\\u4E00-\\u9FFF\\uAC00-\\uD7A3\\uF900-\\uFA6D\\uFA70-\\uFAD9';
/** Letters of Unicode 16 and 17, which Claude's tokenizers may not take for letters. */
const NEW_LETTERS = '\\u088F\\u0C5C\\u0CDC\\uA7CC-\\uA7CF\\uA7D2\\uA7D4\\uA7DA-\\uA7DC\\uA7F1';
/** Letters, marks that are part of a word, up to U+FFFF. */
const WORD = `[[[\\p{L}[\\p{M}&&\\p{Alphabetic}]]&&[\\0-\\uFFFF]]--[${BORDERLESS}${NEW_LETTERS}]]+`;
/** A word, or a character outside of words: each has borders. */
const BORDERED = new RegExp(`${WORD}|[^${BORDERLESS}]`, 'gv');

/** A capital may count in lower case, in which these three characters are a byte longer, and no others. */
const LONGER_IN_LOWER_CASE = /[\u0130\u023A\u023E]/g;

/** A run beyond ASCII, as it is or in NFC: not every version of Unicode puts the same characters together. */
function otherTokens(run: string): number {
  const normal = toNormalForm(run, 'NFC');
  const tokens = tokensIn(normal);
  return normal === run ? tokens : Math.max(tokens, tokensIn(run));
}

/** Bytes, and the marks of each word and of each character outside of words. */
function tokensIn(run: string): number {
  const borders = run.match(BORDERED)?.length ?? 0;
  const growth = run.match(LONGER_IN_LOWER_CASE)?.length ?? 0;
  return Buffer.byteLength(run) + growth + borders * WORD_TOKENS;
}
