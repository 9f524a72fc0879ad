/**
 * JSON that means the same to every reader: one object, no member twice, not deep.
 * Parsers differ in which of two members of one name they take (RFC 8259, section 4), so two are none.
 */

const DEPTH_MAX = 16;

/** @returns undefined unless the text is one JSON object without a member of the same name twice, at any depth */
export function parseStrictObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // The parser's message quotes the text, so it is dropped here.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return isPlain(text) ? (value as Record<string, unknown>) : undefined;
}

const [BRACE, BRACKET, BRACE_END, BRACKET_END] = [0x7b, 0x5b, 0x7d, 0x5d];
const [QUOTE, BACKSLASH, COLON, SPACE] = [0x22, 0x5c, 0x3a, 0x20];

/** Whether valid JSON text is of bounded depth and has no member twice in one object. */
function isPlain(text: string): boolean {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BRACE || code === BRACKET) {
      if (open.push(new Set()) > DEPTH_MAX) return false;
    } else if (code === BRACE_END || code === BRACKET_END) {
      open.pop();
    } else if (code === QUOTE) {
      const end = endOfString(text, at);
      if (isMemberName(text, end)) {
        const names = open.at(-1);
        const name = toName(text.slice(at, end));
        if (names?.has(name)) return false;
        names?.add(name);
      }
      at = end - 1;
    }
  }
  return true;
}

/** The position after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE)
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** JSON's white space is all below or at the space, and valid JSON has nothing else of that kind here. */
function isMemberName(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= SPACE) at++;
  return text.charCodeAt(at) === COLON;
}

const toName = (quoted: string): string =>
  quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
