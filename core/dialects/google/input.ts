/**
 * The most input tokens that Google's request for content can be counted as, and what of it is not in it.
 * Flow: policy > price > **bound** > reserve. Invariant: never under; see `input-bound.ts`, whose reasons hold here.
 */

import { isRecord, type JsonObject } from '../../base/json.ts';
import { isGiven } from '../fields.ts';
import { boundOf, type FoundInput, type InputRules, nothingFound } from '../input-bound.ts';

export interface GoogleInput {
  /** Undefined: nothing bounds it. */
  readonly tokens: number | undefined;
  readonly reference: string | undefined;
  readonly stored: string | undefined;
}

/** Bounds the input of a normalised body from what will be sent. */

export function boundGoogleInput(
  body: JsonObject,
  serialised: string,
  rules: InputRules,
): GoogleInput {
  const found = nothingFound();
  found.stored = STORED_FIELDS.find((name) => isGiven(body[name]));
  found.reference = found.stored;
  const contents = Array.isArray(body.contents) ? body.contents : [];
  look(Object(body.systemInstruction).parts, 'systemInstruction.parts', found);
  for (const [index, content] of contents.entries()) {
    look(Object(content).parts, `contents[${index}].parts`, found);
  }
  const tools = Array.isArray(body.tools) ? body.tools : [];
  const functions = tools.flatMap((tool) => Object(tool).functionDeclarations ?? []);
  const parts = { messages: contents.length, tools: tools.length + functions.length };
  const tokens = boundOf(serialised, found, parts, rules);
  return { tokens, reference: found.reference, stored: found.stored };
}

/** An answer that is gone on with, and a cache, hold what somebody once sent. */
const STORED_FIELDS = ['cachedContent', 'continuationToken'];

const INLINE_IMAGE = /^image\/[a-z0-9.+-]{1,32}$/i;

/** Text in base64 is longer than the text. */
const INLINE_TEXT = /^(?:text\/[a-z0-9.+-]{1,32}|application\/json)$/i;
const BASE64 = /^[A-Za-z0-9+/_=-]*$/;

function look(parts: unknown, path: string, found: FoundInput): void {
  for (const [index, part] of Array.isArray(parts) ? parts.entries() : []) {
    if (!isRecord(part)) continue;
    const here = `${path}[${index}]`;
    look(Object(part.functionResponse).parts, `${here}.functionResponse.parts`, found);
    if (isGiven(part.inlineData)) lookAtData(Object(part.inlineData), `${here}.inlineData`, found);
    if (!isGiven(part.fileData)) continue;
    found.reference ??= `${here}.fileData`;
    if (!isPublicUrl(Object(part.fileData).fileUri)) found.stored ??= `${here}.fileData.fileUri`;
  }
}

function lookAtData({ mimeType, data }: JsonObject, path: string, found: FoundInput): void {
  if (typeof mimeType === 'string' && typeof data === 'string' && BASE64.test(data)) {
    if (INLINE_TEXT.test(mimeType)) return;
    if (INLINE_IMAGE.test(mimeType)) {
      found.images += 1;
      found.imageChars += data.length;
      return;
    }
  }
  found.reference ??= path;
}

/** Anyone's to read; what lies at Google itself lies in the gateway's own account, or is open to it. */
function isPublicUrl(uri: unknown): boolean {
  if (typeof uri !== 'string' || !uri.startsWith('https://')) return false;
  const host = URL.canParse(uri) ? new URL(uri).hostname : '';
  return host !== '' && !/(^|\.)googleapis\.com\.?$/.test(host);
}
