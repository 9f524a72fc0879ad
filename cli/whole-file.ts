/**
 * A file that is there as a whole or not at all: written beside its place, then moved there in one step.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CommandError, wrongUse } from './failure.ts';

/** It holds tokens. */
const OWNER_ONLY = 0o600;

/** What is gathered before it is written. */
const BLOCK_CHARS = 65_536;

/**
 * Writes lines to a file that its owner alone may read. Whatever goes wrong, one that stood there stands unchanged,
 * and nothing else is left behind.
 * @param signal ends it between two blocks
 * @throws CommandError when it cannot be written, and whatever `lines` throws
 */
export async function writeWhole(
  path: string,
  lines: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const place = await placeOf(path);
  const suffix = randomBytes(6).toString('hex');
  const beside = join(dirname(place), `.${basename(place)}.${suffix}.tmp`);
  const file = await told(path, () => open(beside, 'wx', OWNER_ONLY));
  try {
    try {
      await writeBlocks(file, lines, path, signal);
      await told(path, () => file.sync());
    } finally {
      await file.close();
    }
    signal.throwIfAborted();
    await told(path, () => rename(beside, place));
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(place));
}

async function writeBlocks(
  file: FileHandle,
  lines: AsyncIterable<string>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  let block = '';
  for await (const line of lines) {
    block += `${line}\n`;
    if (block.length < BLOCK_CHARS) continue;
    const full = block;
    block = '';
    await told(path, () => file.appendFile(full));
    signal.throwIfAborted();
  }
  await told(path, () => file.appendFile(block));
}

/** Where the file itself is: a link to it stays a link. */
async function placeOf(path: string): Promise<string> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return resolve(path);
  const place = stats.isSymbolicLink() ? await told(path, () => realpath(path)) : resolve(path);
  if (stats.isSymbolicLink() ? (await lstat(place)).isFile() : stats.isFile()) return place;
  throw wrongUse(`"${path}" is there, and is no file`);
}

/** The move outlives a power cut where the system can promise that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'it is larger than files may be here',
  ENOENT: 'its folder is not there',
  EACCES: 'it may not be written to',
  EROFS: 'the disk is read-only',
};

async function told<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error';
    throw new CommandError(
      `"${path}" cannot be written: ${WORDS[code] ?? code}; nothing was left behind`,
    );
  }
}
