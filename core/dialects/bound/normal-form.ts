/**
 * Unicode's normal forms in linear time. Node sorts a run of combining marks in time that grows with its square: 18 s
 * for 256 kB.
 * Invariant: the result is never shorter, in UTF-8, than the form itself.
 */

/**
 * The longest run that is sorted. Unicode's Stream-Safe Text Format allows 30, which takes a second for a million
 * characters; no language in use needs more than 10 in a row.
 * https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format
 */
const MARKS_MAX = 10;

/** One of the characters that join what precedes them, as a pattern: marks, and two letters that NFKC makes marks. */
export const MARK = '[\\p{M}\\uFF9E\\uFF9F]';

/** Too many marks, with the character that they follow. */
const LONG_MARK_RUN = new RegExp(`.?${MARK}{${MARKS_MAX + 1},}`, 'gsu');
const SHORT_PIECE = new RegExp(`.{1,${MARKS_MAX}}`, 'gsu');

/** A form without its last step, which puts characters together. That step never makes UTF-8 longer. */
const DECOMPOSED = { NFC: 'NFD', NFKC: 'NFKD' } as const;

/** A text in a normal form, except that longer runs of marks stay decomposed and partly unsorted. */
export function toNormalForm(text: string, form: 'NFC' | 'NFKC'): string {
  if (text.length <= MARKS_MAX) return text.normalize(form);
  const parts: string[] = [];
  let end = 0;
  for (const { 0: run, index } of text.matchAll(LONG_MARK_RUN)) {
    parts.push(text.slice(end, index).normalize(form));
    // A decomposed character does not depend on its neighbours, so the pieces together are as long as the run.
    for (const [piece] of run.matchAll(SHORT_PIECE)) parts.push(piece.normalize(DECOMPOSED[form]));
    end = index + run.length;
  }
  return end === 0 ? text.normalize(form) : parts.join('') + text.slice(end).normalize(form);
}
