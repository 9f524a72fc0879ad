/**
 * The shapes of values that their bytes do not bound: marks of caches, images, files, addresses, ids.
 * Flow: policy > **parse** > bound > write. Invariant: each becomes a leaf, by which the bound knows it.
 */
import * as v from 'valibot';
import { CacheMark, ImageData, Reference } from './leaves.ts';
import { byKind, closed, maybe, oneOf, type Shape, text } from './shapes.ts';
import { isPublicUrl } from './stored.ts';

/** The mark of a cache, which holds no member beside its own for any credential. */
export const cacheMark = maybe(
  byKind({
    object: v.pipe(
      closed({ type: oneOf('ephemeral'), ttl: maybe(oneOf('5m', '1h')) }),
      v.transform((mark) => new CacheMark(mark, mark.ttl === '1h' ? '1h' : '5m')),
    ),
  }),
);

export const BASE64 = /^[A-Za-z0-9+/_=\r\n-]*$/;

/** The base64 of an image. */
export const imageData = v.pipe(
  text,
  v.regex(BASE64, 'base64'),
  v.transform((data) => new ImageData(data)),
);

/** A file whose tokens its bytes do not bound: its base64 or a data: URL. Some providers take an address as well. */
export const fileData = v.pipe(
  text,
  v.transform((data) =>
    data.startsWith('data:') || BASE64.test(data) ? new Reference(data, 'data') : fetched(data),
  ),
);

/** Input that the provider fetches. Where not everyone may read it, it is stored there. */
export const fetched = (address: string): Reference =>
  new Reference(address, isPublicUrl(address) ? 'url' : 'stored');

/** The address of input that the provider fetches. */
export const url = v.pipe(text, v.transform(fetched));

/** The id of data stored at the provider. */
export const storedId = v.pipe(
  text,
  v.transform((id) => new Reference(id, 'stored')),
);

const INLINE_IMAGE = /^data:image\/[a-z0-9.+-]{1,32};base64,[A-Za-z0-9+/_=-]*$/;

/** An image by its address, or in the request itself by a data: URL. */
export const imageUrl = v.pipe(
  text,
  v.transform((address) => {
    if (INLINE_IMAGE.test(address)) return new ImageData(address);
    return address.startsWith('data:') ? new Reference(address, 'data') : fetched(address);
  }),
);

export type ImageMediaType = `image/${string}`;
export const imageMediaType = v.pipe(
  text,
  v.regex(/^image\/[a-z0-9.+-]{1,32}$/i, 'a type of an image'),
) as unknown as Shape<ImageMediaType>;
