/**
 * The values of a parsed request that its bytes do not bound, or that are not counted by their bytes.
 * Flow: policy > **parse** > bound > write. Invariant: every value that is not such a leaf counts by its bytes, so a
 * field that nobody thought of is counted.
 */
import { sha256 } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';

/** A value with a meaning of its own for the bound. It is sent exactly as the client wrote it. */
export abstract class Leaf<Sent = unknown> {
  readonly #sent: Sent;

  constructor(sent: Sent) {
    this.#sent = sent;
  }

  toJSON(): Sent {
    return this.#sent;
  }
}

/** The time for which a provider keeps a prefix in its cache. */
export type CacheLife = '5m' | '1h';

/** Makes the provider keep the prompt up to here in its cache. It costs no tokens, but changes their price. */
export class CacheMark extends Leaf<JsonObject> {
  readonly life: CacheLife;

  constructor(sent: JsonObject, life: CacheLife) {
    super(sent);
    this.life = life;
  }
}

/** An image in base64, as it is sent. The provider counts its pixels, not its bytes. */
export class ImageData extends Leaf<string> {
  #digest: string | undefined;

  /** The SHA-256 of what is sent, made once. */
  get digest(): string {
    this.#digest ??= sha256(this.toJSON());
    return this.#digest;
  }
}

/** A text in base64, as it is sent. The provider counts the decoded text. */
export class EncodedText extends Leaf<string> {
  get text(): string {
    return Buffer.from(this.toJSON(), 'base64').toString();
  }
}

/**
 * Input that its bytes do not bound.
 * `data`: in the request itself, such as a PDF. `url`: public, and may grow. `stored`: at the provider.
 */
export type ReferenceKind = 'data' | 'url' | 'stored';

export class Reference extends Leaf {
  readonly kind: ReferenceKind;

  constructor(sent: unknown, kind: ReferenceKind) {
    super(sent);
    this.kind = kind;
  }
}

/** A value as its provider counts it. */
export interface Counted {
  /** The JSON that is sent, without cache marks and image data. */
  readonly text: string;
  /** All leaves in it, in order. */
  readonly leaves: readonly Leaf[];
}

/** Writes a parsed value as its provider counts it. */
export function countJson(value: unknown): Counted {
  const leaves: Leaf[] = [];
  // The replacer sees what `toJSON` made of a leaf; the leaf itself is still a member of `this`.
  const text = JSON.stringify(value, function replace(this: JsonObject, name, sent: unknown) {
    const leaf = this[name];
    if (!(leaf instanceof Leaf)) return sent;
    leaves.push(leaf);
    if (leaf instanceof EncodedText) return leaf.text;
    return leaf instanceof Reference ? sent : undefined;
  });
  return { text, leaves };
}

/** The path of a leaf below a value: `content[1].source.url`. */
export function pathOf(value: unknown, leaf: Leaf, path = ''): string | undefined {
  if (value === leaf) return path;
  if (typeof value !== 'object' || value === null || value instanceof Leaf) return undefined;
  const isList = Array.isArray(value);
  for (const [name, member] of Object.entries(value)) {
    const below = isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    const found = pathOf(member, leaf, below);
    if (found !== undefined) return found;
  }
  return undefined;
}
