/**
 * The closed shapes of Google's contents. Flow: policy > **parse** > bound > write. Invariant: a part's data is text, an
 * image, or bounded by the context window; nothing else has the price of text. https://ai.google.dev/api/caching#Part
 */
import * as v from 'valibot';
import { BASE64, fetched } from '../leaf-shapes.ts';
import { EncodedText, ImageData, Reference } from '../leaves.ts';
import {
  each,
  flag,
  jsonObject,
  limitedTo,
  list,
  maybe,
  type Read,
  type Strictness,
  text,
} from '../shapes.ts';
import { message, repeated } from './shapes.ts';

const IMAGE = /^image\/[a-z0-9.+-]{1,32}$/i;
const TEXT = /^(?:text\/[a-z0-9.+-]{1,32}|application\/json)$/i;

/** Sound and moving pictures have prices of their own. */
const hasPriceOfText = (type: unknown): boolean =>
  typeof type === 'string' && (IMAGE.test(type) || TEXT.test(type) || type === 'application/pdf');

/** Google reads the sound and the pictures of these, whatever type the client names. */
const isVideoHost = (uri: string): boolean =>
  URL.canParse(uri) && /(^|\.)(?:youtube\.com|youtu\.be)\.?$/.test(new URL(uri).hostname);

function dataShapes(strictness: Strictness) {
  const isBounded = strictness === 'bounded';
  const priced = limitedTo(hasPriceOfText, 'an image, a text or application/pdf');
  const inlineData = v.pipe(
    message(strictness, {
      mimeType: isBounded ? priced : text,
      data: v.pipe(text, v.regex(BASE64, 'base64')),
      displayName: maybe(text),
    }),
    v.transform((blob) => ({ ...blob, data: toLeaf(blob.mimeType, blob.data) })),
  );
  const notVideo = limitedTo(
    (uri) => typeof uri === 'string' && !isVideoHost(uri),
    'the address of an image, a text or a PDF',
  );
  const fileData = message(strictness, {
    fileUri: v.pipe(isBounded ? notVideo : text, v.transform(fetched)),
    mimeType: isBounded ? priced : maybe(text),
    displayName: maybe(text),
  });
  return { inlineData: maybe(inlineData), fileData: maybe(fileData) };
}

const toLeaf = (mimeType: string, data: string): ImageData | EncodedText | Reference => {
  if (IMAGE.test(mimeType)) return new ImageData(data);
  return TEXT.test(mimeType) ? new EncodedText(data) : new Reference(data, 'data');
};

function partShape(strictness: Strictness) {
  const of = <M extends v.ObjectEntries>(members: M) => maybe(message(strictness, members));
  const data = dataShapes(strictness);
  return message(strictness, {
    text: maybe(text),
    thought: maybe(flag),
    thoughtSignature: maybe(text),
    ...data,
    functionCall: of({
      ...each(maybe(text), 'id', 'name'),
      args: maybe(jsonObject),
      partialArgs: maybe(list(jsonObject)),
      willContinue: maybe(flag),
    }),
    functionResponse: of({
      ...each(maybe(text), 'id', 'name', 'scheduling'),
      response: maybe(jsonObject),
      parts: maybe(repeated(message(strictness, data))),
      willContinue: maybe(flag),
    }),
    executableCode: of(each(maybe(text), 'code', 'language', 'id')),
    codeExecutionResult: of(each(maybe(text), 'outcome', 'output', 'id')),
    // The resolution at which an image is read, inside the bound of an image.
    mediaResolution: of({ level: maybe(text) }),
    partMetadata: maybe(jsonObject),
  });
}

export const contentShape = (strictness: Strictness) =>
  message(strictness, { role: maybe(text), parts: maybe(repeated(partShape(strictness))) });

export type Content = Read<ReturnType<typeof contentShape>>;
