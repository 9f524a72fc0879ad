/**
 * Lines of CSV files that people open in spreadsheets.
 */

/** Formats one line (RFC 4180, 2) without its end. */
export const toCsvLine = (cells: readonly string[]): string => cells.map(toCsvCell).join(',');

/** Spreadsheets of many countries separate cells by semicolons, so a cell with one is quoted too. */
const toCsvCell = (text: string): string =>
  /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Puts `'` before a text that a spreadsheet would run as a formula. */
export const toSafeCell = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
