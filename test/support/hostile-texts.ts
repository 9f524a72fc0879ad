/**
 * Short texts that tokenizers count high: letters that grow, borders at every character, broken Unicode. They are made by
 * a generator with a fixed seed, so that test/fixtures/tokens/ needs to hold their counts alone.
 */

/** The number of all texts. */
export const HOSTILE_TEXTS = 60_000;

/** Grow in a normal form or in lower case, stand alone, join what is before, or are no characters at all. */
const HOSTILE = [
  ...['Ⱦ', 'Ⱥ', 'İ', 'ẞ', 'ß', 'Σ', 'ς', 'ϴ', 'ǅ', 'ŉ', 'K', 'Å', 'Ω', 'ﬃ', 'Ɐ', 'Ꮳ', 'ꭰ', 'Ა'],
  ...[
    '\u0B5D',
    '\u0958',
    '\u0DDE',
    '\uFDFA',
    '\uFDFB',
    '\u33C2',
    '\u3392',
    '\u2A74',
    'Ａ',
    'ｶ',
    '\uFF9E',
  ],
  ...[
    '\u0301',
    '\u0323',
    '\u0338',
    '\u0345',
    '\u0344',
    '\u0F71',
    '\u0F74',
    '\u0F73',
    '\u05B0',
    '\u0E4D\u0E32',
  ],
  ...[
    'ё',
    'й',
    'é',
    'ệ',
    'ñ',
    '\u0713',
    '\u0730',
    '\u0711',
    '\u0742',
    'ꔀ',
    'ꙮ',
    '\u1A20',
    '\uAA80',
    '\uA984',
  ],
  ...[
    '\u1100',
    '\u1161',
    '\u11A8',
    '한',
    '漢',
    '々',
    '〇',
    'か',
    'ー',
    '。',
    '？',
    '「',
    '\u3000',
    '٣',
    '५',
    '½',
    '²',
    '①',
  ],
  ...[
    '😀',
    '👩‍👩‍👧‍👦',
    '🇦🇹',
    '❤️',
    '\uFE0F',
    '\u200D',
    '\u200B',
    '\u00AD',
    '\u2028',
    '\u00A0',
    '\u2003',
    '\uFEFF',
  ],
  ...[
    '\u{10400}',
    '\u{1D400}',
    '\u{12000}',
    '\u{1F0A1}',
    '\u{1611E}',
    '\u{1D15E}',
    '\u{20000}',
    '\u{E0061}',
    '\u{10FFFF}',
  ],
  ...[
    '\uD800',
    '\uDFFF',
    '\uFFFD',
    '\uFFFF',
    '\uE000',
    '\uFDD0',
    '\u0080',
    '\u0085',
    '\u009F',
    '€',
    '“',
    '’',
    '–',
    '…',
  ],
];

const LETTERS = [...'etaQZxqJAkiO'];
const WORDS = [
  'the',
  'The',
  'THE',
  'qzx',
  'WiFi',
  'GaN',
  'function',
  "it's",
  "'ll",
  'Straße',
  'über',
];
const DIGITS = [...'0179', '12', '1234', '2026'];
const SIGNS = [
  ...'~^,;.\'"\\/<>{}()[]=+-_#@!?$%&*|:`',
  '});',
  '==',
  '->',
  '\\n',
  '\\u00e9',
  '":"',
  '",',
];
const SPACES = [
  ' ',
  ' ',
  '  ',
  '    ',
  '\n',
  '\n\n',
  '\n\n\n\n',
  '\t',
  '\r\n',
  '\f',
  '\0',
  '\u0001',
  '\u001B',
  '\u007F',
];

const KINDS = [HOSTILE, HOSTILE, LETTERS, WORDS, DIGITS, SIGNS, SPACES] as const;

/** An integer under a bound. */
type Draw = (below: number) => number;

/** Xorshift of 32 bits: the same on every machine. */
function makeDraw(seed: number): Draw {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const drawFrom = (draw: Draw, list: readonly string[]): string => list[draw(list.length)] ?? '';

function drawAtom(draw: Draw): string {
  const kind = draw(KINDS.length + 2);
  if (kind === KINDS.length) return String.fromCodePoint(draw(0x1_0000));
  if (kind > KINDS.length) return String.fromCodePoint(0x80 + draw(0x2000));
  return drawFrom(draw, KINDS[kind] ?? LETTERS);
}

const drawAtoms = (draw: Draw, count: number): readonly string[] =>
  Array.from({ length: count }, () => drawAtom(draw));

/** One unit again and again, a few atoms in any order, or any atoms at all. */
function drawText(draw: Draw): string {
  const style = draw(3);
  const length = draw(10) === 0 ? 10 + draw(40) : 1 + draw(12);
  if (style === 0)
    return drawAtoms(draw, 1 + draw(3))
      .join('')
      .repeat(length);
  if (style === 1) {
    const few = drawAtoms(draw, 2 + draw(3));
    return Array.from({ length }, () => drawFrom(draw, few)).join('');
  }
  return drawAtoms(draw, length).join('');
}

/** The texts, always the same; every fourth is JSON, as the results of tools are. */
export function makeHostileTexts(count = HOSTILE_TEXTS, seed = 0x2545_f491): readonly string[] {
  const draw = makeDraw(seed);
  return Array.from({ length: count }, (_, index) => {
    const text = drawText(draw);
    return index % 4 === 3 ? JSON.stringify({ text }) : text;
  });
}
