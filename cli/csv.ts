/**
 * Cells of CSV files that people open in spreadsheets.
 */

/** One line (RFC 4180, 2) without its end. */
export const toCsvLine = (cells: readonly string[]): string => cells.map(toCsvCell).join(',');

const toCsvCell = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** A foreign text that a spreadsheet would take for a formula becomes plain text there. */
export const toSafeCell = (text: string): string => (/^[=+\-@]/.test(text) ? `'${text}` : text);
