/**
 * Takes the place of `node:stream/web` in the bundles. Middy asks whether a body is a web stream. None of ours is, and
 * Node's own takes 2 ms of each start.
 */
export class ReadableStream {}
