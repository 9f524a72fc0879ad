/**
 * Finds names of data that may be stored at a provider. Flow: policy > **parse** > bound > write. Invariant: all users share
 * the gateway's account there, so a field that we do not know may not hold an id, a file or an address of Google's.
 */
import { FIELD_NAME_CHARS_MAX, nameField } from './refusals.ts';

/** Words of a field's name that say it names something: `fileId`, `file_ids`, `previous_response_id`, `container`. */
const NAMES_STORED =
  /^(?:ids?|uris?|files?|refs?|references?|handles?|containers?|conversations?|sessions?|threads?|cached?|caches|stores?|stored|skills?|datasets?|batch(?:es)?|agents?|connectors?|uploads?|assistants?|prompts?|previous|memory)$/;

const NAMES_ADDRESS = /^(?:urls?|links?|href)$/;

/** `fileIds`, `file-ids` and `FILE_IDS` are words of one kind. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);

/**
 * Finds a member that could name stored data, in a member that no shape knows.
 * @returns its path; undefined: there is none
 */
export function findStoredName(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const path = nameField(name);
  if (name.length > FIELD_NAME_CHARS_MAX) return path;
  const words = wordsOf(name);
  if (words.some((word) => NAMES_STORED.test(word))) return path;
  const isAddress = words.some((word) => NAMES_ADDRESS.test(word));
  if (typeof value === 'string') {
    return (isAddress && !isPublicUrl(value)) || namesGoogle(value) ? path : undefined;
  }
  if (typeof value !== 'object') return undefined;
  for (const [member, inner] of Object.entries(value)) {
    // An item of a list has the name of the list.
    const below = findStoredName(Array.isArray(value) ? name : member, inner);
    if (below !== undefined) return Array.isArray(value) ? below : `${path}.${below}`;
  }
  return undefined;
}

const GOOGLE_HOST = /(^|\.)(?:googleapis\.com|storage\.cloud\.google\.com)\.?$/;

/** Only Google reads addresses of its own storage with the gateway's rights. */
const namesGoogle = (value: string): boolean => /^gs:\/\//i.test(value) || hostIsGoogle(value);

const hostIsGoogle = (value: string): boolean =>
  /^https?:\/\//i.test(value) && URL.canParse(value) && GOOGLE_HOST.test(new URL(value).hostname);

/** An https address that anyone may read: nothing at Google itself, which would lie in the gateway's own account. */
export const isPublicUrl = (value: string): boolean =>
  /^https:\/\//i.test(value) && URL.canParse(value) && !GOOGLE_HOST.test(new URL(value).hostname);
