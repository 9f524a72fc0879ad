/**
 * The most input tokens that Google's request for content can be counted as, and what of it is not in it.
 * Flow: policy > price > **bound** > reserve. Invariant: never under; see `input-bound.ts`, whose reasons hold here.
 */
import { utf8BytesMax } from '../input-bound.ts';
import type { JsonObject } from '../request-body.ts';
import { isGiven, isRecord } from './fields.ts';

const REQUEST_OVERHEAD_TOKENS = 64;
const CONTENT_OVERHEAD_TOKENS = 8;
const TOOLS_OVERHEAD_TOKENS = 640;
const FUNCTION_OVERHEAD_TOKENS = 16;

interface Found {
  images: number;
  /** Characters, and so bytes, of base64 texts that become pixels and not text. */
  imageChars: number;
  /** The first input whose size its bytes do not bound: a URL, a document's pages, sound, moving pictures. */
  reference: string | undefined;
  /** The first field that names what is stored at the provider. */
  stored: string | undefined;
}

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
  rules: { readonly imageTokensMax: number; readonly contextWindow: number | undefined },
): GoogleInput {
  const found: Found = { images: 0, imageChars: 0, reference: undefined, stored: undefined };
  const stored = STORED_FIELDS.find((name) => isGiven(body[name]));
  if (stored !== undefined) {
    found.stored = stored;
    found.reference = stored;
  }
  const contents = Array.isArray(body.contents) ? body.contents : [];
  look(Object(body.systemInstruction).parts, 'systemInstruction.parts', found);
  for (const [index, content] of contents.entries()) {
    look(Object(content).parts, `contents[${index}].parts`, found);
  }
  const tokens =
    utf8BytesMax(serialised) -
    found.imageChars +
    found.images * rules.imageTokensMax +
    REQUEST_OVERHEAD_TOKENS +
    contents.length * CONTENT_OVERHEAD_TOKENS +
    overheadOf(body.tools);
  const { reference } = found;
  // What the model cannot take, the provider refuses: so the window bounds the whole input.
  return {
    tokens: reference === undefined ? tokens : rules.contextWindow,
    reference,
    stored: found.stored,
  };
}

/** An answer that is gone on with, and a cache, hold what somebody once sent. */
const STORED_FIELDS = ['cachedContent', 'continuationToken'];

function overheadOf(tools: unknown): number {
  if (!Array.isArray(tools) || tools.length === 0) return 0;
  const functions = tools.flatMap((tool) => Object(tool).functionDeclarations ?? []).length;
  return TOOLS_OVERHEAD_TOKENS + (tools.length + functions) * FUNCTION_OVERHEAD_TOKENS;
}

const INLINE_IMAGE = /^image\/[a-z0-9.+-]{1,32}$/i;
/** Text in base64 is longer than the text. */
const INLINE_TEXT = /^(?:text\/[a-z0-9.+-]{1,32}|application\/json)$/i;
const BASE64 = /^[A-Za-z0-9+/_=-]*$/;

function look(parts: unknown, path: string, found: Found): void {
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

function lookAtData({ mimeType, data }: JsonObject, path: string, found: Found): void {
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
