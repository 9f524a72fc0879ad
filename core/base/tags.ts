/**
 * Tags: up to five names with a value each, such as `project=alpha`, by which usage is grouped.
 * Invariant: a tag's text holds no separator of a list of tags, and nothing that a spreadsheet runs as a formula.
 */

/** Values by their names. */
export type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 5;
const NAME = /^[a-z][a-z0-9_]{0,23}$/;
const VALUE_CHARS_MAX = 64;
const VALUE = /^(?![-@])[A-Za-z0-9._@/ -]{1,64}$/;

/** The form of tags, for error messages. */
export const TAGS_FORM =
  'up to five names of a-z, 0-9 and _ (24 at most, a letter first), each with 1 to 64 of A-Za-z0-9._@/ - that do not begin with - or @';

export const isTagName = (text: string): boolean => NAME.test(text);

/** Reads an object of tags, sorted by name; undefined for anything else. */
export function parseTags(value: unknown): Tags | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const isValid = ([name, text]: [string, unknown]): boolean =>
    NAME.test(name) && typeof text === 'string' && VALUE.test(text);
  if (entries.length > TAGS_MAX || !entries.every(isValid)) return undefined;
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads `project=alpha, env=prod`; undefined for another text, or a name that is given twice. */
export function parseTagList(text: string): Tags | undefined {
  const entries = text.split(',').map((part) => {
    const [, name = '', value = ''] = /^\s*([^=]*)=(.*?)\s*$/s.exec(part) ?? [];
    return [name, value] as const;
  });
  if (new Set(entries.map(([name]) => name)).size < entries.length) return undefined;
  return parseTags(Object.fromEntries(entries));
}

/** Writes tags as `parseTagList` reads them. */
export const formatTags = (tags: Tags): string =>
  Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

/**
 * Makes a tag's value of any text: accents are dropped, and each other character that a value may not have becomes `_`.
 * Undefined if nothing is left.
 */
export function toTagValue(text: string): string | undefined {
  const plain = text.normalize('NFKD').replaceAll(/\p{M}/gu, '');
  const value = plain
    .replaceAll(/[^A-Za-z0-9._@/ -]/g, '_')
    .replace(/^[-@\s]+/, '')
    .slice(0, VALUE_CHARS_MAX)
    .trim();
  return value === '' ? undefined : value;
}
