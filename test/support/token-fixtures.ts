/**
 * Token counts that real tokenizers gave, from test/fixtures/tokens/: its README says by which programs.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { makeHostileTexts } from './hostile-texts.ts';

/** Counts by the name of a vocabulary. */
type Counts<Count> = Readonly<Record<string, Count>>;

export interface CountedText {
  readonly name: string;
  readonly text: string;
  readonly counts: Counts<number>;
  /** Counts that Anthropic's API gave, by model, without the frame of the message. Absent where there are none. */
  readonly recorded?: Counts<number>;
}

export interface CountedHostileTexts {
  readonly texts: readonly string[];
  /** For each vocabulary the counts in the order of the texts. */
  readonly counts: Counts<readonly number[]>;
}

const FOLDER = new URL('../fixtures/tokens/', import.meta.url);

const readFixture = (name: string): unknown =>
  JSON.parse(brotliDecompressSync(readFileSync(new URL(name, FOLDER))).toString('utf8'));

/** Whole texts: the Declaration of Human Rights in 37 languages, code in 22, and texts of other kinds. */
export const readCountedTexts = (): readonly CountedText[] =>
  readFixture('texts.json.br') as readonly CountedText[];

/** @throws Error when the generator no longer makes the texts that were counted */
export function readCountedHostileTexts(): CountedHostileTexts {
  const { sha256, counts } = readFixture('hostile-counts.json.br') as {
    readonly sha256: string;
    readonly counts: Counts<readonly number[]>;
  };
  const texts = makeHostileTexts();
  const joined = texts.map((text) => text.toWellFormed()).join('\0');
  if (createHash('sha256').update(joined).digest('hex') !== sha256) {
    throw new Error('the hostile texts are not those that were counted; count them again');
  }
  return { texts, counts };
}
