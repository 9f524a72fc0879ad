import { encode as encodeCl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { encode as encodeO200k } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { textTokensMax, type Vocabulary } from '../../core/dialects/bound/text-bound.ts';
import {
  type CountedText,
  readCountedHostileTexts,
  readCountedTexts,
} from '../support/token-fixtures.ts';

const TEXTS = readCountedTexts();
const HOSTILE = readCountedHostileTexts();

const BYTE_VOCABULARIES = [
  'o200k',
  'cl100k',
  'llama3',
  'qwen3',
  'deepseek3',
  'mistral1',
  'tekken',
  'gemma3',
];
const CLAUDE_MODELS = ['claude-opus-4-5', 'claude-opus-4-7', 'claude-opus-4-8'];

const asIs = (text: string): string => text;
const FORMS = [
  { form: 'as they are', write: asIs },
  { form: 'as JSON', write: JSON.stringify },
] as const;

/** The most that Anthropic's API counted for a text with any of its models. */
const mostRecorded = ({ recorded = {} }: CountedText): number =>
  Math.max(...Object.values(recorded));

/** The texts whose bound is under their count. */
function textsUnder(
  write: (text: string) => string,
  vocabulary: Vocabulary,
  names: readonly string[],
): readonly string[] {
  const columns = names.map((name) => HOSTILE.counts[name] ?? []);
  return HOSTILE.texts.filter((text, index) => {
    const max = textTokensMax(write(text), vocabulary);
    return !columns.every((counts) => max >= (counts[index] ?? Number.POSITIVE_INFINITY));
  });
}

describe.each(FORMS)('60,000 hostile texts $form', ({ write }) => {
  test('are never bounded under the count of a byte-level vocabulary', () => {
    expect(textsUnder(write, 'bytes', BYTE_VOCABULARIES)).toEqual([]);
  });

  test('are never bounded under the count of a reconstruction of Claude’s vocabularies', () => {
    expect(textsUnder(write, 'claude', CLAUDE_MODELS)).toEqual([]);
  });

  test('are never bounded under any count where the vocabulary is not known', () => {
    const names = [...BYTE_VOCABULARIES, ...CLAUDE_MODELS];
    expect(textsUnder(write, 'either', names)).toEqual([]);
  });
});

describe.each(FORMS)('whole texts $form', ({ write }) => {
  test('are never bounded under the count of a byte-level vocabulary', () => {
    const under = TEXTS.filter(({ text, counts }) => {
      const max = textTokensMax(write(text), 'bytes');
      return !BYTE_VOCABULARIES.every((name) => max >= (counts[name] ?? Number.POSITIVE_INFINITY));
    });
    expect(under.map(({ name }) => name)).toEqual([]);
  });

  test('are never bounded under the count of Anthropic’s API', () => {
    const recorded = TEXTS.filter((each) => each.recorded !== undefined);
    expect(recorded).toHaveLength(59);
    const under = recorded.filter(
      (each) => textTokensMax(write(each.text), 'claude') < mostRecorded(each),
    );
    expect(under.map(({ name }) => name)).toEqual([]);
  });
});

test('a text that one form makes longer and another shorter is bounded by its longest form', () => {
  // 56 bytes as it is and in NFKC, 80 in NFC; Qwen 3 counts 64 tokens.
  const text = '\u0B5D\u{1CCD6}'.repeat(8);
  expect(textTokensMax(text, 'bytes')).toBe(80);
});

describe('the recorded counts', () => {
  test('show that a token of Claude’s can be less than a byte', () => {
    const under = TEXTS.filter((each) => mostRecorded(each) > Buffer.byteLength(each.text));
    expect(under.map(({ name }) => name.replace('Declaration of Human Rights, ', ''))).toEqual([
      'Inuktitut, Eastern Canadian',
      'Cherokee (uppercase)',
      'Nuosu',
      'Ojibwa, Northwestern',
      'Cherokee (cased)',
      'Cree, Swampy',
      'Tamazight, Standard Morocan',
      'Javanese (Javanese)',
      'Assyrian Neo-Aramaic',
      'Tai Dam',
      'Khün',
      'Vai',
    ]);
  });

  test('are what GPT’s tokenizers count today', () => {
    const texts = HOSTILE.texts.slice(0, 2_000).map((text) => text.toWellFormed());
    const options = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
    expect(texts.map((text) => encodeO200k(text, options).length)).toEqual(
      HOSTILE.counts.o200k?.slice(0, 2_000),
    );
    expect(texts.map((text) => encodeCl100k(text, options).length)).toEqual(
      HOSTILE.counts.cl100k?.slice(0, 2_000),
    );
  });
});

describe('the bound is not far above', () => {
  test.each([
    ['Declaration of Human Rights, English', 3.2],
    ['Declaration of Human Rights, German, Standard (1996)', 2.4],
    ['MultiPL-E, TypeScript', 2.8],
    ['MultiPL-E, Python', 2.8],
  ])('what Anthropic’s API counts for %s: at most %s times', (name, timesMax) => {
    const [text] = TEXTS.filter((each) => each.name === name);
    expect(text).toBeDefined();
    if (text === undefined) return;
    expect(textTokensMax(text.text, 'claude') / mostRecorded(text)).toBeLessThan(timesMax);
  });
});
