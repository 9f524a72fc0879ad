/**
 * The bytes of a text that a byte-level tokenizer can see. Flow: policy > price > **bound** > reserve.
 * Invariant: never under UTF-8's bytes of the text as it is, in NFC and in NFKC: each is what some tokenizer reads.
 */
import { MARK, toNormalForm } from './normal-form.ts';

/** A text that grows 11-fold in NFKC takes little memory, for it is not in that form as a whole. */
const RUN_CHARS_MAX = 4_096;

/** Characters beyond ASCII; the marks that follow the last of them belong to it. */
const NOT_ASCII = new RegExp(`[^\\0-\\x7F]{1,${RUN_CHARS_MAX}}${MARK}*`, 'gu');

/**
 * The most bytes of a text in any form. Each run without ASCII counts by its longest form, since one run may grow in NFC
 * where another shrinks in NFKC. ASCII is the same in every form.
 */
export function utf8BytesMax(text: string): number {
  const bytes = Buffer.byteLength(text);
  if (bytes === text.length) return bytes;
  let growth = 0;
  for (const [run] of text.matchAll(NOT_ASCII)) growth += growthOf(run);
  return bytes + growth;
}

/** The bytes that a run grows by. A text in NFKC is in NFC, too. */
function growthOf(run: string): number {
  const nfkc = toNormalForm(run, 'NFKC');
  if (nfkc === run) return 0;
  const nfc = toNormalForm(run, 'NFC');
  const longest = Math.max(Buffer.byteLength(nfkc), Buffer.byteLength(nfc));
  return Math.max(0, longest - Buffer.byteLength(run));
}
